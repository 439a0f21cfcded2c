import type { Clock, Random, TurnScheduler, WallClock } from '@coterie/raft';
import { randomInt } from 'node:crypto';

/**
 * The machine's monotonic time and its timers. One for each peer, so that `unref` lets the process end over this peer's
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

  ref(): void {
    this.#keepsAlive = true;
    for (const timer of this.#timers) timer.ref();
  }

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

export const systemWall: WallClock = { wallMs: () => Date.now() };

/** Unpredictable, so that peers never draw the same timeouts. randomInt takes ranges below 2^48. */
export const systemRandom: Random = { nextInt: (n) => (n <= 1 ? 0 : randomInt(n)) };
