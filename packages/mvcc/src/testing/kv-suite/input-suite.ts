/* eslint-disable @typescript-eslint/no-explicit-any -- callers without types hand in anything */
/* eslint-disable @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access -- the same */
/* eslint-disable @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-assignment -- the same */
/* eslint-disable @typescript-eslint/no-unsafe-argument -- the same */
import assert from 'node:assert/strict';
import { nextOf, rejection, revisionOf, type SuiteTests } from './suite-test.js';

/** A call with bad input, as somebody without types may make it, and the argument that its error names. */
type Row = readonly [title: string, call: (kv: any) => PromiseLike<unknown>, argument: string];

const notKeys = [undefined, null, '', 7, true, {}, [], Symbol('s'), Uint8Array.of(1), 'lone \ud800', '\udfffx'];
const notOptions = [null, 7, 'x', true];
const notFlags = [null, 1, 'yes', {}];
const notRevisions = [null, -1, 1.5, NaN, Infinity, '1', 1n, 2 ** 53];

function table(): Row[] {
  const rows: Row[] = [];
  const add = (
    title: string,
    values: readonly unknown[],
    argument: string,
    call: (kv: any, value: any) => PromiseLike<unknown>,
  ) => rows.push(...values.map((value): Row => [`${title} ${String(value)}`, (each) => call(each, value), argument]));

  add('put key', notKeys, 'key', (each, key) => each.put(key, 'x'));
  add('put value', [undefined, null, 7, {}, Uint8Array.of(1), 'lone \udc00'], 'value', (each, value) =>
    each.put('a', value),
  );
  add('get key', notKeys, 'key', (each, key) => each.get(key));
  add('update key', notKeys, 'key', (each, key) => each.update(key, () => 'x'));
  add('add key', notKeys, 'key', (each, key) => each.add(key, 1));
  add(
    'delete key',
    notKeys.filter((key) => !(key instanceof Object) || Array.isArray(key)),
    'key',
    (each, key) => each.delete(key),
  );
  add('put options', notOptions, 'options', (each, options) => each.put('a', 'x', options));
  add('get options', notOptions, 'options', (each, options) => each.get('a', options));
  add('range options', notOptions, 'options', (each, options) => each.range({ all: true }, options));
  add('prev', notFlags, 'prev', (each, prev) => each.put('a', 'x', { prev }));
  add('delete prev', notFlags, 'prev', (each, prev) => each.delete('a', { prev }));
  add('reverse', notFlags, 'reverse', (each, reverse) => each.range({ all: true }, { reverse }));
  add('keysOnly', notFlags, 'keysOnly', (each, keysOnly) => each.range({ all: true }, { keysOnly }));
  add('countOnly', notFlags, 'countOnly', (each, countOnly) => each.range({ all: true }, { countOnly }));
  add('ifRevision', notRevisions, 'ifRevision', (each, ifRevision) => each.put('a', 'x', { ifRevision }));
  add('delete ifRevision', notRevisions, 'ifRevision', (each, ifRevision) => each.delete('a', { ifRevision }));
  add('revision', [...notRevisions, 0], 'revision', (each, revision) => each.get('a', { revision }));
  add('minRevision', notRevisions, 'minRevision', (each, minRevision) => each.get('a', { minRevision }));
  add('limit', [...notRevisions, 0], 'limit', (each, limit) => each.range({ all: true }, { limit }));
  add('consistency', [null, '', 'strong', 1], 'consistency', (each, consistency) => each.get('a', { consistency }));
  add('timeoutMs', [null, -1, NaN, '5', 1n], 'timeoutMs', (each, timeoutMs) => each.put('a', 'x', { timeoutMs }));
  add('signal', [null, {}, 'x', { aborted: true }], 'signal', (each, signal) => each.put('a', 'x', { signal }));
  add('n', [undefined, null, '1', 1.5, NaN, 2 ** 53, 1n], 'n', (each, n) => each.add('n', n));
  add('min', [null, 1.5, '1'], 'min', (each, min) => each.add('n', 1, { min }));
  add('max', [null, 1.5, '1'], 'max', (each, max) => each.add('n', 1, { max }));
  add('fn', [undefined, null, 'x', {}], 'fn', (each, fn) => each.update('a', fn));
  add('maxAttempts', [0, -1, 1.5, null, '1'], 'maxAttempts', (each, maxAttempts) =>
    each.update('a', () => 'x', { maxAttempts }),
  );
  add('compact', [...notRevisions, 0, undefined], 'revision', (each, revision) => each.compact(revision));
  rows.push(['min above max', (each) => each.add('n', 1, { min: 2, max: 1 }), 'min']);
  rows.push(['physical', (each) => each.compact(1, { physical: 1 as never }), 'physical']);
  rows.push(['ifRevision of a range', (each) => each.delete({ prefix: 'a' }, { ifRevision: 1 }), 'ifRevision']);
  return rows;
}

