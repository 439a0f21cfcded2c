import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Durability } from '../../src/core/durability.js';
import { RaftLog } from '../../src/core/log.js';
import type { Entry } from '../../src/core/messages.js';
import { confOf, logOf } from './scripted-cluster.js';

const origin = { index: 0, term: 0 };

function entries(first: number, ...terms: number[]): Entry[] {
  return terms.map((term, i) => ({ term, index: first + i, kind: 'normal', data: new Uint8Array(10) }));
}

function terms(log: RaftLog): number[] {
  return Array.from({ length: log.lastIndex - log.startIndex }, (_, i) => log.termAt(log.firstIndex + i) as number);
}

describe('the log', () => {
  test('replaces what conflicts and everything behind it, at each place', () => {
    for (let first = 1; first <= 6; first++) {
      const log = new RaftLog(origin, logOf(1, 1, 2, 2, 3), 0, 0);
      log.append(entries(first, 4, 4));
      expect(terms(log)).toEqual([...[1, 1, 2, 2, 3].slice(0, first - 1), 4, 4]);
      expect(log.staged).toBe(first);
      expect([log.lastIndex, log.lastTerm]).toEqual([first + 1, 4]);
    }
  });

  test('takes neither gaps nor anything that is committed', () => {
    const log = new RaftLog(origin, logOf(1, 1, 2), 2, 0);
    expect(() => {
      log.append(entries(5, 3));
    }).toThrow(/invariant/);
    expect(() => {
      log.append(entries(2, 3));
    }).toThrow(/invariant/);
  });

  test('tells terms inside and at its beginning only, never a wrong one', () => {
    const log = new RaftLog({ index: 5, term: 2 }, entries(6, 3, 3), 5, 5);
    expect([4, 5, 6, 7, 8].map((index) => log.termAt(index))).toEqual([undefined, 2, 3, 3, undefined]);
    expect(log.matches(9, 0)).toBe(false);
  });

  test('keeps the term of what it compacts last, and lets go of the bytes', () => {
    const log = new RaftLog(origin, entries(1, 1, 2, 3, 3), 4, 4);
    expect(log.bytes).toBe(40);
    log.compact(3);
    expect([log.firstIndex, log.startIndex, log.startTerm, log.bytes]).toEqual([4, 3, 3, 10]);
    expect([2, 3, 4].map((index) => log.termAt(index))).toEqual([undefined, 3, 3]);
    log.compact(2);
    expect(log.firstIndex).toBe(4);
    log.compact(4);
    expect([log.lastIndex, log.lastTerm, log.bytes]).toEqual([4, 3, 0]);
  });

  test('compacts only what is applied', () => {
    const log = new RaftLog(origin, entries(1, 1, 1, 1), 2, 1);
    expect(() => {
      log.compact(2);
    }).toThrow(/invariant/);
  });

  test('pages hold one entry at least, and end at their limit', () => {
    const log = new RaftLog(origin, entries(1, 1, 1, 1, 1), 0, 0);
    expect(log.page(1, 4, 1).length).toBe(1);
    expect(log.page(1, 4, 60).length).toBe(2);
    expect(log.page(2, 3, 1e6).map((entry) => entry.index)).toEqual([2, 3]);
    expect(log.page(3, 2, 1e6)).toEqual([]);
  });

  test('a shared page is one array for all who ask the same, and never out of date', () => {
    const log = new RaftLog(origin, entries(1, 1, 1, 1), 0, 0);
    const page = log.sharedPage(2, 1e6);
    expect(log.sharedPage(2, 1e6)).toBe(page);
    log.append(entries(4, 1));
    expect(log.sharedPage(2, 1e6).map((entry) => entry.index)).toEqual([2, 3, 4]);
    // As long as before, with other entries.
    log.append(entries(3, 2, 2));
    expect(log.sharedPage(2, 1e6).map((entry) => entry.term)).toEqual([1, 2, 2]);
  });

  test('refuses to begin with what cannot be', () => {
    const corrupt = expect.objectContaining({ code: 'ERR_CORRUPT' });
    expect(() => new RaftLog(origin, entries(2, 1), 0, 0)).toThrow(corrupt);
    expect(() => new RaftLog(origin, [...entries(1, 2), ...entries(2, 1)], 0, 0)).toThrow(corrupt);
    expect(() => new RaftLog(origin, entries(1, 1), 2, 0)).toThrow(corrupt);
    expect(() => new RaftLog(origin, entries(1, 1), 0, 2)).toThrow(corrupt);
    expect(() => new RaftLog({ index: 3, term: 1 }, [], 3, 2)).toThrow(corrupt);
  });

  test('is an array of terms, whatever is appended, truncated and compacted', () => {
    const step = fc.oneof(
      fc.record({ back: fc.nat(4), count: fc.integer({ min: 1, max: 700 }) }),
      fc.record({ compact: fc.nat(900) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const log = new RaftLog(origin, [], 0, 0);
        let model: number[] = [];
        steps.forEach((each, term) => {
          if ('count' in each) {
            const first = Math.max(log.commit, log.lastIndex - each.back) + 1;
            log.append(entries(first, ...new Array<number>(each.count).fill(term)));
            model = [...model.slice(0, first - 1), ...new Array<number>(each.count).fill(term)];
          } else {
            const through = Math.min(log.startIndex + each.compact, log.lastIndex);
            log.commitTo(through);
            log.handed = Math.max(log.handed, through);
            log.applied = Math.max(log.applied, through);
            log.staged = log.lastIndex + 1;
            log.compact(through);
          }
          expect(log.lastIndex).toBe(model.length);
          expect(log.bytes).toBe((log.lastIndex - log.startIndex) * 10);
        });
        expect(terms(log)).toEqual(model.slice(log.startIndex));
      }),
      { numRuns: 50 },
    );
  });

  test('finds where two logs can agree, skipping whole terms', () => {
    const log = new RaftLog(origin, logOf(1, 1, 3, 3, 3, 3, 5, 5), 0, 0);
    expect(log.findConflict(8, 4)).toEqual({ index: 6, term: 3 });
    expect(log.findConflict(6, 2)).toEqual({ index: 2, term: 1 });
    expect(log.findConflict(8, 9)).toEqual({ index: 8, term: 5 });
    expect(log.findConflict(2, 0)).toEqual({ index: 0, term: 0 });
    expect(new RaftLog({ index: 4, term: 3 }, [], 4, 4).findConflict(4, 1)).toEqual({ index: 3, term: 0 });
  });

  test('isUpToDate compares the last term first, then the length', () => {
    const log = new RaftLog(origin, logOf(1, 2, 2), 0, 0);
    expect(log.isUpToDate(1, 3)).toBe(true);
    expect(log.isUpToDate(3, 2)).toBe(true);
    expect(log.isUpToDate(2, 2)).toBe(false);
    expect(log.isUpToDate(9, 1)).toBe(false);
  });
});

