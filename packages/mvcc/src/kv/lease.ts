import { invalid, integer, kindOf } from './arguments.js';
import type { CallOptions, Closable } from './call-options.js';

/**
 * A term of life that keys can be tied to: they are deleted when it ends, all in one revision.
 *
 * Time is the log's: it stands still while the cluster has no leader, and nothing expires then. For everybody else
 * `ttlMs` is a lower bound of a lease's life, for its holder an upper one.
 */
export interface Lease extends Closable {
  readonly id: number;
  readonly ttlMs: number;
  /**
   * Aborts (reason: CoterieError `ERR_LEASE_NOT_FOUND`) before others may take it for gone, and never goes back.
   * Compare
   * `held` after a long block: a timer cannot have fired.
   */
  readonly signal: AbortSignal;
  /**
   * Whether the lease is certainly there: looks at the clock each time. Counted from when the last acknowledged renewal
   * was sent, less a tenth for clocks that run at different rates.
   */
  readonly held: boolean;
  /** For how long `held` stays true without a further renewal, in ms; 0 when it is false. */
  remainingMs(): number;
  /** Renews it now. @throws CoterieError ERR_LEASE_NOT_FOUND when it is gone, or may have been for a while */
  renew(opts?: CallOptions): Promise<void>;
  /**
   * Its keys within the view that made this handle, as texts.
   * @throws CoterieError ERR_LEASE_NOT_FOUND, ERR_DECODING
   */
  keys(opts?: CallOptions): Promise<readonly string[]>;
  /** Ends it and deletes its keys; they show the reason `'revoked'`. @throws CoterieError ERR_LEASE_NOT_FOUND */
  revoke(opts?: CallOptions): Promise<void>;
  /**
   * Revokes it, if this handle made it or keeps it alive; one that was only attached is let go. Not an error when it is
   * gone already.
   */
  close(): Promise<void>;
}

/** A lease as a list shows it. */
export interface LeaseInfo {
  readonly id: number;
  readonly ttlMs: number;
  /** As this replica sees it: exact within what it lags behind the leader. */
  readonly remainingMs: number;
}

/** What puts can be tied to. */
export interface LeaseOptions {
  lease?: Lease | number | 'keep' | undefined;
  ttlMs?: number | undefined;
}

/** How to make a lease. */
export interface NewLeaseOptions extends CallOptions {
  /**
   * In ms, at least 100. One that is kept alive is renewed each third of it, so below a second a slow disk loses it.
   */
  ttlMs: number;
  /** Below 2^32, so that it cannot meet one that the store picks. Left out: it picks one. */
  id?: number | undefined;
  /** Renews it until it is closed. Default true. */
  keepAlive?: boolean | undefined;
}

/** How to attach to a lease. */
export interface AttachLeaseOptions extends CallOptions {
  /** Renews it from now on. Default false. */
  keepAlive?: boolean | undefined;
}

/** What a put says of leases, as data. @throws CoterieError ERR_INVALID_ARGUMENT */
export function leaseChoice(opts: LeaseOptions | undefined): { lease?: number | 'keep'; ttlMs?: number } | undefined {
  if (opts === undefined) return undefined;
  const { lease, ttlMs } = opts;
  if (ttlMs !== undefined) {
    if (lease !== undefined) throw invalid('ttlMs', 'makes a lease of the key’s own and does not go with lease');
    return { ttlMs: integer(ttlMs, 'ttlMs', 1) };
  }
  if (lease === undefined) return undefined;
  if (lease === 'keep') return { lease };
  if (typeof lease === 'number') return { lease: integer(lease, 'lease', 1) };
  // By shape: a lease of another copy of the package is one, too.
  if (typeof lease === 'object' && lease !== null && typeof lease.id === 'number') {
    return { lease: integer(lease.id, 'lease.id', 1) };
  }
  throw invalid('lease', `must be a lease, its id or 'keep', not ${kindOf(lease)}`);
}
