import type { ConfState } from '@coterie/raft';
import { expect, test } from 'vitest';
import { HashComparison } from '../../src/integrity/hash-comparison.js';

const conf = (...voters: number[]): ConfState => ({
  ...{ voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
});
const at = (index: number, chain: number) => ({ index, revision: 1, chain, content: 7 });

function compared(own: number, others: Readonly<Record<number, number>>, voters: ConfState): string {
  const comparison = new HashComparison(1);
  for (const [id, chain] of Object.entries(others)) comparison.report(Number(id), [[1024, chain, 7]]);
  return comparison.verdict([at(1024, own)], voters).kind;
}

test('who differs from a majority of all voters is wrong; who agrees with one is not', () => {
  expect(compared(5, { 2: 9, 3: 9 }, conf(1, 2, 3))).toBe('minority');
  expect(compared(9, { 2: 9, 3: 5 }, conf(1, 2, 3))).toBe('agree');
  // A learner is judged, and judges nobody.
  expect(compared(5, { 2: 9, 3: 9 }, conf(2, 3))).toBe('minority');
  expect(compared(5, { 2: 5, 3: 9 }, conf(1, 2))).toBe('agree');
});

test('without a majority a difference is a split, and silence is nothing', () => {
  expect(compared(5, { 2: 9 }, conf(1, 2))).toBe('split');
  expect(compared(5, { 2: 9 }, conf(1, 2, 3))).toBe('split');
  expect(compared(5, { 2: 9, 3: 9 }, conf(1, 2, 3, 4, 5))).toBe('split');
  expect(compared(5, { 2: 5 }, conf(1, 2, 3, 4, 5))).toBe('agree');
  expect(compared(5, {}, conf(1, 2, 3))).toBe('agree');
});

test('both halves of a joint configuration must agree; a new report takes the place of the old one', () => {
  const joint = { ...conf(1, 2, 3), votersOutgoing: [3, 4, 5] };
  expect(compared(5, { 2: 9, 3: 9 }, joint)).toBe('split');
  expect(compared(5, { 2: 9, 3: 9, 4: 9 }, joint)).toBe('minority');
  const comparison = new HashComparison(1);
  comparison.report(2, [[1024, 9, 7]]);
  comparison.report(2, [[2048, 5, 7]]);
  expect(comparison.verdict([at(1024, 5)], conf(1, 2)).kind).toBe('agree');
});
