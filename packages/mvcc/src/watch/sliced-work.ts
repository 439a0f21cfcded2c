import type { TurnScheduler } from '@coterie/raft';

/** Work that stops after every step and says what it cost, in units of about a microsecond. */
export type Steps = Generator<number, void>;

/**
 * Runs long work in slices that leave the event loop to others.
 *
 * It counts and looks at no clock: part of it runs where entries are applied, and a simulated run must replay. Pieces
 * of work take turns, so that a long one does not hold up a short one.
 */
export class SlicedWork {
  readonly #scheduler: TurnScheduler;
  readonly #turnUnits: number;
  readonly #pause: () => void;
  #tasks: Steps[] = [];
  #running = false;
  #deferred = false;

  /**
   * @param turnUnits of one turn: with what consumers do of it, it stays well below 5 ms
   * @param pause called at the end of each slice, before others run
   */
  constructor(scheduler: TurnScheduler, turnUnits: number, pause: () => void) {
    this.#scheduler = scheduler;
    this.#turnUnits = turnUnits;
    this.#pause = pause;
  }

  /** Begins it at once, unless other work is under way, and goes on with it later. */
  add(task: Steps): void {
    this.#tasks.push(task);
    if (!this.#running && !this.#deferred) this.#turn();
  }

  #turn(): void {
    this.#running = true;
    try {
      // Each has its share; what a short one leaves, the others have.
      for (let left = this.#turnUnits; left > 0 && this.#tasks.length > 0;) {
        const tasks = this.#tasks;
        this.#tasks = [];
        const share = left / tasks.length;
        for (const task of tasks) {
          const used = run(task, share, this.#tasks);
          left -= used;
        }
      }
      this.#pause();
    } finally {
      this.#running = false;
    }
    if (this.#tasks.length === 0 || this.#deferred) return;
    this.#deferred = true;
    this.#scheduler.defer(() => {
      this.#deferred = false;
      this.#turn();
    });
  }
}

/** @param unfinished takes the task when it is to go on */
function run(task: Steps, units: number, unfinished: Steps[]): number {
  let used = 0;
  while (used < units) {
    const step = task.next();
    if (step.done === true) return used + 1;
    used += step.value;
  }
  unfinished.push(task);
  return used;
}
