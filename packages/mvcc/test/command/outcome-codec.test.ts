import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from '../../src/command/byte-reader.js';
import { ByteWriter } from '../../src/command/byte-writer.js';
import { keptBytes, keptForm } from '../../src/command/kept-form.js';
import type { OperationResult, RawEntry, WriteResult } from '../../src/command/operation.js';
import { readOutcome, writeOutcome } from '../../src/command/outcome-codec.js';
import { type CommandOutcome, type Refusal, refusalError } from '../../src/command/refusal.js';

const entry: RawEntry = { key: 'k', value: Uint8Array.of(1), createRevision: 2, modRevision: 3, version: 1, lease: 0 };
const aNumber = fc.maxSafeNat();

const { result } = fc.letrec<{ result: OperationResult }>((tie) => ({
  result: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<OperationResult>(
      { kind: 'put' },
      { kind: 'put', prev: entry },
      { kind: 'get', entry },
      { kind: 'get' },
    ),
    fc.record({ kind: fc.constant('delete' as const), deleted: aNumber }),
    fc.record({ kind: fc.constant('add' as const), value: fc.maxSafeInteger() }),
    fc.record({
      kind: fc.constant('range' as const),
      revision: aNumber,
      entries: fc.constant([entry]),
      more: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant('txn' as const),
      revision: aNumber,
      succeeded: fc.boolean(),
      results: fc.array(tie('result'), { maxLength: 3 }),
    }),
  ),
}));

const refusals: Refusal[] = [
  { kind: 'refused', code: 'ERR_COMPACTED', compactRevision: 5 },
  { kind: 'refused', code: 'ERR_FUTURE_REVISION', revision: 6 },
  { kind: 'refused', code: 'ERR_TOO_LARGE', limit: 7 },
  { kind: 'refused', code: 'ERR_TOO_MANY_OPS', limit: 8 },
  { kind: 'refused', code: 'ERR_NOT_A_NUMBER' },
  { kind: 'refused', code: 'ERR_DUPLICATE_KEY' },
  { kind: 'refused', code: 'ERR_CONFLICT' },
  { kind: 'refused', code: 'ERR_CORRUPT' },
  { kind: 'refused', code: 'ERR_ABORTED' },
  { kind: 'refused', code: 'ERR_LEASE_NOT_FOUND' },
  { kind: 'refused', code: 'ERR_LEASE_EXISTS' },
  { kind: 'refused', code: 'ERR_OVERLOADED' },
  { kind: 'refused', code: 'ERR_NO_SPACE', limit: 9 },
];

const anOutcome: fc.Arbitrary<CommandOutcome> = fc.oneof(
  aNumber.map((revision): WriteResult => ({ kind: 'put', ok: true, revision, prev: entry })),
  fc.record({
    kind: fc.constantFrom<'put' | 'delete'>('put', 'delete'),
    ok: fc.constant(false as const),
    revision: aNumber,
    current: fc.constant(entry),
  }),
  fc.record({
    kind: fc.constant('delete' as const),
    ok: fc.constant(true as const),
    revision: aNumber,
    deleted: aNumber,
  }),
  fc.record({ kind: fc.constant('add' as const), ok: fc.boolean(), revision: aNumber, value: fc.maxSafeInteger() }),
  fc.record({
    kind: fc.constantFrom('compact', 'setQuota', 'removeQuota', 'countQuota', 'raiseLevel'),
    revision: aNumber,
  }),
  fc.record({
    kind: fc.constant('txn' as const),
    revision: aNumber,
    succeeded: fc.boolean(),
    results: fc.array(result, { maxLength: 5 }),
  }),
  fc.record({
    kind: fc.constant('grantLease' as const),
    ...{ revision: aNumber, id: aNumber, generation: aNumber, ttlMs: aNumber },
  }),
  fc.record({
    kind: fc.constant('attachLease' as const),
    ...{ revision: aNumber, id: aNumber, generation: aNumber, ttlMs: aNumber, remainingMs: aNumber },
  }),
  fc.record({ kind: fc.constant('revokeLease' as const), revision: aNumber, deleted: aNumber }),
  fc.record({
    kind: fc.constant('renewLeases' as const),
    revision: aNumber,
    lost: fc.array(fc.integer({ min: 0, max: 4095 }), { maxLength: 5 }),
  }),
  fc.constantFrom(...refusals),
);

test('what a session keeps of an outcome comes back from a checkpoint as it was', () => {
  fc.assert(
    fc.property(fc.array(anOutcome, { maxLength: 5 }), (outcomes) => {
      const kept = outcomes.map(keptForm);
      const out = new ByteWriter(16);
      for (const outcome of kept) writeOutcome(out, outcome);
      const from = new ByteReader(out.finish());
      expect(kept.map(() => readOutcome(from))).toEqual(kept);
      from.end();
    }),
    { numRuns: 500 },
  );
});

test('no entry is kept, and what is kept counts', () => {
  fc.assert(
    fc.property(anOutcome, (outcome) => {
      const kept = keptForm(outcome);
      expect(JSON.stringify(kept)).not.toContain('"key"');
      expect(keptBytes(kept)).toBeGreaterThan(0);
      expect(kept).not.toBe(outcome);
    }),
  );
});

test('a refusal is an error whose outcome is known', () => {
  for (const refusal of refusals) {
    const { kind: _, code, ...fields } = refusal;
    expect(refusalError(refusal)).toMatchObject({ code, outcome: 'not-applied', ...fields });
  }
});
