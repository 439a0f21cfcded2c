import assert from 'node:assert/strict';
import { cmp, op } from '../../kv/operations.js';
import type { AnyOp, Compare } from '../../kv/transaction.js';
import { rejection, revisionOf, type SuiteTests } from './suite-test.js';

export const txns: SuiteTests = {
  'txn: one revision for all of it, results in order': async ({ kv }) => {
    const { revision } = await kv.put('a', '1');
    await kv.put('n', '7');
    const done = await kv.txn({
      compare: [cmp.value('a', '==', '1'), cmp.version('b', '==', 0)],
      success: [
        op.put('a', '2', { prev: true }),
        op.get('a'),
        op.range({ all: true }),
        op.delete('missing'),
        op.add('n', 3),
      ],
      failure: [op.get('a')],
    });
    assert.ok(done.succeeded);
    assert.equal(done.revision, revision + 2);
    const [put, got, range, gone, sum] = done.results;
    assert.equal(put.prev?.value, '1');
    assert.deepEqual([got?.value, got?.modRevision], ['2', done.revision]);
    assert.deepEqual(
      range.entries.map((entry) => entry.key),
      ['a', 'n'],
    );
    assert.deepEqual([gone, sum], [{ deleted: 0 }, { value: 10 }]);
    assert.equal((await kv.get('n'))?.modRevision, done.revision);
  },
  'txn: the failure branch': async ({ kv, root }) => {
    await kv.put('a', '1');
    const before = await revisionOf(root);
    const done = await kv.txn({
      compare: [cmp.value('a', '==', 'other')],
      success: [op.put('a', '2')],
      failure: [op.get('a'), op.get('b')],
    });
    assert.ok(!done.succeeded);
    assert.equal(done.results[0]?.value, '1');
    assert.equal(done.results[1], undefined);
    assert.deepEqual([done.revision, await revisionOf(root)], [before, before], 'reading makes no revision');
  },
  'txn: every sign of every target': async ({ kv }) => {
    const { revision } = await kv.put('a', 'm');
    const holds = async (compare: Compare<unknown, unknown>) => (await kv.txn({ compare: [compare] })).succeeded;
    const table: [Compare<unknown, unknown>, boolean][] = [
      [cmp.value('a', '==', 'm'), true],
      [cmp.value('a', '!=', 'm'), false],
      [cmp.value('a', '<', 'n'), true],
      [cmp.value('a', '>', 'l'), true],
      [cmp.value('a', '<=', 'l'), false],
      [cmp.value('a', '>=', 'n'), false],
      [cmp.version('a', '==', 1), true],
      [cmp.version('none', '==', 0), true],
      [cmp.value('none', '==', ''), false],
      [cmp.createRevision('a', '==', revision), true],
      [cmp.modRevision('a', '<=', revision), true],
      [cmp.modRevision('a', '<', revision), false],
      [cmp.modRevision({ prefix: 'a' }, '>=', revision), true],
      [cmp.modRevision({ prefix: 'none' }, '>', 0), false],
      [cmp.lease('a', '==', 0), true],
    ];
    for (const [i, [compare, expected]] of table.entries()) assert.equal(await holds(compare), expected, `row ${i}`);
  },
  'txn: a compare of a range holds when every key does': async ({ kv }) => {
    await kv.put('p/a', 'x');
    const { revision } = await kv.put('p/b', 'x');
    const both = await kv.txn({ compare: [cmp.value({ prefix: 'p/' }, '==', 'x')] });
    assert.equal(both.succeeded, true);
    const older = await kv.txn({ compare: [cmp.modRevision({ prefix: 'p/' }, '<', revision)] });
    assert.equal(older.succeeded, false);
  },
  'txn: operations of several views mix, each in its own terms': async ({ kv }) => {
    const orders = kv.namespace('orders/').withEncoding<{ items: string[] }>({ value: 'json' });
    const stock = kv.namespace('stock/');
    const blobs = kv.namespace('blobs/').withEncoding({ value: 'bytes' });
    await stock.put('x', '2');
    const buy = (id: string) =>
      kv.txn({
        compare: [orders.cmp.version(id, '==', 0)],
        success: [
          orders.op.put(id, { items: ['x'] }),
          stock.op.add('x', -1, { min: 0 }),
          orders.op.get(id),
          blobs.op.put(id, Uint8Array.of(1, 255)),
          op.put('last', id),
        ],
        failure: [orders.op.get(id), stock.op.get('x')],
      });
    const first = await buy('1');
    assert.ok(first.succeeded);
    assert.deepEqual([first.results[1].value, first.results[2]?.value.items, first.results[2]?.key], [1, ['x'], '1']);
    assert.equal((await kv.get('orders/1'))?.value, '{"items":["x"]}');
    assert.deepEqual((await blobs.get('1'))?.value, Uint8Array.of(1, 255));
    assert.equal((await kv.get('last'))?.value, '1');
    const again = await buy('1');
    assert.ok(!again.succeeded);
    assert.deepEqual([again.results[0]?.value.items, again.results[1]?.value], [['x'], '1']);
    assert.equal((await buy('2')).succeeded, true);
    assert.equal((await buy('3')).succeeded, false, 'the bound of an addition counts among the compares');
    assert.equal(await orders.get('3'), undefined);
  },
  'txn: a free operation takes the view that runs it': async ({ kv }) => {
    const json = kv.namespace('json/').withEncoding<number[]>({ value: 'json' });
    const done = await json.txn({ success: [op.put('a', [1, 2]), op.get('a')] });
    assert.ok(done.succeeded);
    assert.deepEqual(done.results[1]?.value, [1, 2]);
    assert.equal((await kv.get('json/a'))?.value, '[1,2]');
  },
  'txn: txns within txns': async ({ kv }) => {
    await kv.put('a', '1');
    const inner = op.txn({
      compare: [cmp.value('a', '==', 'other')],
      success: [op.put('b', 'yes')],
      failure: [op.put('b', 'no'), op.get('a')],
    });
    const done = await kv.txn({ compare: [cmp.version('a', '==', 1)], success: [op.put('c', '3'), inner] });
    assert.ok(done.succeeded);
    const [, nested] = done.results;
    assert.ok(!nested.succeeded);
    assert.equal(nested.results[1]?.value, '1');
    const [b, c] = [await kv.get('b'), await kv.get('c')];
    assert.deepEqual([b?.value, b?.modRevision], ['no', c?.modRevision]);
  },
  'txn: keysOnly, countOnly, limit and prev of a range': async ({ kv }) => {
    for (const key of ['a', 'b', 'c']) await kv.put(key, key);
    const done = await kv.txn({
      success: [
        op.range({ all: true }, { keysOnly: true, limit: 1 }),
        op.range({ all: true }, { countOnly: true }),
        op.range({ all: true }, { reverse: true, limit: 1 }),
        op.delete({ gte: 'b' }, { prev: true }),
      ],
    });
    assert.ok(done.succeeded);
    const [keys, count, last, gone] = done.results;
    assert.equal('value' in keys.entries[0]!, false);
    assert.deepEqual([keys.more, count.count, last.entries[0]?.key], [true, 3, 'c']);
    assert.deepEqual([gone.deleted, gone.prev?.map((entry) => entry.value)], [2, ['b', 'c']]);
  },
  'txn: an empty one succeeds': async ({ kv }) => {
    const done = await kv.txn({});
    assert.deepEqual([done.succeeded, done.results], [true, []]);
    assert.deepEqual((await kv.txn({ compare: undefined, success: [], failure: undefined })).results, []);
  },
  'txn: a key is changed once': async ({ kv }) => {
    const twice = [op.put('a', '1'), op.put('a', '2')];
    const error = await rejection(kv.txn({ success: twice }), 'ERR_DUPLICATE_KEY');
    assert.equal(error.outcome, 'not-applied');
    await rejection(kv.txn({ success: [op.put('a', '1'), op.delete({ prefix: 'a' })] }), 'ERR_DUPLICATE_KEY');
    await rejection(
      kv.txn({ success: [op.add('a', 1), op.txn({ success: [op.put('a', '1')] })] }),
      'ERR_DUPLICATE_KEY',
    );
    assert.equal(await kv.get('a'), undefined);
  },
  'txn: more operations than there may be': async ({ kv }) => {
    const many = Array.from({ length: 100_000 }, (_, i) => op.get(`k${i}`));
    const error = await rejection(kv.txn({ success: many }), 'ERR_TOO_MANY_OPS');
    assert.ok(Number(error['limit']) > 0);
    let deep: AnyOp = op.txn({ success: [op.get('a')], failure: [op.get('b')] });
    for (let i = 0; i < 100; i++) deep = op.txn({ success: [deep, op.get('c')] });
    await rejection(kv.txn({ success: [deep, op.get('d')] }), 'ERR_TOO_MANY_OPS');
    // Few objects, but 64^6 operations when they are written out.
    let wide: AnyOp = op.txn({ success: [op.get('a')] });
    for (let i = 0; i < 6; i++) wide = op.txn({ success: new Array<AnyOp>(64).fill(wide) });
    await rejection(kv.txn({ success: [wide] }), 'ERR_TOO_MANY_OPS');
  },
  'txn: an addition to what is not a number refuses all of it': async ({ kv }) => {
    await kv.put('n', 'x');
    const error = await rejection(kv.txn({ success: [op.put('a', '1'), op.add('n', 1)] }), 'ERR_NOT_A_NUMBER');
    assert.equal(error.outcome, 'not-applied');
    assert.equal(await kv.get('a'), undefined);
  },
  'txn: the place of bad input is named': async ({ kv }) => {
    const inner = op.txn({ success: [op.get('fine'), op.put('', 'x')] });
    const table: [Promise<unknown>, string][] = [
      [kv.txn({ success: [op.put('a', 7)] }), 'success[0].value'],
      [kv.txn({ failure: [op.get('a'), op.get('')] }), 'failure[1].key'],
      [kv.txn({ compare: [cmp.version('a', '==', -1)] }), 'compare[0].version'],
      [kv.txn({ compare: [cmp.value('a', '=' as '==', 'x')] }), 'compare[0].sign'],
      [kv.txn({ success: [op.range({} as never)] }), 'success[0].range'],
      [kv.txn({ success: [op.delete({ prefix: '' })] }), 'success[0].range.prefix'],
      [kv.txn({ success: [op.add('a', 1.5)] }), 'success[0].n'],
      [kv.txn({ success: [inner] }), 'success[0].success[1].key'],
      [kv.txn({ success: [kv.op.put('', 'x')] }), 'success[0].key'],
      [kv.txn({ success: [{ put: 'a' } as never] }), 'success[0]'],
      [kv.txn({ success: [cmp.version('a', '==', 1) as never] }), 'success[0]'],
      [kv.txn({ compare: [op.get('a') as never] }), 'compare[0]'],
      [kv.txn({ success: op.get('a') as never }), 'success'],
      [kv.txn({ success: [op.txn({ compare: 7 as never })] }), 'success[0].compare'],
      [kv.txn(undefined as never), 'spec'],
    ];
    for (const [call, argument] of table) {
      const error = await rejection(call, 'ERR_INVALID_ARGUMENT');
      assert.equal(error['argument'], argument);
      assert.equal(error.outcome, 'not-applied');
    }
  },
  'txn: what an operation was given may change afterwards': async ({ kv }) => {
    const bytes = kv.withEncoding({ value: 'bytes' });
    const value = Uint8Array.of(1);
    const range = { prefix: 'b' };
    const operations = [bytes.op.put('a', value), op.put('b', value), op.delete(range)] as const;
    value[0] = 2;
    range.prefix = 'zzz';
    await bytes.put('b1', Uint8Array.of(9));
    const done = await bytes.txn({ success: [operations[0]] });
    assert.ok(done.succeeded);
    await bytes.txn({ success: [operations[1]] });
    assert.deepEqual(
      [(await bytes.get('a'))?.value, (await bytes.get('b'))?.value],
      [Uint8Array.of(1), Uint8Array.of(1)],
    );
    const gone = await bytes.txn({ success: [operations[2]] });
    assert.equal(gone.succeeded && gone.results[0].deleted, 2);
  },
  'txn: operations of another store are refused': async ({ kv, open }) => {
    const other = await open();
    try {
      const error = await rejection(kv.txn({ success: [other.kv.op.get('a')] }), 'ERR_INVALID_ARGUMENT');
      assert.equal(error['argument'], 'success[0]');
    } finally {
      await other.close();
    }
  },
};
