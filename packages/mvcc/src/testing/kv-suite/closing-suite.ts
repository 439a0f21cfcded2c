import assert from 'node:assert/strict';
import { collect, nextOf, rejection, type SuiteTests } from './suite-test.js';

export const closing: SuiteTests = {
  'close: handlers run newest first, while the store serves': async ({ open }) => {
    const store = await open();
    const { kv } = store;
    const ran: string[] = [];
    kv.onClose(async () => {
      await kv.put('first', '1');
      ran.push((await kv.get('first'))!.value);
    });
    kv.namespace('p/').onClose(() => ran.push('2'));
    kv.onClose(() => ran.push('never'))[Symbol.dispose]();
    kv.onClose(() => {
      throw new Error('a handler that fails does not keep the others from running');
    });
    kv.onClose(() => ran.push('3'));
    await store.close();
    assert.deepEqual(ran, ['3', '2', '1']);
  },
  'close: watches end normally, iterations do not': async ({ open }) => {
    const store = await open();
    const { kv } = store;
    for (let i = 0; i < 100; i++) await kv.put(`k${i}`, '');
    const watch = kv.watch({ all: true });
    await watch.ready;
    const ended = collect(watch);
    const iterator = kv.iterate({ all: true });
    await nextOf(iterator);
    await store.close();
    assert.deepEqual(await ended, []);
    await rejection(collect(iterator), 'ERR_CLOSED');
  },
  'close: later calls are refused': async ({ open }) => {
    const store = await open();
    const { kv } = store;
    await kv.put('a', '1');
    await store.close();
    await store.close();
    const write = await rejection(kv.put('a', '2'), 'ERR_CLOSED');
    assert.deepEqual([write.outcome, write.retryable], ['not-applied', false]);
    await rejection(kv.namespace('p/').get('a'), 'ERR_CLOSED');
    await rejection(kv.txn({}), 'ERR_CLOSED');
    await rejection(
      kv.update('a', () => 'x'),
      'ERR_CLOSED',
    );
    await rejection(kv.iterate({ all: true }).next(), 'ERR_CLOSED');
    const watch = kv.watch('a');
    assert.equal((await watch.next()).done, true);
    await rejection(watch.ready, 'ERR_CLOSED');
    assert.throws(() => kv.onClose(() => undefined), { code: 'ERR_CLOSED' });
  },
};
