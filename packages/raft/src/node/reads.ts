import { CoterieError } from '@coterie/errors';
import type { Index } from '../core/messages.js';
import type { ReadState } from '../core/ready.js';

/** How the index of a read is found: see `RaftNode.read`. */
export type ReadPolicy = 'index' | 'lease';

/** A read that waits for its index. */
export interface ReadWaiter {
  /** Called once: the read may be served now, or why not. */
  settle(error: Error | undefined, index: Index): void;
  /** Set by a caller that no longer waits; it is dropped at the next sweep and must ignore a settlement until then. */
  cancelled: boolean;
}

interface Round {
  readonly waiters: ReadWaiter[];
  readonly askedAtTick: number;
}

interface Confirmed {
  readonly index: Index;
  readonly waiters: ReadWaiter[];
}

/**
 * Linearizable reads of this member: all that gather in one turn share one token, and wait together until the own state
 * machine has applied the index that the leader confirmed (thesis §6.4).
 *
 * A token is never used twice: an answer that comes late belongs to an attempt that is no longer waited for (etcd issue
 * 20418 was a stale read from a reused one).
 */
export class ReadQueue {
  readonly #readsMax: number;
  #gathering: ReadWaiter[] = [];
  #rounds = new Map<number, Round>();
  #waiting: Confirmed[] = [];
  #nextToken = 1;
  #count = 0;

  constructor(readsMax: number) {
    this.#readsMax = readsMax;
  }

  get gathering(): number {
    return this.#gathering.length;
  }

  add(waiter: ReadWaiter): void {
    if (this.#take(waiter)) this.#gathering.push(waiter);
  }

  /** A read whose index is known already, since a lease stands. */
  addConfirmed(waiter: ReadWaiter, index: Index, applied: Index): void {
    if (index <= applied) {
      waiter.settle(undefined, index);
      return;
    }
    if (!this.#take(waiter)) return;
    const last = this.#waiting.at(-1);
    if (last?.index === index) last.waiters.push(waiter);
    else this.#waiting.push({ index, waiters: [waiter] });
  }

  /** Opens a round for everything gathered. @returns its token */
  open(tick: number): number {
    const token = this.#nextToken++;
    this.#rounds.set(token, { waiters: this.#gathering, askedAtTick: tick });
    this.#gathering = [];
    return token;
  }

  /** @param confirmed told of each round that the leader confirmed */
  answered(reads: readonly ReadState[], confirmed: (index: Index, waiters: number) => void): void {
    for (const read of reads) {
      const round = this.#rounds.get(read.token);
      if (round === undefined) continue;
      this.#rounds.delete(read.token);
      if (read.index === undefined) this.#gathering.push(...round.waiters);
      else {
        this.#waiting.push({ index: read.index, waiters: round.waiters });
        confirmed(read.index, round.waiters.length);
      }
    }
  }

  /**
   * Rounds asked of a leader that is gone, or too long ago (the message was lost), are asked again under a new token.
   */
  retry(olderThanTick: number): void {
    for (const [token, round] of this.#rounds) {
      if (round.askedAtTick >= olderThanTick) continue;
      this.#rounds.delete(token);
      this.#gathering.push(...round.waiters);
    }
  }

  /** Serves what this applied index allows. */
  applied(index: Index): void {
    if (this.#waiting.length === 0) return;
    const still: Confirmed[] = [];
    const due: Confirmed[] = [];
    for (const entry of this.#waiting) (entry.index <= index ? due : still).push(entry);
    this.#waiting = still;
    for (const entry of due) {
      this.#count -= entry.waiters.length;
      for (const waiter of entry.waiters) waiter.settle(undefined, entry.index);
    }
  }

  /** Lets go of callers that gave up, so that an outage does not fill the queue with reads that nobody waits for. */
  sweep(): void {
    if (this.#gathering.length === 0) return;
    const before = this.#gathering.length;
    this.#gathering = this.#gathering.filter((waiter) => !waiter.cancelled);
    this.#count -= before - this.#gathering.length;
  }

  fail(error: Error): void {
    const all = [
      ...this.#gathering,
      ...[...this.#rounds.values()].flatMap((round) => round.waiters),
      ...this.#waiting.flatMap((entry) => entry.waiters),
    ];
    this.#gathering = [];
    this.#rounds.clear();
    this.#waiting = [];
    this.#count = 0;
    for (const waiter of all) waiter.settle(error, 0);
  }

  #take(waiter: ReadWaiter): boolean {
    if (this.#count < this.#readsMax) {
      this.#count++;
      return true;
    }
    const message = `${this.#readsMax} reads wait for a leader already`;
    waiter.settle(new CoterieError('ERR_OVERLOADED', { message }), 0);
    return false;
  }
}
