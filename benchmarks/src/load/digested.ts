import { setTimeout as sleep } from 'node:timers/promises';

/** Less processor time than this in a second is a process with nothing to do but its heartbeats. */
const idleMicros = 50_000;
const idleSeconds = 3;
const secondsMax = 180;

/**
 * Waits until processes have digested what was filled in: checkpoints, merging of tables.
 *
 * @param spent the processor time of each so far, in µs
 */
export async function digested(
  spent: () => readonly number[] | Promise<readonly number[]>,
  signal?: AbortSignal,
): Promise<void> {
  let idle = 0;
  let before = await spent();
  for (let seconds = 0; idle < idleSeconds && seconds < secondsMax; seconds++) {
    await sleep(1000, undefined, { signal });
    const now = await spent();
    idle = now.every((micros, i) => micros - before[i]! < idleMicros) ? idle + 1 : 0;
    before = now;
  }
}
