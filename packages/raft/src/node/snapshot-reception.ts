import type { Clock } from '../ports/clock.js';
import type { SnapshotSink } from '../ports/snapshot-store.js';

interface Receiving {
  readonly sink: SnapshotSink;
  /** When it last came forward; undefined while the sink is at work, which takes as long as its disk does. */
  idleSinceMs: number | undefined;
  over: boolean;
}

/** The one snapshot that a member receives at a time, and its end when nothing more of it comes. */
export class SnapshotReception {
  readonly #clock: Clock;
  readonly #idleMs: number;
  /** `opening`: the store has not answered yet where it goes. */
  #receiving: Receiving | 'opening' | undefined;

  /**
   * @param idleMs a snapshot of which nothing comes for so long is given up, so that another one can be received: not
   *   every transport notices that a sender is gone
   */
  constructor(clock: Clock, idleMs: number) {
    this.#clock = clock;
    this.#idleMs = idleMs;
  }

  /** Whether one is on its way. */
  get busy(): boolean {
    return this.#receiving !== undefined;
  }

  /**
   * @param open where the snapshot goes
   * @param commit what is to be done once all of it has come
   *
   * @throws Error when another one is being received
   */
  async receive(
    open: () => Promise<SnapshotSink>,
    commit: (sink: SnapshotSink) => Promise<void>,
  ): Promise<SnapshotSink> {
    if (this.#receiving !== undefined) throw new Error('another snapshot is being received');
    this.#receiving = 'opening';
    let sink: SnapshotSink;
    try {
      sink = await open();
    } catch (error) {
      this.#receiving = undefined;
      throw error;
    }
    const receiving: Receiving = { sink, idleSinceMs: this.#clock.now(), over: false };
    this.#receiving = receiving;
    return {
      get offset() {
        return sink.offset;
      },
      write: (chunk) => this.#work(receiving, () => sink.write(chunk)),
      commit: async () => {
        try {
          await this.#work(receiving, () => commit(sink));
        } finally {
          this.#ended(receiving);
        }
      },
      abort: () => this.#giveUp(receiving),
    };
  }

  /** Gives up what has been idle for too long; to be called now and then. */
  sweep(): void {
    const receiving = this.#receiving;
    if (receiving === undefined || receiving === 'opening' || receiving.idleSinceMs === undefined) return;
    if (this.#clock.now() - receiving.idleSinceMs > this.#idleMs) this.#giveUp(receiving).catch(() => undefined);
  }

  async #work(receiving: Receiving, step: () => Promise<void>): Promise<void> {
    if (receiving.over) throw new Error('this transfer was given up');
    receiving.idleSinceMs = undefined;
    try {
      await step();
    } finally {
      receiving.idleSinceMs = this.#clock.now();
    }
  }

  async #giveUp(receiving: Receiving): Promise<void> {
    if (receiving.over) return;
    receiving.over = true;
    try {
      await receiving.sink.abort();
    } finally {
      this.#ended(receiving);
    }
  }

  #ended(receiving: Receiving): void {
    receiving.over = true;
    if (this.#receiving === receiving) this.#receiving = undefined;
  }
}
