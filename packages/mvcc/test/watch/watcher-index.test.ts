import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inRange, keyAlone } from '../../src/command/key-range.js';
import type { KeyRange } from '../../src/store/types.js';
import { WatcherIndex } from '../../src/watch/watcher-index.js';
import { aKey, aRange } from '../command/request-arbitrary.js';

function found(index: WatcherIndex<number>, key: string): number[] {
  const watchers = new Set<number>();
  index.find(key, (place) => {
    for (const watcher of place.watchers) watchers.add(watcher);
  });
  return [...watchers].sort((a, b) => a - b);
}

describe('the index of watchers', () => {
  test('finds for each key exactly those whose ranges hold it, whatever was added and removed', () => {
    const aStep = fc.oneof(
      { weight: 3, arbitrary: fc.record({ add: fc.array(aRange, { minLength: 1, maxLength: 3 }) }) },
      { weight: 2, arbitrary: fc.record({ remove: fc.nat() }) },
    );
    fc.assert(
      fc.property(fc.array(aStep, { maxLength: 60, size: 'max' }), fc.array(aKey, { minLength: 1 }), (steps, keys) => {
        const index = new WatcherIndex<number>();
        const present = new Map<number, readonly KeyRange[]>();
        steps.forEach((step, id) => {
          if ('add' in step) {
            present.set(id, step.add);
            index.add(step.add, id);
          } else {
            const ids = [...present.keys()];
            const chosen = ids[step.remove % Math.max(ids.length, 1)];
            if (chosen === undefined) return;
            index.delete(present.get(chosen)!, chosen);
            present.delete(chosen);
          }
          for (const key of keys) {
            const expected = [...present].filter(([, ranges]) => ranges.some((range) => inRange(key, range)));
            expect(found(index, key)).toEqual(expected.map(([watcher]) => watcher));
          }
        });
      }),
      { numRuns: 200 },
    );
  });

  test('removing one of two equal watches leaves the other', () => {
    const index = new WatcherIndex<number>();
    const ranges = [keyAlone('a'), { start: 'a', end: 'b' }, keyAlone('a')];
    index.add(ranges, 1);
    index.add(ranges, 2);
    index.delete(ranges, 1);
    expect(index.size).toBe(1);
    expect(found(index, 'a')).toEqual([2]);
    expect(found(index, 'ab')).toEqual([2]);
  });
});
