import type { KvClock, KvScheduler } from './pacing.js';

/** Time of the running process. */
export const systemClock: KvClock = {
  now: () => performance.now(),
  setInterval: (fn, ms) => setInterval(fn, ms),
  clearInterval: (handle) => clearInterval(handle as NodeJS.Timeout),
};

/** The event loop of the running process. */
export const systemScheduler: KvScheduler = { defer: (fn) => void setImmediate(fn) };

/** Chance, where nothing depends on it but the spread of pauses. */
export const systemRandom = (): number => Math.random();
