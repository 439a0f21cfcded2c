import { ProcessTime } from './process-time.js';

interface Task {
  readonly atMs: number;
  /** Tasks of one moment run in the order in which they were made: that is what makes a run repeatable. */
  readonly order: number;
  readonly run: () => void;
}

/**
 * Time that moves only when everything that was due has run. All clocks, timers, delays and turns of a simulated world
 * come from here, so one seed decides every interleaving.
 */
export class VirtualTime {
  #heap: Task[] = [];
  #now = 0;
  #order = 0;

  get now(): number {
    return this.#now;
  }

  get pending(): number {
    return this.#heap.length;
  }

  schedule(delayMs: number, run: () => void): void {
    this.#push({ atMs: this.#now + Math.max(0, delayMs), order: this.#order++, run });
  }

  /** Runs the next task. @returns false when there is none, or none until `untilMs` (then it is that time) */
  step(untilMs = Infinity): boolean {
    const next = this.#heap[0];
    if (next === undefined || next.atMs > untilMs) {
      if (untilMs !== Infinity) this.#now = Math.max(this.#now, untilMs);
      return false;
    }
    this.#pop();
    this.#now = next.atMs;
    next.run();
    return true;
  }

  /** The time of one process of this world. Nothing of it runs any more once `dead` says so. */
  process(dead: () => boolean): ProcessTime {
    return new ProcessTime(this, dead);
  }

  #push(task: Task): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(task);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (before(heap[parent]!, task)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = task;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (before(last, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Task, b: Task): boolean {
  return a.atMs !== b.atMs ? a.atMs < b.atMs : a.order < b.order;
}