describe('what is durable', () => {
  const batch = (seq: number, first: number, last: number) => ({
    ...{ seq, first, last, term: 1, vote: 0, mustSync: true, snapshot: undefined },
    after: [],
  });

  test('follows finished batches', () => {
    const durability = new Durability(0, 0, 0);
    for (const [first, last] of [
      [1, 3],
      [4, 5],
    ] as const) {
      durability.push(batch(durability.nextSeq(), first, last));
    }
    durability.finish(1);
    expect(durability.index).toBe(3);
    expect(durability.finish(1)).toBeUndefined();
    durability.finish(2);
    expect(durability.index).toBe(5);
    expect(() => durability.finish(3)).toThrow(/invariant/);
  });

  test('falls when a newer leader truncates', () => {
    const durability = new Durability(9, 1, 0);
    durability.truncated(6);
    expect(durability.index).toBe(5);
  });

  test('does not take an older write for the same entry written again (ABA)', () => {
    const durability = new Durability(11, 1, 0);
    durability.push(batch(durability.nextSeq(), 12, 12));
    // Term 2 overwrites entry 12, term 3 brings the first form back; all three writes are on their way.
    durability.truncated(12);
    durability.push(batch(durability.nextSeq(), 12, 12));
    durability.truncated(12);
    durability.push(batch(durability.nextSeq(), 12, 12));
    durability.finish(1);
    expect(durability.index).toBe(11);
    durability.finish(2);
    expect(durability.index).toBe(11);
    durability.finish(3);
    expect(durability.index).toBe(12);
  });

  test('knows nothing before a snapshot mark is durable', () => {
    const durability = new Durability(9, 1, 0);
    durability.push(batch(durability.nextSeq(), 10, 12));
    durability.replaced();
    durability.push({
      ...batch(durability.nextSeq(), 51, 52),
      snapshot: { index: 50, term: 1, conf: confOf([1]), size: 0 },
    });
    durability.finish(1);
    expect(durability.index).toBe(0);
    durability.finish(2);
    expect(durability.index).toBe(52);
  });
});
