import { expect, test } from 'vitest';
import { keptBytes } from '../../src/command/kept-form.js';
import type { WriteResult } from '../../src/command/operation.js';
import { replicatedLimits } from '../../src/limits.js';
import { KeptOutcomes } from '../../src/session/kept-outcomes.js';

const put = (revision: number): WriteResult => ({ kind: 'put', ok: true, revision });
const txn = (revision: number): WriteResult => ({
  kind: 'txn',
  revision,
  succeeded: true,
  results: Array.from({ length: 100 }, () => ({ kind: 'put' })),
});

test('the newest outcomes are found from the end, however many went before them', () => {
  const kept = new KeptOutcomes();
  for (let revision = 1; revision <= 100_000; revision++) {
    kept.push(put(revision));
    // As a proposer acknowledges: a handful are open at any time.
    kept.trim(5);
  }
  expect(kept.count).toBe(5);
  expect([0, 4, 5].map((fromEnd) => kept.at(fromEnd))).toEqual([put(100_000), put(99_996), undefined]);
  expect([...kept]).toEqual([99_996, 99_997, 99_998, 99_999, 100_000].map(put));
});

test('the oldest go when there are too many, or too many bytes', () => {
  const many = new KeptOutcomes();
  for (let revision = 1; revision <= replicatedLimits.openOperations + 7; revision++) many.push(put(revision));
  expect(many.count).toBe(replicatedLimits.openOperations);
  const large = new KeptOutcomes();
  for (let revision = 1; revision <= 1_000; revision++) large.push(txn(revision));
  expect(large.count).toBe(Math.floor(replicatedLimits.sessionResultBytes / keptBytes(txn(1))));
  expect(large.at(0)).toEqual(txn(1_000));
});
