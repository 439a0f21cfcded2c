import assert from 'node:assert/strict';
import { CoterieError } from '@coterie/errors';
import { rejection, revisionOf, type SuiteTests } from './suite-test.js';

export const writes: SuiteTests = {
  'put makes an entry, each put a revision of its own': async ({ kv }) => {
    const first = await kv.put('a', '1');
    const second = await kv.put('a', '2');
    assert.deepEqual(first, { ok: true, revision: first.revision });
    assert.equal(second.revision, first.revision + 1);
    assert.deepEqual(await kv.get('a'), {
      key: 'a',
      value: '2',
      createRevision: first.revision,
      modRevision: second.revision,
      version: 2,
    });
  },
  'a missing key is undefined; an empty value is a value': async ({ kv }) => {
    assert.equal(await kv.get('a'), undefined);
    await kv.put('a', '');
    assert.equal((await kv.get('a'))?.value, '');
  },
  'put gives the entry before when asked to': async ({ kv }) => {
    const first = await kv.put('a', '1', { prev: true });
    assert.equal('prev' in first, false);
    const second = await kv.put('a', '2', { prev: true });
    const { revision } = first;
    const before = { key: 'a', value: '1', createRevision: revision, modRevision: revision, version: 1 };
    assert.deepEqual(second.prev, before);
  },
  'ifRevision 0 creates only what is absent': async ({ kv }) => {
    const made = await kv.put('a', '1', { ifRevision: 0 });
    assert.equal(made.ok, true);
    const again = await kv.put('a', '2', { ifRevision: 0 });
    assert.equal(again.ok, false);
    assert.ok(!again.ok);
    assert.equal(again.current?.value, '1');
    assert.equal(again.revision, made.revision, 'a refusal makes no revision');
    assert.equal((await kv.get('a'))?.value, '1');
  },
  'ifRevision of the wrong revision changes nothing': async ({ kv }) => {
    const { revision } = await kv.put('a', '1');
    assert.equal((await kv.put('a', '2', { ifRevision: revision + 1 })).ok, false);
    assert.equal((await kv.put('a', '2', { ifRevision: revision })).ok, true);
    const gone = await kv.put('b', '2', { ifRevision: revision });
    assert.equal(gone.ok, false);
    assert.equal('current' in gone, false, 'no entry, no current');
  },
  'delete takes a key away; deleting nothing makes no revision': async ({ kv, root }) => {
    await kv.put('a', '1');
    const gone = await kv.delete('a', { prev: true });
    assert.equal(gone.deleted, 1);
    assert.equal(gone.prev?.[0]?.value, '1');
    assert.equal(await kv.get('a'), undefined);
    const before = await revisionOf(root);
    assert.deepEqual(await kv.delete('a'), { ok: true, revision: before, deleted: 0 });
    assert.equal(await revisionOf(root), before);
  },
  'a key that was deleted begins anew': async ({ kv }) => {
    await kv.put('a', '1');
    await kv.delete('a');
    const { revision } = await kv.put('a', '2');
    const entry = await kv.get('a');
    assert.deepEqual([entry?.version, entry?.createRevision], [1, revision]);
  },
  'delete of a range is one revision, with the entries before': async ({ kv }) => {
    for (const key of ['a', 'b', 'c']) await kv.put(key, key);
    const last = (await kv.get('c'))!.modRevision;
    const gone = await kv.delete({ gte: 'a', lt: 'c' }, { prev: true });
    assert.equal(gone.revision, last + 1);
    assert.equal(gone.deleted, 2);
    assert.deepEqual(
      gone.prev?.map((entry) => entry.key),
      ['a', 'b'],
    );
    assert.equal((await kv.range({ all: true })).entries.length, 1);
  },
  'delete with ifRevision': async ({ kv }) => {
    const { revision } = await kv.put('a', '1');
    const refused = await kv.delete('a', { ifRevision: revision + 1 });
    assert.ok(!refused.ok);
    assert.equal(refused.current?.modRevision, revision);
    assert.equal((await kv.delete('a', { ifRevision: revision })).ok, true);
  },
  'add counts from 0, atomically': async ({ kv }) => {
    const sums = await Promise.all(Array.from({ length: 20 }, () => kv.add('n', 2)));
    const values = sums.map((sum) => sum.value).toSorted((a, b) => a - b);
    assert.deepEqual(
      values,
      Array.from({ length: 20 }, (_, i) => 2 * (i + 1)),
    );
    assert.equal((await kv.get('n'))?.value, '40');
    assert.equal((await kv.add('n', -50)).value, -10);
  },
  'add keeps its bounds': async ({ kv }) => {
    await kv.put('n', '5');
    const { modRevision } = (await kv.get('n'))!;
    assert.deepEqual(await kv.add('n', 6, { max: 10 }), { ok: false, revision: modRevision, value: 5 });
    assert.equal((await kv.add('n', -6, { min: 0 })).ok, false);
    assert.equal((await kv.add('n', 5, { min: 0, max: 10 })).value, 10);
    assert.equal((await kv.add('n', 1, { max: 10 })).ok, false);
  },
  'add stays within the safe integers': async ({ kv }) => {
    await kv.put('n', String(Number.MAX_SAFE_INTEGER));
    const sum = await kv.add('n', 1, { min: 0 });
    assert.deepEqual([sum.ok, sum.value], [false, Number.MAX_SAFE_INTEGER]);
  },
  'add refuses what is not a number': async ({ kv }) => {
    // The last ones are numbers, but not in the one form that `add` writes.
    for (const text of ['', '12a', '-', '1.0', '1e3', '9007199254740992', ' 1', '+1', '007', '-0']) {
      await kv.put('n', text);
      const error = await rejection(kv.add('n', 1), 'ERR_NOT_A_NUMBER');
      assert.equal(error.outcome, 'not-applied');
      assert.equal((await kv.get('n'))?.value, text);
    }
  },
  'update: what fn makes, or nothing': async ({ kv }) => {
    const made = await kv.update('a', (value) => (value === undefined ? 'first' : 'wrong'));
    assert.deepEqual([made.value, made.changed], ['first', true]);
    assert.equal((await kv.get('a'))?.modRevision, made.revision);
    const left = await kv.update('a', (value, entry) => {
      assert.deepEqual([value, entry?.version], ['first', 1]);
      return undefined;
    });
    assert.deepEqual([left.value, left.changed], ['first', false]);
    assert.ok(left.revision >= made.revision);
  },
  'update: no increment is lost among many': async ({ kv }) => {
    const each = Array.from({ length: 12 }, () => kv.update('n', (value) => String(Number(value ?? 0) + 1)));
    await Promise.all(each);
    assert.equal((await kv.get('n'))?.value, '12');
  },
  'update: gives up after maxAttempts': async ({ kv }) => {
    await kv.put('a', '0');
    let runs = 0;
    const busy = kv.update(
      'a',
      (value) => {
        runs++;
        void kv.put('a', `${runs}`);
        return `${value}!`;
      },
      { maxAttempts: 2 },
    );
    const error = await rejection(busy, 'ERR_CONFLICT');
    assert.deepEqual([runs, error.outcome, error.retryable], [2, 'not-applied', true]);
  },
  'update: what fn throws comes through, nothing is written': async ({ kv }) => {
    const own = new RangeError('mine');
    await assert.rejects(
      kv.update('a', () => {
        throw own;
      }),
      (error) => error === own,
    );
    const asynchronous = (async () => 'x') as unknown as () => string;
    const error = await rejection(kv.update('a', asynchronous), 'ERR_INVALID_ARGUMENT');
    assert.equal(error['argument'], 'fn');
    assert.equal(await kv.get('a'), undefined);
  },
  'writes that are not awaited keep their order': async ({ kv }) => {
    const all = Array.from({ length: 50 }, (_, i) => kv.put('a', String(i)));
    const revisions = (await Promise.all(all)).map((done) => done.revision);
    assert.deepEqual(
      revisions,
      revisions.toSorted((a, b) => a - b),
    );
    assert.equal((await kv.get('a'))?.value, '49');
  },
  'a signal that has fired: nothing is sent': async ({ kv }) => {
    const reason = new Error('why');
    const signal = AbortSignal.abort(reason);
    const error = await rejection(kv.put('a', '1', { signal }), 'ERR_ABORTED');
    assert.deepEqual([error.name, error.outcome, error.cause], ['AbortError', 'not-applied', reason]);
    await rejection(kv.get('a', { signal }), 'ERR_ABORTED');
    await rejection(
      kv.update('a', () => 'x', { signal }),
      'ERR_ABORTED',
    );
    assert.equal(await kv.get('a'), undefined);
  },
  'a signal of another realm is one': async ({ kv }) => {
    const signal = { aborted: true, reason: 'other', addEventListener() {}, removeEventListener() {} };
    await rejection(kv.put('a', '1', { signal: signal as unknown as AbortSignal }), 'ERR_ABORTED');
    assert.equal(await kv.get('a'), undefined);
  },
  'timeoutMs: 0 is over at once, Infinity and undefined are no limit of the caller': async ({ kv }) => {
    const error = await rejection(kv.put('a', '1', { timeoutMs: 0 }), 'ERR_TIMEOUT');
    assert.deepEqual([error.outcome, error.retryable], ['not-applied', true]);
    await kv.put('a', '1', { timeoutMs: Infinity });
    await kv.put('a', '1', { timeoutMs: undefined, signal: undefined, prev: undefined, ifRevision: undefined });
    assert.equal((await kv.get('a', { timeoutMs: 30_000 }))?.version, 2);
  },
  'compact: old revisions are gone, the present is not': async ({ kv, root }) => {
    const first = await kv.put('a', '1');
    await kv.put('a', '2');
    const last = await kv.put('a', '3');
    await kv.compact(last.revision);
    const error = await rejection(kv.get('a', { revision: first.revision }), 'ERR_COMPACTED');
    assert.equal(error['compactRevision'], last.revision);
    assert.equal((await kv.get('a'))?.value, '3');
    assert.equal((await kv.get('a', { revision: last.revision }))?.value, '3');
    const again = await rejection(root.compact(first.revision), 'ERR_COMPACTED');
    assert.equal(again.outcome, 'not-applied');
    await rejection(root.compact(last.revision + 1_000_000), 'ERR_FUTURE_REVISION');
  },
  'errors are CoterieErrors whatever copy of the package made them': async ({ kv }) => {
    const error: unknown = await kv.get('').catch((each: unknown) => each);
    assert.ok(error instanceof CoterieError);
    assert.equal(error.name, 'CoterieError');
  },
};
