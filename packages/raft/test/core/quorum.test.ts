import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Members } from '../../src/core/members.js';
import { jointVote, majorityIndex, majorityVote } from '../../src/core/quorum.js';
import { confOf, testConfig } from './scripted-cluster.js';
import { SeededRandom } from './seeded-random.js';

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

describe('a configuration of one half or two', () => {
  /** Some of the ids 1 to 9, none of them twice. */
  function draw(random: SeededRandom, least: number): number[] {
    const ids = Array.from({ length: 9 }, (_, i) => i + 1).filter(() => random.chance(0.5));
    return ids.length >= least ? ids : [1 + random.nextInt(9)];
  }

  test('commits, votes, is active and confirms as the definition says, in 50,000 drawn ones', () => {
    const random = new SeededRandom(27);
    const wrong: number[] = [];
    const seen = { joint: 0, won: 0, lost: 0, pending: 0 };
    for (let run = 0; run < 50_000; run++) {
      const voters = draw(random, 1);
      const votersOutgoing = random.chance(0.6) ? draw(random, 1) : [];
      const members = new Members(testConfig);
      members.switchTo(confOf(voters, { votersOutgoing }), 1);
      for (const progress of members.all) {
        progress.match = random.nextInt(12);
        progress.vote = random.pick([0, 1, 2] as const);
        progress.recentActive = random.chance(0.6);
        progress.readAck = random.nextInt(4);
      }
      const halves = votersOutgoing.length === 0 ? [voters] : [voters, votersOutgoing];
      const inAll = (holds: (id: number) => boolean): boolean =>
        halves.every((half) => half.filter(holds).length * 2 > half.length);
      const of = (id: number) => members.get(id)!;
      const reached = Array.from({ length: 13 }, (_, index) => index).filter((index) =>
        inAll((id) => of(id).match >= index),
      );
      const won = inAll((id) => of(id).vote === 1);
      // Lost when not even a yes of everybody who has not answered would do.
      const lost = !inAll((id) => of(id).vote !== 2);
      const vote = won ? 'won' : lost ? 'lost' : 'pending';
      const right =
        members.quorumIndex() === Math.max(...reached) &&
        members.voteResult() === vote &&
        members.quorumActive() === inAll((id) => of(id).recentActive) &&
        members.readConfirmed(2) === inAll((id) => of(id).readAck >= 2);
      if (!right) wrong.push(run);
      if (votersOutgoing.length > 0) seen.joint++;
      seen[vote]++;
    }
    // A few say it all.
    expect(wrong.slice(0, 5)).toEqual([]);
    expect(Object.values(seen).every((count) => count > 1000)).toBe(true);
  });
});
