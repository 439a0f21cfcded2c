import { expect, test } from 'vitest';
import { openStore } from '../../src/index.js';

// Hits, misses and both from several loops at once: none of them needs the disk.
test.each([
  ['a key that is there', 'a', 1],
  ['a key that is not there', 'b', 1],
  ['a key that is there, from many loops', 'a', 64],
  ['a key at a revision', 'a', 1, 2],
])('reads of %s leave the event loop its turns', async (_what, key, loops, revision?: number) => {
  const store = await openStore();
  try {
    await store.put('a', 'x');
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    let reads = 0;
    // Without a turn the reads would end first, whatever they take.
    const readOn = async (): Promise<void> => {
      while (turns < 3 && reads < 3_000_000) {
        await store.get(key, { revision });
        reads++;
      }
    };
    await Promise.all(Array.from({ length: loops }, readOn));
    clearInterval(timer);
    expect(turns).toBe(3);
  } finally {
    await store.close();
  }
});
