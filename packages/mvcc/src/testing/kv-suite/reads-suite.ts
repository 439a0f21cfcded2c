import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kv } from '../../kv/kv.js';
import { collect, nextOf, rejection, type SuiteTests } from './suite-test.js';

async function fill(kv: Kv, count: number): Promise<string[]> {
  const keys = Array.from({ length: count }, (_, i) => `k${String(i).padStart(4, '0')}`);
  await Promise.all(keys.map((key) => kv.put(key, `v-${key}`)));
  return keys;
}
const keysOf = (result: { readonly entries: readonly { readonly key: string }[] }) =>
  result.entries.map(({ key }) => key);

export const reads: SuiteTests = {
  'range: bounds': async ({ kv }) => {
    for (const key of ['a', 'b', 'b1', 'b2', 'c', 'd']) await kv.put(key, key);
    const keys = async (range: Parameters<Kv['range']>[0]) => keysOf(await kv.range(range)).join(' ');
    assert.equal(await keys({ all: true }), 'a b b1 b2 c d');
    assert.equal(await keys({ prefix: 'b' }), 'b b1 b2');
    assert.equal(await keys({ prefix: 'b', gt: 'b' }), 'b1 b2');
    assert.equal(await keys({ prefix: 'b', gt: 'b', lte: 'b1' }), 'b1');
    assert.equal(await keys({ prefix: 'b', gte: 'a', lt: 'z' }), 'b b1 b2');
    assert.equal(await keys({ gte: 'b', lt: 'c' }), 'b b1 b2');
    assert.equal(await keys({ gt: 'b2', lte: 'd' }), 'c d');
    assert.equal(await keys({ gt: 'b2' }), 'c d');
    assert.equal(await keys({ lt: 'b' }), 'a');
    assert.equal(await keys({ gte: 'd', lt: 'a' }), '');
    assert.equal(await keys({ prefix: 'b', gt: 'x' }), '');
    assert.equal(await keys({ prefix: 'b', gt: undefined, lt: undefined }), 'b b1 b2');
  },
  'range: limit, more, and the next page': async ({ kv }) => {
    const keys = await fill(kv, 10);
    const seen: string[] = [];
    for (let gt: string | undefined; ; gt = seen.at(-1)) {
      const page = await kv.range({ prefix: 'k', gt }, { limit: 4 });
      seen.push(...keysOf(page));
      if (!page.more) break;
    }
    assert.deepEqual(seen, keys);
    const all = await kv.range({ prefix: 'k' }, { limit: 10 });
    assert.equal(all.more, false);
  },
  'range: reverse, keysOnly, countOnly': async ({ kv }) => {
    await fill(kv, 5);
    const reverse = await kv.range({ all: true }, { reverse: true, limit: 2 });
    assert.deepEqual(keysOf(reverse), ['k0004', 'k0003']);
    const keysOnly = await kv.range({ all: true }, { keysOnly: true, limit: 1 });
    assert.deepEqual(Object.keys(keysOnly.entries[0]!).toSorted(), ['createRevision', 'key', 'modRevision', 'version']);
    const counted = await kv.range({ all: true }, { countOnly: true });
    assert.deepEqual([counted.count, counted.entries.length], [5, 0]);
  },
  'range: many entries are decoded without holding the loop': async ({ kv }) => {
    const keys = await fill(kv, 300);
    const { entries } = await kv.range({ all: true });
    assert.deepEqual(
      entries.map(({ key, value }) => [key, value]),
      keys.map((key) => [key, `v-${key}`]),
    );
  },
  'range: the present one is of the revision that it names': async ({ kv }) => {
    const { revision } = await kv.put('a', '1');
    assert.equal((await kv.range({ prefix: 'a' })).revision, revision);
  },
  'reads of an old revision': async ({ kv }) => {
    const first = await kv.put('a', '1');
    await kv.put('a', '2');
    const last = await kv.delete('a');
    assert.equal((await kv.get('a', { revision: first.revision }))?.value, '1');
    assert.equal((await kv.range({ all: true }, { revision: last.revision - 1 })).entries[0]?.value, '2');
    assert.equal(await kv.get('a', { revision: last.revision }), undefined);
    await rejection(kv.get('a', { revision: last.revision + 1_000_000 }), 'ERR_FUTURE_REVISION');
  },
  'every consistency reads what this process wrote': async ({ kv }) => {
    await kv.put('a', '1');
    for (const consistency of ['linearizable', 'serializable', 'lease', undefined] as const) {
      assert.equal((await kv.get('a', { consistency }))?.value, '1');
      assert.equal((await kv.range({ all: true }, { consistency })).entries.length, 1);
    }
  },
  'minRevision waits for what is to come': async ({ kv }) => {
    const { revision } = await kv.put('a', '1');
    const waiting = kv.get('a', { minRevision: revision + 1, consistency: 'serializable' });
    await kv.put('a', '2');
    assert.equal((await waiting)?.value, '2');
    const never = kv.get('a', { minRevision: revision + 1_000_000, timeoutMs: 20, consistency: 'serializable' });
    await rejection(never, 'ERR_TIMEOUT');
  },
  'minRevision gives up with its signal': async ({ kv }) => {
    const { revision } = await kv.put('a', '1');
    const controller = new AbortController();
    const options = { minRevision: revision + 1_000_000, signal: controller.signal, timeoutMs: 30_000 };
    const waiting = kv.get('a', { ...options, consistency: 'serializable' });
    const reason = new Error('enough');
    setImmediate(() => controller.abort(reason));
    const error = await rejection(waiting, 'ERR_ABORTED');
    assert.equal(error.cause, reason);
  },
  'keys order by their UTF-8 bytes': async ({ kv }) => {
    // UTF-16 order has the astral one (a surrogate pair from D800) before the private one.
    const keys = ['z', 'é', '\uE000', '😀'];
    for (const key of keys.toReversed()) await kv.put(key, key);
    assert.deepEqual(keysOf(await kv.range({ all: true })), keys);
    assert.deepEqual(keysOf(await kv.range({ gt: '\uE000' })), ['😀']);
    assert.deepEqual(keysOf(await kv.range({ prefix: '😀' })), ['😀']);
    assert.equal((await kv.get('😀'))?.value, '😀');
  },
  'iterate: all of one revision, whatever is written meanwhile': async ({ kv }) => {
    const keys = await fill(kv, 150);
    const iterator = kv.iterate({ all: true });
    const first = await nextOf(iterator);
    await kv.delete({ gte: 'k0100' });
    await kv.put('k0001', 'changed');
    const rest = await collect(iterator);
    assert.deepEqual(
      [first, ...rest].map(({ key, value }) => [key, value]),
      keys.map((key) => [key, `v-${key}`]),
    );
  },
  'iterate: an old revision, backwards': async ({ kv }) => {
    await fill(kv, 3);
    const { revision } = await kv.put('k0003', 'v-k0003');
    await kv.delete({ all: true });
    const seen = await collect(kv.iterate({ all: true }, { revision, reverse: true }));
    assert.deepEqual(keysOf({ entries: seen }), ['k0003', 'k0002', 'k0001', 'k0000']);
    assert.deepEqual(await collect(kv.iterate({ all: true })), []);
  },
  'iterate: breaking off, and a signal': async ({ kv }) => {
    await fill(kv, 5);
    for await (const entry of kv.iterate({ all: true })) {
      assert.equal(entry.key, 'k0000');
      break;
    }
    const controller = new AbortController();
    const iterator = kv.iterate({ all: true }, { signal: controller.signal });
    await nextOf(iterator);
    controller.abort();
    await rejection(iterator.next(), 'ERR_ABORTED');
    assert.equal((await iterator.next()).done, true);
  },
  'iterate lets the event loop run': async ({ kv }) => {
    await fill(kv, 300);
    let timers = 0;
    const timer = setInterval(() => timers++, 1);
    try {
      for await (const entry of kv.iterate({ all: true })) {
        assert.ok(entry.key.startsWith('k'));
        // Half a millisecond of work for each: 150 ms without a turn if nobody gave way.
        const since = performance.now();
        while (performance.now() - since < 0.5);
      }
    } finally {
      clearInterval(timer);
    }
    assert.ok(timers >= 10, `timers ran ${timers} times`);
  },
  'reads do not wait for one another': async ({ kv }) => {
    await kv.put('a', '1');
    const { revision } = await kv.put('a', '2');
    const options = { minRevision: revision + 1, consistency: 'serializable', timeoutMs: 30_000 } as const;
    const waiting = kv.get('a', options);
    await sleep(1);
    assert.equal((await kv.get('a'))?.value, '2');
    await kv.put('a', '3');
    assert.equal((await waiting)?.value, '3');
  },
};
