import { randomInt } from 'node:crypto';
import type { Random } from '../core/ready.js';
import type { Clock, TurnScheduler, WallClock } from './clock.js';

/**
 * The machine's monotonic time and its timers. One for each node, so that `unref` lets the process end over this node's
 * timers alone.
 */
export class SystemClock implements Clock {
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

  /** Timers hold the process up again, those that run and those to come. The state a clock begins in. */
  ref(): void {
    this.#keepsAlive = true;
    for (const timer of this.#timers) timer.ref();
  }

  /** Timers no longer hold the process up. */
  unref(): void {
    this.#keepsAlive = false;
    for (const timer of this.#timers) timer.unref();
  }
}

/**
 * A turn begins in the check phase, right after the sockets of this loop iteration have been read: all of one
 * iteration's messages and calls share it.
 */
export const systemTurns: TurnScheduler = { defer: (fn) => void setImmediate(fn) };

/** The machine's wall clock. */
export const systemWall: WallClock = { wallMs: () => Date.now() };

/** Unpredictable, so that members never draw the same timeouts. randomInt takes ranges below 2^48. */
export const systemRandom: Random = { nextInt: (n) => (n <= 1 ? 0 : randomInt(n)) };
