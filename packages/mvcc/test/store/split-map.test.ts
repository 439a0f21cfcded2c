import { expect, test } from 'vitest';
import { SplitMap } from '../../src/store/split-map.js';
import { seeded } from './fixture.js';

test('is a map, whatever keys end with, short ones and the empty one too', () => {
  const random = seeded(1);
  const keys = ['', 'a', '\u00ff', '\0', ...Array.from({ length: 60 }, (_, at) => `key-${at}${'/'.repeat(at % 3)}`)];
  const split = new SplitMap<number>();
  const plain = new Map<string, number>();
  for (let step = 0; step < 5_000; step++) {
    const key = keys[random.nextInt(keys.length)]!;
    if (random.nextInt(3) === 0) expect(split.delete(key)).toBe(plain.delete(key));
    else {
      split.set(key, step);
      plain.set(key, step);
    }
    const other = keys[random.nextInt(keys.length)]!;
    expect(split.get(other)).toBe(plain.get(other));
  }
  expect(plain.size).toBeGreaterThan(20);
});
