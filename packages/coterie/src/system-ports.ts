import type { Clock, Random, TurnScheduler, WallClock } from '@coterie/raft';
import { randomInt } from 'node:crypto';

/** Time, turns and chance of the machine. The only file of this package that touches them. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setInterval: (fn, ms) => setInterval(fn, ms),
  clearInterval: (handle) => clearInterval(handle as NodeJS.Timeout),
};

/**
 * A turn begins in the check phase, right after the sockets of this loop iteration have been read: all of one iteration's messages
 * and calls share it.
 */
export const systemTurns: TurnScheduler = { defer: (fn) => void setImmediate(fn) };

export const systemWall: WallClock = { wallMs: () => Date.now() };

/** Unpredictable, so that peers never draw the same timeouts. randomInt takes ranges below 2^48. */
export const systemRandom: Random = { nextInt: (n) => (n <= 1 ? 0 : randomInt(n)) };
