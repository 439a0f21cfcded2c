import type { VirtualTime } from '@coterie/raft/testing';

interface Operation {
  readonly run: () => void;
  dueMs: number;
  /** It waits in virtual time under this number; an older one of the same operation is void. */
  turn: number;
}

/**
 * How fast a disk is. When it gets faster, what is on its way gets faster too: an operation that began while the disk
 * stood still must not stall the disk for good after it has been mended.
 */
export class DiskPace {
  readonly #time: VirtualTime;
  readonly #waiting = new Set<Operation>();
  #slowness = 1;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  /** Every operation takes so many times as long as on a healthy disk. */
  get slowness(): number {
    return this.#slowness;
  }

  set slowness(slowness: number) {
    const rate = slowness / this.#slowness;
    this.#slowness = slowness;
    if (rate >= 1) return;
    const { now } = this.#time;
    for (const operation of this.#waiting) {
      operation.dueMs = now + (operation.dueMs - now) * rate;
      this.#wait(operation);
    }
  }

  /** Calls `run` after `ms` at the present pace. */
  schedule(ms: number, run: () => void): void {
    const operation = { run, dueMs: this.#time.now + ms, turn: 0 };
    this.#waiting.add(operation);
    this.#wait(operation);
  }

  #wait(operation: Operation): void {
    const turn = ++operation.turn;
    this.#time.schedule(operation.dueMs - this.#time.now, () => {
      if (operation.turn !== turn) return;
      this.#waiting.delete(operation);
      operation.run();
    });
  }
}
