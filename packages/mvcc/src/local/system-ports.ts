import { randomInt } from 'node:crypto';
import type { Clock, Random, WallClock } from '@coterie/raft';

/** The machine's monotonic time. One for each store, so that `unref` lets the process end over its timers alone. */
export class LocalClock implements Clock {
  readonly #timers = new Set<NodeJS.Timeout>();
  #keepsAlive = true;

  now(): number {
    return performance.now();
  }

  setInterval(fn: () => void, ms: number): unknown {
    const timer = setInterval(fn, ms);
    if (!this.#keepsAlive) timer.unref();
    this.#timers.add(timer);
    return timer;
  }

  clearInterval(handle: unknown): void {
    clearInterval(handle as NodeJS.Timeout);
    this.#timers.delete(handle as NodeJS.Timeout);
  }

  /** @param on whether timers, those that run and those to come, hold the process up */
  keepAlive(on: boolean): void {
    this.#keepsAlive = on;
    for (const timer of this.#timers) {
      if (on) timer.ref();
      else timer.unref();
    }
  }
}

/** The machine's wall clock. */
export const localWall: WallClock = { wallMs: () => Date.now() };

/** Unpredictable: the nonces of sessions must not repeat what an earlier process has drawn. */
export const localRandom: Random = { nextInt: (n) => (n <= 1 ? 0 : randomInt(n)) };
