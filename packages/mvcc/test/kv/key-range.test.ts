import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inRange } from '../../src/command/key-range.js';
import { mergeRanges, parseRange } from '../../src/kv/key-range.js';
import type { KeyRange } from '../../src/store/types.js';

// Few different bytes, so that bounds, prefixes and keys meet; 0x00 and 0xff are where successors go wrong.
const byte = fc.constantFrom('\0', 'a', 'b', '\xfe', '\xff');
const key = fc.array(byte, { minLength: 1, maxLength: 4 }).map((bytes) => bytes.join(''));
const namespace = fc.array(byte, { maxLength: 3 }).map((bytes) => bytes.join(''));
const bound = fc.option(key, { nil: undefined });

const range = fc
  .record({ prefix: bound, start: bound, openStart: fc.boolean(), end: bound, openEnd: fc.boolean() })
  .map(({ prefix, start, openStart, end, openEnd }) => ({
    prefix,
    [openStart ? 'gt' : 'gte']: start,
    [openEnd ? 'lt' : 'lte']: end,
  }))
  .filter((bounds) => Object.values(bounds).some((each) => each !== undefined)) as fc.Arbitrary<
  Partial<Record<'prefix' | 'gt' | 'gte' | 'lt' | 'lte', string>>
>;

const parse = (bounds: object, within: string): KeyRange =>
  parseRange(bounds, 'range', within, (each) => within + String(each));

describe('a range object', () => {
  it('holds the keys of its namespace that its bounds say, and no other', () => {
    fc.assert(
      fc.property(range, namespace, key, (bounds, within, name) => {
        const { prefix, gt, gte, lt, lte } = bounds;
        const expected =
          (prefix === undefined || name.startsWith(prefix)) &&
          (gt === undefined || name > gt) &&
          (gte === undefined || name >= gte) &&
          (lt === undefined || name < lt) &&
          (lte === undefined || name <= lte);
        expect(inRange(within + name, parse(bounds, within))).toBe(expected);
      }),
      { numRuns: 5_000 },
    );
  });

  it('never reaches beyond its namespace', () => {
    fc.assert(
      fc.property(range, namespace, key, (bounds, within, stored) => {
        if (stored.startsWith(within) && stored !== within) return;
        expect(inRange(stored, parse(bounds, within))).toBe(false);
        expect(inRange(stored, parse({ all: true }, within))).toBe(false);
      }),
      { numRuns: 5_000 },
    );
  });

  it('never has its end before its start', () => {
    fc.assert(
      fc.property(range, namespace, (bounds, within) => {
        const { start, end } = parse(bounds, within);
        expect(end === undefined || start <= end).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('merged ranges', () => {
  it('hold the same keys, apart from one another and in order', () => {
    const some = fc.array(range, { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(some, key, (bounds, stored) => {
        const ranges = bounds.map((each) => parse(each, ''));
        const merged = mergeRanges(ranges);
        expect(merged.filter((each) => inRange(stored, each)).length).toBe(
          ranges.some((each) => inRange(stored, each)) ? 1 : 0,
        );
        for (const [i, each] of merged.entries()) {
          const before = merged[i - 1];
          if (before !== undefined) expect(before.end !== undefined && before.end < each.start).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
