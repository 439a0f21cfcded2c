import type { Clock, Random, TurnScheduler } from '@coterie/raft';

/** Time that passes when a test says so. */
export class VirtualClock implements Clock {
  #now = 0;
  readonly #timers = new Map<object, { readonly fn: () => void; readonly ms: number; next: number }>();

  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  setInterval(fn: () => void, ms: number): unknown {
    const handle = {};
    this.#timers.set(handle, { fn, ms, next: this.#now + ms });
    return handle;
  }

  clearInterval(handle: unknown): void {
    this.#timers.delete(handle as object);
  }

  /** Lets time pass; a timer that is due several times fires once, as after a stall. */
  advance(ms: number): void {
    this.#now += ms;
    for (const timer of [...this.#timers.values()]) {
      if (timer.next > this.#now) continue;
      timer.next = this.#now + timer.ms;
      timer.fn();
    }
  }
}

/** mulberry32: the same numbers for the same seed. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    nextInt: (n) => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) % n;
    },
  };
}

/** Runs what was deferred when told to. */
export class ManualScheduler implements TurnScheduler {
  #due: (() => void)[] = [];

  get idle(): boolean {
    return this.#due.length === 0;
  }

  defer(fn: () => void): void {
    this.#due.push(fn);
  }

  run(): void {
    const due = this.#due;
    this.#due = [];
    for (const fn of due) fn();
  }
}

/** Lets everything run that promises have made ready. */
export async function settle(): Promise<void> {
  for (let at = 0; at < 30; at++) await Promise.resolve();
}
