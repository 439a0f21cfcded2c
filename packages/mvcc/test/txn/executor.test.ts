import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keyAlone } from '../../src/command/key-range.js';
import type { Comparison, Operation, TxnOperation, KeyRequest } from '../../src/command/operation.js';
import type { CommandOutcome } from '../../src/command/refusal.js';
import { replicatedLimits } from '../../src/limits.js';
import { recordChecksum } from '../../src/store/record-checksum.js';
import { execute } from '../../src/txn/executor.js';
import { rawEntry } from '../../src/txn/record.js';
import { wants } from '../../src/txn/wants.js';
import { aRequest } from '../command/request-arbitrary.js';
import { NaiveModel } from '../../src/testing/naive-model.js';
import { PlainState } from './plain-state.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const put = (key: string, text = 'v'): Extract<KeyRequest, { kind: 'put' }> => ({
  kind: 'put',
  key,
  value: bytes(text),
  prev: false,
});
const del = (range: { start: string; end?: string }): Extract<Operation, { kind: 'delete' }> => ({
  kind: 'delete',
  range,
  prev: false,
});
const txn = (compare: Comparison[], success: Operation[], failure: Operation[] = []): TxnOperation => ({
  kind: 'txn',
  compare,
  success,
  failure,
});

function apply(state: PlainState, request: KeyRequest): CommandOutcome {
  const { outcome, change, compact } = execute(request, state);
  if (change !== undefined) state.commit(change);
  if (compact !== undefined) state.compactRevision = compact;
  return outcome;
}

describe('against a naive model', () => {
  test('any sequence of requests has the same outcomes, revisions, entries and events', () => {
    fc.assert(
      fc.property(fc.array(aRequest, { maxLength: 40, size: 'max' }), (requests) => {
        const state = new PlainState();
        const model = new NaiveModel();
        for (const request of requests) {
          state.expectReads(wants(request));
          const { outcome, change, compact } = execute(request, state);
          if (change !== undefined) state.commit(change);
          if (compact !== undefined) state.compactRevision = compact;
          expect(outcome).toEqual(model.execute(request));
          expect(state.revision).toBe(model.revision);
          expect(state.compactRevision).toBe(model.compactRevision);
          if (change === undefined) continue;
          expect(change.revision).toBe(model.revision);
          const events = change.events.map(({ key, after, before }) => ({
            key,
            after: after && rawEntry(key, after),
            before: before && rawEntry(key, before),
          }));
          expect({ revision: change.revision, events }).toEqual(model.history.at(-1));
        }
        const live = [...state.records].map(([key, record]) => rawEntry(key, record));
        const byKey = (a: { key: string }, b: { key: string }) => (a.key < b.key ? -1 : 1);
        expect(live.sort(byKey)).toEqual(model.live);
        for (const [key, record] of state.records) expect(record.crc32c).toBe(recordChecksum(key, record));
      }),
      { numRuns: 400 },
    );
  });
});

describe('revisions', () => {
  test('a fresh store is at 1, the first write is 2, and what changes nothing takes none', () => {
    const state = new PlainState();
    expect(apply(state, put('a'))).toEqual({ kind: 'put', ok: true, revision: 2 });
    expect(apply(state, del({ start: 'b' }))).toEqual({ kind: 'delete', ok: true, revision: 2, deleted: 0 });
    expect(apply(state, txn([], [{ kind: 'get', key: 'a' }]))).toMatchObject({ revision: 2, succeeded: true });
    expect(apply(state, put('a'))).toMatchObject({ revision: 3 });
    expect(state.records.get('a')).toMatchObject({ createRevision: 2, modRevision: 3, version: 2 });
  });

  test('a key that was deleted begins again', () => {
    const state = new PlainState();
    apply(state, put('a'));
    apply(state, put('a'));
    apply(state, del(keyAlone('a')));
    apply(state, put('a'));
    expect(state.records.get('a')).toMatchObject({ createRevision: 5, modRevision: 5, version: 1 });
  });

  test('all of a transaction is one revision, and its reads see what it wrote before them', () => {
    const state = new PlainState();
    apply(state, put('a', 'old'));
    const outcome = apply(
      state,
      txn(
        [],
        [
          { kind: 'range', range: { start: '' }, limit: 0, reverse: false, keysOnly: true, countOnly: false },
          put('b'),
          { kind: 'range', range: { start: '' }, limit: 0, reverse: true, keysOnly: true, countOnly: false },
          del(keyAlone('a')),
          { kind: 'range', range: { start: '' }, limit: 0, reverse: false, keysOnly: false, countOnly: true },
        ],
      ),
    );
    expect(outcome).toMatchObject({
      revision: 3,
      results: [
        { revision: 2, entries: [{ key: 'a' }] },
        { kind: 'put' },
        { revision: 3, entries: [{ key: 'b', modRevision: 3 }, { key: 'a' }] },
        { deleted: 1 },
        { revision: 3, count: 1 },
      ],
    });
  });
});

