import { CoterieError, invariant } from '@coterie/errors';
import type { WriteResult } from '../command/operation.js';
import type { CallControl, KvEngine } from '../engine/engine.js';
import { replicatedLimits } from '../limits.js';
import type { BinaryKey } from '../store/types.js';
import { KvLease, type LeaseConduct } from './kv-lease.js';
import type { KvLifecycle } from './lifecycle.js';
import type { KvClock } from './pacing.js';
import type { ViewCodec } from './view-codec.js';

/** Renewals of one store leave together, at most this often. */
const messageMs = 100;
/** How often the deadlines of handles are looked at: a tenth of the shortest one's life, within these. */
const lookMsMin = 10;
const lookMsMax = 100;
/** A renewal without an answer is given up, and sent again, after a third of a life, but not earlier than this. */
const patienceMsMin = 300;
/** Revocations under way at once when a store closes. */
const revocationsAtOnce = 256;

/**
 * The leases that this process holds: all views of a store share one.
 *
 * One message carries the renewals of all that are due; what does not fit in it goes with the next. A store that closes
 * revokes what it kept alive, after its handlers have run.
 */
export class LeaseKeeper {
  readonly #engine: KvEngine;
  readonly #clock: KvClock;
  readonly #lifecycle: KvLifecycle;
  readonly #handles = new Set<KvLease>();
  #timer: unknown;
  #timerMs = 0;
  #sentMs = -Infinity;

  constructor(engine: KvEngine, clock: KvClock, lifecycle: KvLifecycle) {
    this.#engine = engine;
    this.#clock = clock;
    this.#lifecycle = lifecycle;
  }

  now(): number {
    return this.#clock.now();
  }

  /** @throws CoterieError ERR_LEASE_EXISTS, ERR_OVERLOADED, and as every write */
  async grant(codec: ViewCodec, id: number, ttlMs: number, keepAlive: boolean, control: CallControl): Promise<KvLease> {
    const sentMs = this.now();
    const result = await this.#engine.write({ kind: 'grantLease', id, ttlMs }, control);
    invariant(result.kind === 'grantLease', 'the engine answers what it was asked', { got: result.kind });
    const term = { ...result, remainingMs: result.ttlMs };
    return this.#hold(new KvLease(this, codec, term, { keepAlive, closeRevokes: true }, sentMs));
  }

  /** @throws CoterieError ERR_LEASE_NOT_FOUND, and as every write */
  async attach(codec: ViewCodec, id: number, keepAlive: boolean, control: CallControl): Promise<KvLease> {
    const sentMs = this.now();
    const result = await this.#engine.write({ kind: 'attachLease', id, renew: keepAlive }, control);
    invariant(result.kind === 'attachLease', 'the engine answers what it was asked', { got: result.kind });
    const conduct: LeaseConduct = { keepAlive, closeRevokes: keepAlive };
    return this.#hold(new KvLease(this, codec, result, conduct, sentMs));
  }

  /** @throws CoterieError as every write */
  async renew(lease: KvLease, control: CallControl): Promise<void> {
    await this.#send([lease], control);
  }

  /** @throws CoterieError ERR_LEASE_NOT_FOUND, and as every write */
  async revoke({ id, generation }: KvLease, control: CallControl): Promise<void> {
    await this.#engine.write({ kind: 'revokeLease', id, generation }, control);
  }

  /** @returns undefined when the lease is gone */
  async keysOf({ id, generation }: KvLease, control: CallControl): Promise<readonly BinaryKey[] | undefined> {
    const lease = await this.#engine.lease({ id }, control);
    return lease?.generation === generation ? lease.keys : undefined;
  }

  forget(lease: KvLease): void {
    this.#handles.delete(lease);
    if (this.#handles.size === 0) this.#setTimer(0);
  }

  storeClosed(): void {
    for (const lease of [...this.#handles]) lease.lose('the store is closed');
  }

  #hold(lease: KvLease): KvLease {
    if (this.#lifecycle.closed) {
      lease.lose('the store is closed');
      return lease;
    }
    if (this.#handles.size === 0) {
      this.#lifecycle.enter(this);
      this.#lifecycle.lastly(this.#revokeKept);
    }
    this.#handles.add(lease);
    const lookMs = Math.max(lookMsMin, Math.min(lookMsMax, Math.floor(lease.ttlMs / 10)));
    if (this.#timerMs === 0 || lookMs < this.#timerMs) this.#setTimer(lookMs);
    return lease;
  }

  /** @param ms 0: no timer */
  #setTimer(ms: number): void {
    if (this.#timerMs !== 0) this.#clock.clearInterval(this.#timer);
    this.#timerMs = ms;
    this.#timer = ms === 0 ? undefined : this.#clock.setInterval(() => this.#look(), ms);
    // The store decides whether the process lives on, not a lease of it.
    (this.#timer as { unref?: () => void } | undefined)?.unref?.();
  }

  #look(): void {
    const now = this.now();
    const due: KvLease[] = [];
    const room = now - this.#sentMs >= messageMs ? replicatedLimits.renewalsPerCommand : 0;
    for (const lease of this.#handles) {
      if (!lease.heldAt(now)) continue;
      if (lease.keepAlive && !lease.renewing && lease.renewAt <= now && due.length < room) due.push(lease);
    }
    if (due.length === 0) return;
    this.#sentMs = now;
    const shortest = due.reduce((least, { ttlMs }) => Math.min(least, ttlMs), Infinity);
    // What went wrong shows in the handles, if none of the next ones comes through either.
    this.#send(due, { timeoutMs: Math.max(patienceMsMin, shortest / 3) }).catch(() => undefined);
  }

  async #send(leases: readonly KvLease[], control: CallControl): Promise<void> {
    const sentMs = this.now();
    for (const lease of leases) lease.renewing = true;
    const handles = leases.map(({ id, generation }) => ({ id, generation }));
    let result: WriteResult;
    try {
      result = await this.#engine.write({ kind: 'renewLeases', leases: handles }, control);
    } catch (error) {
      for (const lease of leases) lease.renewing = false;
      throw error;
    }
    invariant(result.kind === 'renewLeases', 'the engine answers what it was asked', { got: result.kind });
    for (const lease of leases) {
      lease.renewing = false;
      lease.renewAt = sentMs + lease.ttlMs / 3;
    }
    const lost = new Set(result.lost);
    leases.forEach((lease, position) => {
      if (lost.has(position)) lease.lose('the store does not have it any more');
      else lease.renewed(sentMs);
    });
  }

  /** Some at a time: each is a write of its own, and others close at the same time. */
  readonly #revokeKept = async (signal: AbortSignal | undefined): Promise<void> => {
    const kept = [...this.#handles].filter(({ keepAlive }) => keepAlive);
    for (let at = 0; at < kept.length && signal?.aborted !== true; at += revocationsAtOnce) {
      const closing = kept.slice(at, at + revocationsAtOnce).map((lease) => lease.close());
      const failed = (await Promise.allSettled(closing)).find((each) => each.status === 'rejected');
      if (failed !== undefined) throw asError(failed.reason);
    }
  };
}

function asError(reason: unknown): Error {
  return reason instanceof CoterieError ? reason : new Error(String(reason));
}
