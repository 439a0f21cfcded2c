import type { TurnScheduler } from '@coterie/raft';

/** Reads from memory, one after the other, of which the last one waits for a turn of the event loop. */
const readsPerShare = 1024;

/**
 * Lets reads that memory answers give the event loop back now and then.
 *
 * Promises alone never do: whoever awaits one such read after the other runs on the queue of microtasks, and meanwhile
 * no timer fires and nothing is received. On a peer its heartbeats are among that. Counted, where loops of our own go
 * by time (`kv/pacing.ts`): a read that comes alone, however long after the last one, never waits.
 */
export class TurnShare {
  readonly #turns: TurnScheduler;
  #left = readsPerShare;
  #nextTurn: Promise<void> | undefined;

  constructor(turns: TurnScheduler) {
    this.#turns = turns;
  }

  /** Counts a read. @returns what it waits for first, if the share is used up */
  take(): Promise<void> | undefined {
    if (this.#left-- > 0) return undefined;
    this.#nextTurn ??= new Promise((resolve) => {
      this.#turns.defer(() => {
        this.#nextTurn = undefined;
        this.#left = readsPerShare;
        resolve();
      });
    });
    return this.#nextTurn;
  }
}