describe('compares', () => {
  const holds = (state: PlainState, comparison: Comparison): boolean => {
    const outcome = apply(state, txn([comparison], []));
    return outcome.kind === 'txn' && outcome.succeeded;
  };

  test('a compare of the value of a missing key never holds, not even !=', () => {
    const state = new PlainState();
    for (const sign of ['==', '!=', '<', '<=', '>', '>='] as const) {
      expect(holds(state, { target: 'value', range: keyAlone('x'), sign, operand: bytes('') })).toBe(false);
      expect(holds(state, { target: 'version', range: keyAlone('x'), sign, operand: 0 })).toBe(
        sign.includes('=') && sign !== '!=',
      );
    }
  });

  test('every key of a range must hold; an empty range is one missing key', () => {
    const state = new PlainState();
    const range = { start: 'a', end: 'b' };
    expect(holds(state, { target: 'modRevision', range, sign: '==', operand: 0 })).toBe(true);
    apply(state, put('a1'));
    apply(state, put('a2'));
    expect(holds(state, { target: 'modRevision', range, sign: '>', operand: 1 })).toBe(true);
    expect(holds(state, { target: 'modRevision', range, sign: '>', operand: 2 })).toBe(false);
    expect(holds(state, { target: 'version', range, sign: '==', operand: 0 })).toBe(false);
  });

  test('nested compares see the state before the transaction, not its writes', () => {
    const state = new PlainState();
    const absent: Comparison = { target: 'version', range: keyAlone('a'), sign: '==', operand: 0 };
    expect(apply(state, txn([], [put('a'), txn([absent], [put('b')])]))).toMatchObject({
      results: [{ kind: 'put' }, { kind: 'txn', succeeded: true }],
    });
  });

  test('the bounds of an addition count among the compares of its branch', () => {
    const state = new PlainState();
    const take = txn([], [{ kind: 'add', key: 'n', delta: -1, min: 0 }], [{ kind: 'get', key: 'n' }]);
    expect(apply(state, take)).toMatchObject({ succeeded: false, revision: 1 });
    apply(state, { kind: 'add', key: 'n', delta: 1 });
    expect(apply(state, take)).toMatchObject({ succeeded: true, results: [{ kind: 'add', value: 0 }] });
  });
});

