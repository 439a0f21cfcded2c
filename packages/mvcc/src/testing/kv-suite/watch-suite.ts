import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { op } from '../../kv/operations.js';
import type { Watch, WatchBatch } from '../../kv/watch.js';
import { nextOf, rejection, type SuiteTests } from './suite-test.js';

/** What a batch says, in one line. */
function line(batch: WatchBatch): string {
  const events = batch.events.map((event) =>
    event.type === 'put' ? `${event.entry.key}=${event.entry.value}` : `-${event.entry.key}`,
  );
  return [batch.kind, ...events].join(' ');
}
async function lines(watch: Watch, count: number): Promise<string[]> {
  const all: string[] = [];
  while (all.length < count) all.push(line(await nextOf(watch)));
  return all;
}

export const watches: SuiteTests = {
  'watch: every change after it was called, one revision a batch': async ({ kv }) => {
    await kv.put('z', '0');
    await using watch = kv.watch({ all: true });
    const { revision } = await watch.ready;
    const first = await kv.put('a', '1');
    await kv.txn({ success: [op.put('b', '2'), op.put('c', '3')] });
    await kv.delete({ gte: 'a', lt: 'c' });
    assert.equal(first.revision, revision + 1);
    assert.deepEqual(await lines(watch, 3), ['change a=1', 'change b=2 c=3', 'change -a -b']);
    assert.equal(watch.revision, revision + 3);
  },
  'watch: registered when called, not at the first next()': async ({ kv }) => {
    await using watch = kv.watch('a');
    await kv.put('a', '1');
    await kv.put('other', '1');
    await kv.put('a', '2');
    assert.deepEqual(await lines(watch, 2), ['change a=1', 'change a=2']);
  },
  'watch: a key, a range, any of several': async ({ kv }) => {
    await using one = kv.watch('a');
    await using range = kv.watch({ prefix: 'p/' });
    await using any = kv.watch({ anyOf: ['a', { prefix: 'p/' }, 'p/x', { gte: 'p/x', lt: 'p/y' }] });
    for (const key of ['a', 'a1', 'p/x', 'q']) await kv.put(key, '1');
    await kv.put('a', '2');
    assert.deepEqual(await lines(one, 2), ['change a=1', 'change a=2']);
    assert.deepEqual(await lines(range, 1), ['change p/x=1']);
    assert.deepEqual(
      await lines(any, 3),
      ['change a=1', 'change p/x=1', 'change a=2'],
      'a key of two ranges comes once',
    );
  },
  'watch: from a past revision, and on from where one stopped': async ({ kv }) => {
    const { revision } = await kv.put('a', '1');
    await kv.put('a', '2');
    await kv.delete('a');
    const watch = kv.watch('a', { fromRevision: revision });
    assert.equal((await watch.ready).revision, revision - 1);
    assert.equal(watch.revision, revision - 1);
    assert.deepEqual(await lines(watch, 2), ['change a=1', 'change a=2']);
    await watch.close();
    await using rest = kv.watch('a', { fromRevision: watch.revision + 1 });
    assert.deepEqual(await lines(rest, 1), ['change -a']);
  },
  'watch: from a revision that is to come': async ({ kv }) => {
    const { revision } = await kv.put('a', '0');
    await using watch = kv.watch('a', { fromRevision: revision + 2 });
    await watch.ready;
    await kv.put('a', '1');
    await kv.put('a', '2');
    assert.deepEqual(await lines(watch, 1), ['change a=2']);
  },
  'watch: prev, and why a key went': async ({ kv }) => {
    await kv.put('a', '1');
    await using watch = kv.watch('a', { prev: true });
    await kv.put('a', '2');
    const { revision } = await kv.delete('a');
    await kv.put('a', '3');
    const put = (await nextOf(watch)).events[0]!;
    assert.equal(put.prev?.value, '1');
    const gone = (await nextOf(watch)).events[0]!;
    assert.ok(gone.type === 'delete');
    assert.deepEqual(
      [gone.entry, gone.reason, gone.prev?.value],
      [{ key: 'a', modRevision: revision }, 'deleted', '2'],
    );
    const made = (await nextOf(watch)).events[0]!;
    assert.equal('prev' in made, false);
  },
  'watch: only puts, only deletes': async ({ kv }) => {
    await using puts = kv.watch('a', { only: 'put' });
    await using deletes = kv.watch('a', { only: 'delete' });
    await kv.put('a', '1');
    await kv.delete('a');
    await kv.put('a', '2');
    await kv.delete('a');
    assert.deepEqual(await lines(puts, 2), ['change a=1', 'change a=2']);
    assert.deepEqual(await lines(deletes, 2), ['change -a', 'change -a']);
  },
  'watch: initial gives the state, then synced, then what comes': async ({ kv }) => {
    for (let i = 0; i < 150; i++) await kv.put(`k${String(i).padStart(3, '0')}`, '0');
    const { revision } = await kv.put('a', '1');
    await using watch = kv.watch({ all: true }, { initial: true });
    const seen: string[] = [];
    let batch = await nextOf(watch);
    for (; batch.kind === 'initial'; batch = await nextOf(watch)) {
      assert.deepEqual([batch.revision, watch.revision], [revision, 0], 'not handed out in full yet');
      seen.push(...batch.events.map((event) => event.entry.key));
      // Comes after the state, whenever it is written.
      if (seen.length === batch.events.length) await kv.put('b', '2');
    }
    assert.deepEqual(
      [batch.kind, batch.revision, batch.events.length, watch.revision],
      ['synced', revision, 0, revision],
    );
    assert.equal(seen.length, 151);
    assert.equal(new Set(seen).size, 151);
    assert.deepEqual(await lines(watch, 1), ['change b=2']);
  },
  'watch: initial with only deletes: a state has none': async ({ kv }) => {
    await kv.put('a', '1');
    const { revision } = await kv.put('b', '2');
    const watch = kv.watch({ all: true }, { initial: true, only: 'delete' });
    assert.deepEqual(await nextOf(watch), { kind: 'synced', revision, events: [] });
    await kv.delete('a');
    assert.equal((await nextOf(watch)).revision, revision + 1);
    await watch.close();
  },
  'watch: initial of nothing is synced at once': async ({ kv }) => {
    await using watch = kv.watch({ all: true }, { initial: true });
    assert.deepEqual(await lines(watch, 1), ['synced']);
    await kv.put('a', '1');
    assert.deepEqual(await lines(watch, 1), ['change a=1']);
  },
  'watch: a consumer that waits is woken': async ({ kv }) => {
    await using watch = kv.watch('a');
    const waiting = nextOf(watch);
    await sleep(5);
    await kv.put('a', '1');
    assert.equal(line(await waiting), 'change a=1');
  },
  'watch: a slow reader misses nothing': async ({ kv }) => {
    await using watch = kv.watch({ prefix: 'k' });
    await watch.ready;
    await Promise.all(Array.from({ length: 500 }, (_, i) => kv.put(`k${i}`, String(i))));
    const seen = new Set<string>();
    let last = 0;
    while (seen.size < 500) {
      const batch = await nextOf(watch);
      assert.ok(batch.revision > last);
      last = batch.revision;
      for (const event of batch.events) seen.add(event.entry.key);
    }
    assert.equal(watch.revision, last);
  },
  'watch: compacted history is an error that says where it begins': async ({ kv }) => {
    const { revision } = await kv.put('a', '1');
    for (let i = 0; i < 3; i++) await kv.put('a', String(i));
    await kv.compact(revision + 3);
    const watch = kv.watch('a', { fromRevision: revision });
    const error = await rejection(nextOf(watch), 'ERR_COMPACTED');
    assert.ok(Number(error['compactRevision']) >= revision + 3);
    assert.equal((await watch.next()).done, true, 'told once, then over');
  },
  'watch: close, signal and break end it normally': async ({ kv }) => {
    const closed = kv.watch('a');
    const waiting = closed.next();
    await closed.ready;
    await closed.close();
    await closed.close();
    assert.equal((await waiting).done, true);
    assert.equal((await closed.next()).done, true);

    const controller = new AbortController();
    const aborted = kv.watch('a', { signal: controller.signal });
    const pending = aborted.next();
    await aborted.ready;
    controller.abort();
    assert.equal((await pending).done, true);

    await kv.put('b', '1');
    const broken = kv.watch('b', { initial: true });
    for await (const batch of broken) {
      assert.equal(batch.kind, 'initial');
      break;
    }
    assert.equal((await broken.next()).done, true);
  },
  'watch: a signal that has fired: it ends, and ready says why': async ({ kv }) => {
    const reason = new Error('why');
    const watch = kv.watch('a', { signal: AbortSignal.abort(reason) });
    assert.equal((await watch.next()).done, true);
    const error = await rejection(watch.ready, 'ERR_ABORTED');
    assert.equal(error.cause, reason);
  },
  'watch: one consumer': async ({ kv }) => {
    await using watch = kv.watch('a');
    const first = watch.next();
    const error = await rejection(watch.next(), 'ERR_INVALID_ARGUMENT');
    assert.equal(error['argument'], 'next');
    await kv.put('a', '1');
    assert.equal(line((await first).value as WatchBatch), 'change a=1');
  },
  'watch: what does not decode is named, and one can go on behind it': async ({ kv }) => {
    const json = kv.withEncoding<number>({ value: 'json' });
    const watch = json.watch({ all: true });
    await watch.ready;
    await json.put('a', 1);
    const bad = await kv.put('b', '{');
    await json.put('c', 3);
    assert.equal((await nextOf(watch)).events[0]?.entry.key, 'a');
    const error = await rejection(nextOf(watch), 'ERR_DECODING');
    assert.deepEqual([error['key'], error['revision']], [new TextEncoder().encode('b'), bad.revision]);
    assert.equal(watch.revision, bad.revision);
    await using rest = json.watch({ all: true }, { fromRevision: watch.revision + 1 });
    assert.equal((await nextOf(rest)).events[0]?.entry.key, 'c');
  },
  'watch: a previous value that does not decode names the revision of the batch': async ({ kv }) => {
    const json = kv.withEncoding<number>({ value: 'json' });
    await kv.put('a', '{');
    await using watch = json.watch('a', { prev: true });
    await watch.ready;
    const { revision } = await json.put('a', 1);
    const error = await rejection(nextOf(watch), 'ERR_DECODING');
    assert.equal(error['revision'], revision);
  },
};
