import { createKv, type Kv } from '@coterie/mvcc';
import { ModelEngine } from '@coterie/mvcc/testing';
import { createCounters } from '@coterie/recipes';
import type { CoterieError } from '@coterie/errors';
import { describe, expect, it } from 'vitest';

const open = (): Kv => createKv(new ModelEngine());
async function failure(promise: PromiseLike<unknown>): Promise<CoterieError> {
  return promise.then(
    () => expect.fail('should reject'),
    (error: unknown) => error as CoterieError,
  );
}

describe('a counter', () => {
  it('adds without losing anything', async () => {
    const kv = open();
    const hits = createCounters(kv).counter('hits');
    expect(await hits.get()).toBe(0);
    await Promise.all(Array.from({ length: 50 }, () => hits.add(2)));
    expect(await hits.add(-1n)).toBe(99);
    expect(await createCounters(kv).counter('hits').get()).toBe(99);
  });

  it('keeps its bounds', async () => {
    const stock = createCounters(open()).counter('stock');
    await stock.add(5, { max: 5 });
    const error = await failure(stock.add(-6, { min: 0 }));
    expect(error).toMatchObject({ code: 'ERR_CONFLICT', outcome: 'not-applied', retryable: true });
    expect(await stock.get()).toBe(5);
    await stock.add(Number.MAX_SAFE_INTEGER - 5);
    expect((await failure(stock.add(1))).code).toBe('ERR_CONFLICT');
  });

  it('refuses what is not a safe integer', async () => {
    const hits = createCounters(open()).counter('hits');
    for (const n of [1.5, NaN, 2 ** 53, 2n ** 64n, '1' as never]) {
      expect(await failure(hits.add(n))).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument: 'n' });
    }
    expect(() => createCounters(open()).counter('')).toThrow();
    expect(() => createCounters(open()).sequence('\udc00')).toThrow();
  });

  it('says when something else is in its place', async () => {
    const kv = open();
    await kv.put('~recipes/counter/hits', 'many');
    const hits = createCounters(kv).counter('hits');
    expect((await failure(hits.get())).code).toBe('ERR_NOT_A_NUMBER');
    expect((await failure(hits.add(1))).code).toBe('ERR_NOT_A_NUMBER');
  });

  it('is an operation of a txn, its bound a compare', async () => {
    const kv = open();
    const { counter } = createCounters(kv);
    const open1 = counter('open');
    const txn = () => kv.txn({ success: [open1.addOp(1, { max: 2 })], failure: [kv.op.put('full', 'yes')] });
    const first = await txn();
    expect(first.succeeded && first.results[0].value).toBe(1);
    await txn();
    expect((await txn()).succeeded).toBe(false);
    expect((await kv.get('full'))?.value).toBe('yes');
  });
});

describe('a sequence', () => {
  it('is unique, from 1 on, in commit order', async () => {
    const kv = open();
    const invoice = createCounters(kv).sequence('invoice');
    const numbers = await Promise.all(Array.from({ length: 20 }, () => invoice.next()));
    expect(numbers).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });

  it('takes a number only with its effect', async () => {
    const kv = open();
    const invoice = createCounters(kv).sequence('invoice');
    const book = (id: string) =>
      kv.txn({ compare: [kv.cmp.version(id, '==', 0)], success: [invoice.nextOp(), kv.op.put(id, 'booked')] });
    const numbers: (number | undefined)[] = [];
    for (const id of ['a', 'b', 'a', 'c']) {
      const done = await book(id);
      numbers.push(done.succeeded ? done.results[0].value : undefined);
    }
    expect(numbers).toEqual([1, 2, undefined, 3]);
  });

  it('is apart from a counter and from ids of its name', async () => {
    const kv = open();
    const { counter, sequence } = createCounters(kv);
    await counter('x').add(7);
    expect(await sequence('x').next()).toBe(1);
  });
});
