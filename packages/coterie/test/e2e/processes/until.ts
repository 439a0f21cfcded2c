import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Polls until `found` gives something. The limit is a hang margin, many times what it should take.
 *
 * @throws Error that says what was waited for and what was seen last
 */
export async function until<T>(what: string, found: () => Promise<T | undefined>, limitMs = 30_000): Promise<T> {
  const end = performance.now() + limitMs;
  let last: unknown;
  do {
    try {
      const result = await found();
      if (result !== undefined) return result;
    } catch (error) {
      last = error;
    }
    await sleep(20);
  } while (performance.now() < end);
  throw new Error(`${what}: not within ${limitMs} ms`, { cause: last });
}
