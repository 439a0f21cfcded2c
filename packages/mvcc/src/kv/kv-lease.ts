import { CoterieError } from '@coterie/errors';
import type { LeaseHandle } from '../command/operation.js';
import type { CallControl } from '../engine/engine.js';
import { callControl } from './call-control.js';
import type { CallOptions } from './call-options.js';
import { keyCodec } from './codecs.js';
import type { Lease } from './lease.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { ViewCodec } from './view-codec.js';

/**
 * By how much a holder counts its time shorter, in percent: the leader's clock may run faster than its own. As
 * `leaseDriftPercent` of the leader's lease.
 */
const marginPercent = 10;

/** A lease in the log, as a handle begins with it. */
export interface LeaseTerm extends LeaseHandle {
  readonly ttlMs: number;
  /** Of log time, when the log said so. */
  readonly remainingMs: number;
}

/** What a handle does on its own. */
export interface LeaseConduct {
  readonly keepAlive: boolean;
  /** `close` ends the lease. */
  readonly closeRevokes: boolean;
}

/** A holder's side of a lease. */
export class KvLease implements Lease {
  readonly id: number;
  readonly generation: number;
  readonly ttlMs: number;
  readonly keepAlive: boolean;
  /** A renewal is on its way. */
  renewing = false;
  /** When the next renewal is to be sent. */
  renewAt: number;
  readonly #keeper: LeaseKeeper;
  readonly #codec: ViewCodec;
  readonly #closeRevokes: boolean;
  readonly #abort = new AbortController();
  #heldUntil: number;
  #revoked: Promise<void> | undefined;

  /** @param sentMs when the request was sent that the log has answered with `term` */
  constructor(keeper: LeaseKeeper, codec: ViewCodec, term: LeaseTerm, conduct: LeaseConduct, sentMs: number) {
    this.#keeper = keeper;
    this.#codec = codec;
    this.id = term.id;
    this.generation = term.generation;
    this.ttlMs = term.ttlMs;
    this.keepAlive = conduct.keepAlive;
    this.#closeRevokes = conduct.closeRevokes;
    this.#heldUntil = sentMs + heldMs(term.remainingMs);
    this.renewAt = sentMs + this.ttlMs / 3;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get held(): boolean {
    return this.#look(this.#keeper.now());
  }

  remainingMs(): number {
    const now = this.#keeper.now();
    return this.#look(now) ? this.#heldUntil - now : 0;
  }

  /** Whether it is held; one whose time is over is lost for good, even before any timer has fired. */
  #look(now: number): boolean {
    if (!this.signal.aborted && now >= this.#heldUntil) this.lose('it was not renewed in time');
    return !this.signal.aborted;
  }

  /** As `held`, at this time. */
  heldAt(now: number): boolean {
    return this.#look(now);
  }

  /** A renewal that was sent then is in the log. The log's time went on from there at the earliest. */
  renewed(sentMs: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, sentMs + heldMs(this.ttlMs));
  }

  /** It is gone, or may be. */
  lose(why: string): void {
    this.#keeper.forget(this);
    if (!this.signal.aborted) this.#abort.abort(notFound(this.id, why));
  }

  async renew(opts?: CallOptions): Promise<void> {
    const control = callControl(opts);
    if (!this.held) throw notFound(this.id, 'it is gone, or may be');
    await this.#keeper.renew(this, control);
    if (!this.held) throw notFound(this.id, 'it is gone, or may be');
  }

  async keys(opts?: CallOptions): Promise<readonly string[]> {
    const keys = await this.#keeper.keysOf(this, callControl(opts));
    if (keys === undefined) {
      this.lose('the store does not have it');
      throw notFound(this.id, 'the store does not have it');
    }
    const { namespace } = this.#codec;
    const text = this.#codec.withKeys(keyCodec('utf8'));
    return keys.filter((key) => key.startsWith(namespace)).map((key) => text.decodeKey(key, 0) as string);
  }

  async revoke(opts?: CallOptions): Promise<void> {
    await this.#revoke(callControl(opts));
  }

  async close(): Promise<void> {
    if (!this.#closeRevokes) {
      this.lose('its handle was closed');
      return;
    }
    try {
      await this.#revoke({});
    } catch (error) {
      if (!(error instanceof CoterieError) || !over.has(error.code)) throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A try that failed may be made again. */
  #revoke(control: CallControl): Promise<void> {
    if (this.#revoked !== undefined) return this.#revoked;
    // From here on nobody may rely on it, whatever the answer.
    this.lose('it was revoked');
    const revoked = this.#keeper.revoke(this, control);
    this.#revoked = revoked;
    revoked.catch(() => (this.#revoked = undefined));
    return revoked;
  }
}

/** What a lease that is to be closed may be told: nothing is left to end. */
const over: ReadonlySet<string> = new Set(['ERR_LEASE_NOT_FOUND', 'ERR_CLOSED']);

function heldMs(remainingMs: number): number {
  return remainingMs * (1 - marginPercent / 100);
}

function notFound(id: number, why: string): CoterieError<'ERR_LEASE_NOT_FOUND'> {
  return new CoterieError('ERR_LEASE_NOT_FOUND', { message: `lease ${id}: ${why}` });
}
