import { randomBytes } from 'node:crypto';
import { systemClock } from '../kv/system-time.js';
import { PoolWatch } from './pool-watch.js';
import type { SharedPool } from './read-either-way.js';

/** The pool of libuv. */
export const systemSharedPool: SharedPool = {
  clock: systemClock,
  // Next to no work, and none of it with a disk.
  watch: new PoolWatch((done) => {
    randomBytes(1, done);
  }),
};