/** Ranges that could mean more than was meant. */
const badRanges: readonly (readonly [unknown, string])[] = [
  [{}, 'range'],
  [{ gte: undefined, lt: undefined }, 'range'],
  [{ prefix: undefined }, 'range'],
  [{ all: undefined }, 'range'],
  [{ all: false }, 'range.all'],
  [{ all: true, prefix: 'a' }, 'range.prefix'],
  [{ prefix: '' }, 'range.prefix'],
  [{ gte: '' }, 'range.gte'],
  [{ prefix: 'a', gte: 'a', gt: 'a' }, 'range.gt'],
  [{ lt: 'a', lte: 'a' }, 'range.lt'],
  [{ prefix: 7 }, 'range.prefix'],
  [{ prefix: null }, 'range.prefix'],
  [{ prefix: 'a', lt: {} }, 'range.lt'],
  [{ prefix: 'a\ud800' }, 'range.prefix'],
  [{ preffix: 'a' }, 'range.preffix'],
  [{ prefix: 'a', It: 'b' }, 'range.It'],
  [{ prefix: 'a', [Symbol('s')]: 'b' }, 'range.Symbol(s)'],
];

export const badInput: SuiteTests = {
  'bad input rejects, names its argument and sends nothing': async ({ kv, root }) => {
    await kv.put('a', 'kept');
    await kv.put('n', '1');
    const before = await revisionOf(root);
    for (const [title, call, argument] of table()) {
      let promise: PromiseLike<unknown>;
      try {
        promise = call(kv);
      } catch (error) {
        assert.fail(`${title}: threw ${String(error)}`);
      }
      const error = await rejection(promise, 'ERR_INVALID_ARGUMENT').catch((cause: unknown) => {
        throw new Error(`${title}: ${String(cause)}`, { cause });
      });
      assert.equal(error['argument'], argument, title);
      assert.ok(error.message.startsWith(argument), `${title}: '${error.message}' begins with the argument`);
    }
    assert.equal(await revisionOf(root), before, 'nothing was written');
  },
  'a range that could mean more than was meant is refused everywhere': async ({ kv, root }) => {
    await kv.put('a', 'kept');
    const before = await revisionOf(root);
    const untyped = kv as any;
    for (const [range, argument] of badRanges) {
      const calls = [
        untyped.range(range),
        untyped.delete(range),
        untyped.iterate(range).next(),
        untyped.watch(range).next(),
      ];
      for (const call of calls) {
        const error = await rejection(call, 'ERR_INVALID_ARGUMENT');
        assert.equal(error['argument'], argument);
      }
    }
    for (const range of [undefined, null, 'a', 7, [], new Map()]) {
      assert.equal((await rejection(untyped.range(range), 'ERR_INVALID_ARGUMENT'))['argument'], 'range');
    }
    assert.equal(await revisionOf(root), before);
    assert.equal((await kv.get('a'))?.value, 'kept');
  },
  'bad input of a watch comes out of ready and of next, and nowhere else': async ({ kv }) => {
    const untyped = kv as any;
    const table: [() => any, string][] = [
      [() => untyped.watch(''), 'key'],
      [() => untyped.watch(undefined), 'key'],
      [() => untyped.watch({ anyOf: [] }), 'anyOf'],
      [() => untyped.watch({ anyOf: 'a' }), 'anyOf'],
      [() => untyped.watch({ anyOf: ['a', ''] }), 'anyOf[1]'],
      [() => untyped.watch({ anyOf: [{}] }), 'anyOf[0]'],
      [() => untyped.watch({ anyOf: ['a'], prefix: 'b' }), 'prefix'],
      [() => untyped.watch('a', { fromRevision: -1 }), 'fromRevision'],
      [() => untyped.watch('a', { fromRevision: 5, initial: true }), 'initial'],
      [() => untyped.watch('a', { only: 'puts' }), 'only'],
      [() => untyped.watch('a', { overflow: 'drop' }), 'overflow'],
      [() => untyped.watch('a', { prev: 1 }), 'prev'],
      [() => untyped.watch('a', { signal: {} }), 'signal'],
      [() => untyped.watch('a', 7), 'options'],
    ];
    for (const [make, argument] of table) {
      const watch = make();
      assert.equal((await rejection(nextOf(watch), 'ERR_INVALID_ARGUMENT'))['argument'], argument);
      assert.equal((await rejection(watch.ready, 'ERR_INVALID_ARGUMENT'))['argument'], argument);
      assert.equal((await watch.next()).done, true);
      await watch.close();
      make(); // nobody looks at this one: no unhandled rejection
    }
    const many = Array.from({ length: 100_000 }, (_, i) => `k${i}`);
    await rejection(kv.watch({ anyOf: many }).ready, 'ERR_TOO_LARGE');
  },
  'keys and values over the limit': async ({ kv, root }) => {
    const before = await revisionOf(root);
    const long = 'k'.repeat(1 << 20);
    const error = await rejection(kv.put(long, 'x'), 'ERR_TOO_LARGE');
    const limit = Number(error['limit']);
    assert.equal(error.outcome, 'not-applied');
    assert.ok(limit > 0 && limit < long.length);
    await rejection(kv.get(long), 'ERR_TOO_LARGE');
    await rejection(kv.range({ prefix: long }), 'ERR_TOO_LARGE');
    await rejection(kv.delete({ gte: long }), 'ERR_TOO_LARGE');
    await rejection(kv.put('a', 'v'.repeat(64 << 20)), 'ERR_TOO_LARGE');
    // The limit is in bytes, with the namespace.
    await rejection(root.put('é'.repeat(limit / 2 + 1), 'x'), 'ERR_TOO_LARGE');
    await rejection(kv.put('k'.repeat(limit), 'x'), 'ERR_TOO_LARGE');
    assert.equal(await revisionOf(root), before);
    const most = 'k'.repeat(limit);
    await root.put(most, 'x');
    assert.equal((await root.get(most))?.value, 'x');
    assert.equal((await root.range({ gte: most, lte: most })).entries.length, 1);
    await root.delete(most);
  },
  'a range without a limit that is too large': async ({ kv }) => {
    const writes: Promise<unknown>[] = [];
    for (let i = 0; i < 10_001; i++) {
      writes.push(kv.put(`k${i}`, ''));
      if (writes.length === 1_000) await Promise.all(writes.splice(0));
    }
    await Promise.all(writes);
    const error = await rejection(kv.range({ all: true }), 'ERR_TOO_LARGE');
    assert.equal(error['limit'], 10_000);
    assert.equal((await kv.range({ all: true }, { limit: 10_000 })).more, true);
    assert.equal((await kv.range({ all: true }, { countOnly: true })).count, 10_001);
    assert.equal((await kv.delete({ lt: 'k5' })).ok, true);
    await kv.delete({ all: true });
  },
  'views: bad prefixes and encodings throw at once': async ({ kv }) => {
    const untyped = kv as any;
    const invalid = (argument: string) => (error: any) =>
      error.code === 'ERR_INVALID_ARGUMENT' && error.argument === argument;
    for (const prefix of notKeys) assert.throws(() => untyped.namespace(prefix), invalid('prefix'));
    for (const encoding of [undefined, null, 'json', 7]) {
      assert.throws(() => untyped.withEncoding(encoding), invalid('encoding'));
    }
    for (const key of ['json', 'utf-8', {}, null])
      assert.throws(() => untyped.withEncoding({ key }), invalid('encoding.key'));
    for (const value of ['JSON', 'utf-8', { encode() {} }, null]) {
      assert.throws(() => untyped.withEncoding({ value }), invalid('encoding.value'));
    }
    assert.throws(() => untyped.withEncoding({ values: 'json' }), invalid('encoding.values'));
    assert.throws(() => untyped.onClose('x'), invalid('fn'));
    const same = kv.withEncoding({ key: undefined, value: undefined });
    await same.put('a', 'x');
    assert.equal((await kv.get('a'))?.value, 'x');
  },
};
