import { CoterieError } from '@coterie/errors';
import type { CallOptions, Closable } from './call-options.js';

/**
 * A term of life that keys can be tied to. Not part of this version: the calls that make one reject with
 * `ERR_INVALID_ARGUMENT`.
 */
export interface Lease extends Closable {
  readonly id: number;
  readonly ttlMs: number;
  /**
   * Aborts (reason: CoterieError `ERR_LEASE_NOT_FOUND`) before others may take it for gone. Compare `held` after a long
   * block: a timer cannot have fired.
   */
  readonly signal: AbortSignal;
  readonly held: boolean;
  remainingMs(): number;
  renew(opts?: CallOptions): Promise<void>;
  keys(opts?: CallOptions): Promise<readonly string[]>;
  revoke(opts?: CallOptions): Promise<void>;
}

/** A lease as a list shows it. */
export interface LeaseInfo {
  readonly id: number;
  readonly ttlMs: number;
  readonly remainingMs: number;
}

/** What puts can be tied to. */
export interface LeaseOptions {
  lease?: Lease | number | 'keep' | undefined;
  ttlMs?: number | undefined;
}

/**
 * The error of everything that needs a lease: an option that were ignored in silence would leave a key behind for ever.
 */
export function leasesMissing(argument: string): CoterieError<'ERR_INVALID_ARGUMENT'> {
  return new CoterieError('ERR_INVALID_ARGUMENT', {
    message: `${argument}: leases are not part of this version`,
    argument,
  });
}

/** @throws CoterieError ERR_INVALID_ARGUMENT when an option asks for a lease */
export function refuseLease(opts: LeaseOptions): void {
  if (opts.ttlMs !== undefined) throw leasesMissing('ttlMs');
  if (opts.lease !== undefined) throw leasesMissing('lease');
}