describe('additions', () => {
  test('a counter begins at 0, keeps within its bounds and within the safe integers', () => {
    const state = new PlainState();
    expect(apply(state, { kind: 'add', key: 'n', delta: 5, max: 5 })).toEqual({
      kind: 'add',
      ok: true,
      revision: 2,
      value: 5,
    });
    expect(apply(state, { kind: 'add', key: 'n', delta: 1, max: 5 })).toEqual({
      kind: 'add',
      ok: false,
      revision: 2,
      value: 5,
    });
    const delta = Number.MAX_SAFE_INTEGER;
    expect(apply(state, { kind: 'add', key: 'n', delta })).toMatchObject({ ok: false, value: 5 });
    expect(apply(state, { kind: 'add', key: 'n', delta: -5 })).toMatchObject({ ok: true, value: 0 });
    expect(state.records.get('n')?.value).toEqual(bytes('0'));
  });

  test('what is no number is refused, and stays', () => {
    const state = new PlainState();
    for (const text of ['', 'x', '1.0', '+1', ' 1', '007', '-0', '9007199254740992', '-']) {
      apply(state, put('n', text));
      expect(apply(state, { kind: 'add', key: 'n', delta: 1 })).toEqual({ kind: 'refused', code: 'ERR_NOT_A_NUMBER' });
      expect(apply(state, txn([], [put('m'), { kind: 'add', key: 'n', delta: 1 }]))).toMatchObject({
        code: 'ERR_NOT_A_NUMBER',
      });
    }
    expect(state.records.has('m')).toBe(false);
  });
});

describe('limits are decided from state alone', () => {
  function filled(count: number): PlainState {
    const state = new PlainState();
    for (let at = 0; at < count; at++) apply(state, put(`k${String(at).padStart(6, '0')}`));
    return state;
  }

  test('a revision changes at most so many keys', () => {
    const state = filled(replicatedLimits.changesPerRevision);
    const all = del({ start: '' });
    expect(execute(all, state).outcome).toMatchObject({ deleted: replicatedLimits.changesPerRevision });
    apply(state, put('one more'));
    expect(execute(all, state)).toEqual({
      outcome: { kind: 'refused', code: 'ERR_TOO_LARGE', limit: replicatedLimits.changesPerRevision },
      change: undefined,
    });
    // "There is no key" needs to see one only, however many there are.
    const none: Comparison = { target: 'version', range: { start: '' }, sign: '==', operand: 0 };
    expect(execute(txn([none], []), state).outcome).toMatchObject({ succeeded: false });
    const every: Comparison = { target: 'version', range: { start: '' }, sign: '>=', operand: 1 };
    expect(execute(txn([every], []), state).outcome).toMatchObject({ code: 'ERR_TOO_LARGE' });
    const read: Operation = {
      kind: 'range',
      range: { start: '' },
      limit: 5,
      reverse: false,
      keysOnly: true,
      countOnly: false,
    };
    expect(execute(txn([], [read]), state).outcome).toMatchObject({ results: [{ more: true }] });
    expect(execute(txn([], [{ ...read, limit: 0 }]), state).outcome).toMatchObject({ code: 'ERR_TOO_LARGE' });
    expect(execute(txn([], [{ ...read, reverse: true }]), state).outcome).toMatchObject({ code: 'ERR_TOO_LARGE' });
  });

  test('and gives back at most so many bytes', () => {
    const state = new PlainState();
    for (let at = 0; at < 17; at++)
      apply(state, { kind: 'put', key: `k${at}`, value: new Uint8Array(1_000_000), prev: false });
    const outcome = apply(state, { kind: 'delete', range: { start: 'k' }, prev: true });
    expect(outcome).toEqual({ kind: 'refused', code: 'ERR_TOO_LARGE', limit: replicatedLimits.resultBytes });
    expect(apply(state, del({ start: 'k' }))).toMatchObject({ deleted: 17 });
  });
});

describe('compaction', () => {
  test('moves on only, and not ahead of the store', () => {
    const state = new PlainState();
    apply(state, put('a'));
    apply(state, put('a'));
    expect(apply(state, { kind: 'compact', revision: 4 })).toMatchObject({ code: 'ERR_FUTURE_REVISION', revision: 3 });
    expect(apply(state, { kind: 'compact', revision: 2 })).toEqual({ kind: 'compact', revision: 3 });
    expect(apply(state, { kind: 'compact', revision: 2 })).toMatchObject({ code: 'ERR_COMPACTED', compactRevision: 2 });
    expect(apply(state, { kind: 'compact', revision: 3 })).toEqual({ kind: 'compact', revision: 3 });
  });
});
