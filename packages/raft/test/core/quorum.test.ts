import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jointVote, majorityIndex, majorityVote } from '../../src/core/quorum.js';

/** The definition, word for word: the highest index that more than half have reached. */
function naiveMajority(matches: readonly number[]): number {
  if (matches.length === 0) return Number.POSITIVE_INFINITY;
  const reached = (index: number) => matches.filter((match) => match >= index).length;
  return Math.max(...[0, ...matches].filter((index) => reached(index) * 2 > matches.length));
}

describe('majorityIndex', () => {
  test.each([
    { matches: [], index: Number.POSITIVE_INFINITY },
    { matches: [7], index: 7 },
    { matches: [0, 9], index: 0 },
    { matches: [4, 9], index: 4 },
    { matches: [1, 2, 3], index: 2 },
    { matches: [5, 0, 5], index: 5 },
    { matches: [1, 2, 3, 4], index: 2 },
    { matches: [9, 1, 8, 2, 7], index: 7 },
  ])('of $matches is $index', ({ matches, index }) => {
    expect(majorityIndex([...matches], matches.length)).toBe(index);
  });

  test('is what the definition says, for any voters', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(6), { maxLength: 9 }), (matches) => {
        expect(majorityIndex([...matches], matches.length)).toBe(naiveMajority(matches));
      }),
      { numRuns: 5000 },
    );
  });

  test('looks at no more than it is told to', () => {
    expect(majorityIndex([3, 1, 2, 99, 99, 99], 3)).toBe(2);
  });
});

describe('majorityVote', () => {
  test.each([
    { granted: 0, rejected: 0, total: 0, result: 'won' },
    { granted: 1, rejected: 0, total: 1, result: 'won' },
    { granted: 1, rejected: 0, total: 2, result: 'pending' },
    { granted: 0, rejected: 1, total: 2, result: 'lost' },
    { granted: 2, rejected: 1, total: 3, result: 'won' },
    { granted: 1, rejected: 1, total: 3, result: 'pending' },
    { granted: 1, rejected: 2, total: 3, result: 'lost' },
    { granted: 2, rejected: 2, total: 4, result: 'lost' },
    { granted: 2, rejected: 2, total: 5, result: 'pending' },
  ])('$granted yes and $rejected no of $total: $result', ({ granted, rejected, total, result }) => {
    expect(majorityVote(granted, rejected, total)).toBe(result);
  });

  test('wins exactly when an index that the granting voters hold would be committed', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 1), { minLength: 1, maxLength: 9 }), (votes) => {
        const granted = votes.filter((vote) => vote === 1).length;
        const won = majorityVote(granted, votes.length - granted, votes.length) === 'won';
        expect(won).toBe(naiveMajority(votes) === 1);
      }),
    );
  });
});

describe('jointVote', () => {
  test.each([
    ['won', 'won', 'won'],
    ['won', 'pending', 'pending'],
    ['won', 'lost', 'lost'],
    ['pending', 'pending', 'pending'],
    ['pending', 'lost', 'lost'],
    ['lost', 'lost', 'lost'],
  ] as const)('%s and %s: %s', (a, b, result) => {
    expect(jointVote(a, b)).toBe(result);
    expect(jointVote(b, a)).toBe(result);
  });
});
