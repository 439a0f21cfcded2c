import { describe, expect, test } from 'vitest';
import { keyAlone } from '../../src/command/key-range.js';
import { settle } from '../machine/virtual-clock.js';
import { WatchWorld } from './watch-world.js';

const revisions = (batches: readonly { readonly revision: number }[]) => batches.map(({ revision }) => revision);

describe('a watch', () => {
  test('is told first from where it sees everything, then each revision once, whole and in order', async () => {
    const world = new WatchWorld();
    world.put('a');
    world.publish();
    const consumer = world.watch({});
    world.write({
      kind: 'txn',
      compare: [],
      success: [
        { kind: 'put', key: 'x', value: new Uint8Array(0), prev: false },
        { kind: 'put', key: 'y', value: new Uint8Array(0), prev: false },
      ],
      failure: [],
    });
    world.put('a');
    world.publish();
    await consumer.drain();
    expect(consumer.batches.map(({ kind, revision, events }) => [kind, revision, events.length])).toEqual([
      ['opened', 2, 0],
      ['change', 3, 2],
      ['change', 4, 1],
    ]);
  });

  test('wakes a consumer that waits', async () => {
    const world = new WatchWorld();
    const consumer = await world.watch({ ranges: [keyAlone('k')] }).drain();
    world.put('other');
    world.publish();
    await settle();
    expect(consumer.changes).toEqual([]);
    world.put('k');
    world.publish();
    await settle();
    expect(revisions(consumer.changes)).toEqual([3]);
  });

  test('of a revision that a lagging member has yet to hear of outlives a compaction below it', async () => {
    const world = new WatchWorld();
    const early = await world.watch({}).drain();
    const later = await world.watch({ fromRevision: 9 }).drain();
    for (let i = 0; i < 9; i++) world.put('k', String(i));
    // The state jumps by a snapshot, and while what it skipped is read, a part of that is compacted.
    const { changes } = world.store;
    const answers: (() => void)[] = [];
    world.store.changes = (...args) => void answers.push(() => changes.apply(world.store, args));
    world.install();
    world.compact(7);
    for (let answer = answers.shift(); answer !== undefined; answer = answers.shift()) {
      answer();
      await settle();
    }
    await early.drain();
    await later.drain();
    expect(early.error).toMatchObject({ code: 'ERR_COMPACTED', compactRevision: 7 });
    expect(later.error).toBeUndefined();
    expect(revisions(later.changes)).toEqual([9, 10]);
  });

  test('has prev, reasons and the revision of a delete', async () => {
    const world = new WatchWorld();
    const plain = world.watch({});
    const rich = world.watch({ prev: true });
    world.put('a', '1');
    world.put('a', '2');
    world.delete('a', 'b');
    world.publish();
    await plain.drain();
    await rich.drain();
    expect(plain.changes.map(({ events }) => events[0])).toEqual([
      expect.not.objectContaining({ prev: expect.anything() }),
      expect.not.objectContaining({ prev: expect.anything() }),
      { type: 'delete', key: 'a', modRevision: 4, reason: 'deleted' },
    ]);
    expect(rich.changes.map(({ events }) => events[0])).toMatchObject([
      { type: 'put', entry: { version: 1 } },
      { type: 'put', entry: { version: 2 }, prev: { version: 1, modRevision: 2 } },
      { type: 'delete', modRevision: 4, prev: { version: 2, modRevision: 3 } },
    ]);
    expect(rich.changes[0]?.events[0]).not.toHaveProperty('prev');
  });

  test('of one kind hears nothing of a revision without it', async () => {
    const world = new WatchWorld();
    const deletes = world.watch({ only: 'delete' });
    const puts = world.watch({ only: 'put' });
    world.put('a');
    world.delete('a', 'b');
    world.publish();
    await deletes.drain();
    await puts.drain();
    expect(revisions(deletes.changes)).toEqual([3]);
    expect(revisions(puts.changes)).toEqual([2]);
  });

  test('with overlapping ranges hears each event once', async () => {
    const world = new WatchWorld();
    const consumer = world.watch({ ranges: [{ start: 'a', end: 'c' }, keyAlone('b'), { start: 'b' }] });
    world.put('b');
    world.publish();
    await consumer.drain();
    expect(consumer.changes.map(({ events }) => events.length)).toEqual([1]);
  });

  test('ends normally when it is closed, also while its consumer waits', async () => {
    const world = new WatchWorld();
    const waiting = await world.watch({}).drain();
    const late = world.watch({});
    world.hub.close(() => undefined);
    await waiting.drain();
    await late.drain();
    expect([waiting.ended, waiting.error, late.ended, late.error]).toEqual([true, undefined, true, undefined]);
    expect(() => world.watch({})).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    expect(world.hub.size).toBe(0);
  });

  test('asks once at a time', async () => {
    const world = new WatchWorld();
    const stream = world.hub.watch({
      ranges: [{ start: '' }],
      prev: false,
      initial: false,
      progress: false,
      overflow: 'resume',
    });
    await stream.next();
    const waiting = stream.next();
    await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    stream.close();
    expect(await waiting).toBeUndefined();
    expect(await stream.next()).toBeUndefined();
  });
});

describe('from a revision', () => {
  test('in the past: catches up from the store, then goes on live', async () => {
    const world = new WatchWorld();
    for (let at = 0; at < 20; at++) world.put(`k${at % 3}`);
    world.publish();
    const consumer = world.watch({ fromRevision: 3, ranges: [keyAlone('k0')] });
    await consumer.drain();
    expect(consumer.batches[0]).toMatchObject({ kind: 'opened', revision: 2 });
    expect(revisions(consumer.changes)).toEqual([5, 8, 11, 14, 17, 20]);
    world.put('k0');
    world.publish();
    await settle();
    expect(revisions(consumer.changes).at(-1)).toBe(22);
  });

  test('in the future: waits for it', async () => {
    const world = new WatchWorld();
    const consumer = world.watch({ fromRevision: 4 });
    for (let at = 0; at < 4; at++) world.put('k');
    world.publish();
    await consumer.drain();
    expect(consumer.batches[0]).toMatchObject({ kind: 'opened', revision: 3 });
    expect(revisions(consumer.changes)).toEqual([4, 5]);
  });

  test('of a store that has none yet: waits, and does not ask again and again', async () => {
    const world = new WatchWorld();
    const consumer = await world.watch({ fromRevision: 1 }).drain();
    expect(world.scheduler.idle).toBe(true);
    world.put('k');
    world.publish();
    await settle();
    expect(revisions(consumer.changes)).toEqual([2]);
  });

  test('that is compacted: refused; the compact revision itself is not', async () => {
    const world = new WatchWorld();
    for (let at = 0; at < 5; at++) world.put('k');
    world.publish();
    world.compact(4);
    const consumer = await world.watch({ fromRevision: 3 }).drain();
    expect(consumer.error).toMatchObject({ code: 'ERR_COMPACTED', compactRevision: 4 });
    expect(revisions((await world.watch({ fromRevision: 4 }).drain()).changes)).toEqual([4, 5, 6]);
  });

  test('a live watch that has heard nothing for long is not taken for one that is behind', async () => {
    const world = new WatchWorld();
    const consumer = await world.watch({ ranges: [keyAlone('rare')] }).drain();
    for (let at = 0; at < 5; at++) world.put('k');
    world.publish();
    world.compact(6);
    world.put('rare');
    world.install();
    await consumer.drain();
    expect(consumer.error).toBeUndefined();
    expect(revisions(consumer.changes)).toEqual([7]);
  });

  test('gives the event loop back between chunks without an event for it', async () => {
    const world = new WatchWorld();
    for (let at = 0; at < 12; at++) world.put('k');
    world.put('rare');
    world.publish();
    const consumer = world.watch({ fromRevision: 2, ranges: [keyAlone('rare')] });
    consumer.pull();
    await settle();
    consumer.pull();
    await settle();
    expect(consumer.changes).toEqual([]);
    await consumer.drain();
    expect(revisions(consumer.changes)).toEqual([14]);
  });
});

describe('a slow consumer', () => {
  test('falls back on the store and misses nothing', async () => {
    const world = new WatchWorld({ watchBytes: 500 });
    const consumer = world.watch({});
    for (let at = 0; at < 50; at++) {
      world.put('k', 'x'.repeat(100));
      world.publish();
    }
    await consumer.drain();
    expect(revisions(consumer.changes)).toEqual(Array.from({ length: 50 }, (_, at) => at + 2));
    world.put('k');
    world.publish();
    await settle();
    expect(revisions(consumer.changes).at(-1)).toBe(52);
  });

  test('with overflow error: ends, and says up to where it was told everything', async () => {
    const world = new WatchWorld({ watchBytes: 1_000 });
    const consumer = world.watch({ overflow: 'error' });
    for (let at = 0; at < 50; at++) {
      world.put('k', 'x'.repeat(100));
      world.publish();
    }
    await consumer.drain();
    const last = revisions(consumer.changes).at(-1);
    expect(last).toBeGreaterThan(2);
    expect(consumer.error).toMatchObject({ code: 'ERR_WATCH_OVERFLOW', revision: last });
    expect(world.hub.size).toBe(0);
  });

  test('overtaken by compaction is told so', async () => {
    const world = new WatchWorld({ watchBytes: 300 });
    const consumer = world.watch({});
    for (let at = 0; at < 50; at++) {
      world.put('k', 'x'.repeat(100));
      world.publish();
    }
    world.compact(45);
    await consumer.drain();
    expect(consumer.error).toMatchObject({ code: 'ERR_COMPACTED', compactRevision: 45 });
  });

  test('a revision that alone is larger than the bound still comes, whole', async () => {
    const world = new WatchWorld({ watchBytes: 100 });
    const consumer = await world.watch({ overflow: 'error' }).drain();
    world.put('k', 'x'.repeat(10_000));
    world.publish();
    await consumer.drain();
    expect(revisions(consumer.changes)).toEqual([2]);
  });
});

describe('initial', () => {
  test('the state of one revision, then synced, then every change after it', async () => {
    const world = new WatchWorld();
    for (const key of ['a', 'b', 'c', 'd', 'e']) world.put(key);
    world.delete('c', 'd');
    world.publish();
    const consumer = world.watch({ initial: true, ranges: [{ start: 'b' }, keyAlone('d'), { start: 'a', end: 'c' }] });
    world.put('f');
    world.delete('a', 'b');
    world.publish();
    await consumer.drain();
    const { batches } = consumer;
    expect(batches[0]).toMatchObject({ kind: 'opened', revision: 7 });
    const initial = batches.filter(({ kind }) => kind === 'initial');
    expect(initial.flatMap(({ events }) => events.map((event) => event.type === 'put' && event.entry.key))).toEqual([
      'a',
      'b',
      'd',
      'e',
    ]);
    expect(new Set(revisions(initial))).toEqual(new Set([7]));
    expect(batches.map(({ kind }) => kind).slice(-3)).toEqual(['synced', 'change', 'change']);
    expect(revisions(batches).slice(-3)).toEqual([7, 8, 9]);
    expect(world.store.views).toBe(0);
  });

  test('lets go of its view when it is closed early', async () => {
    const world = new WatchWorld();
    for (const key of ['a', 'b', 'c', 'd', 'e']) world.put(key);
    world.publish();
    const consumer = world.watch({ initial: true });
    consumer.pull();
    await settle();
    expect(world.store.views).toBe(1);
    consumer.close();
    await settle();
    expect(world.store.views).toBe(0);
  });

  test('for deletes only: nothing but synced', async () => {
    const world = new WatchWorld();
    world.put('a');
    world.publish();
    const consumer = await world.watch({ initial: true, only: 'delete' }).drain();
    expect(consumer.batches.map(({ kind }) => kind)).toEqual(['opened', 'synced']);
  });
});

describe('progress', () => {
  test('tells a watch that has heard nothing for long where it stands', async () => {
    const world = new WatchWorld({ progressRevisions: 10 });
    const consumer = await world.watch({ progress: true, ranges: [keyAlone('rare')] }).drain();
    const silent = await world.watch({ ranges: [keyAlone('rare')] }).drain();
    for (let at = 0; at < 25; at++) {
      world.put('k');
      world.publish();
    }
    await consumer.drain();
    expect(consumer.batches.slice(1).map(({ kind, revision }) => [kind, revision])).toEqual([
      ['progress', 11],
      ['progress', 21],
    ]);
    world.put('rare');
    world.publish();
    await consumer.drain();
    expect(revisions(consumer.changes)).toEqual([27]);
    expect((await silent.drain()).batches).toHaveLength(2);
  });
});

describe('bad requests', () => {
  test.each([
    [{ ranges: [] }, 'ERR_INVALID_ARGUMENT'],
    [{ fromRevision: 0 }, 'ERR_INVALID_ARGUMENT'],
    [{ fromRevision: 1.5 }, 'ERR_INVALID_ARGUMENT'],
    [{ fromRevision: 1, initial: true }, 'ERR_INVALID_ARGUMENT'],
    [{ ranges: Array.from({ length: 3 }, () => keyAlone('k')) }, 'ERR_TOO_MANY_OPS'],
  ])('%j', (request, code) => {
    const world = new WatchWorld({ watchRanges: 2 });
    expect(() => world.watch(request)).toThrow(expect.objectContaining({ code }));
  });

  test('too many watches', () => {
    const world = new WatchWorld({ watches: 2 });
    world.watch({}).close();
    world.watch({});
    world.watch({});
    expect(() => world.watch({})).toThrow(expect.objectContaining({ code: 'ERR_OVERLOADED' }));
  });
});

describe('progress of a watch that is behind', () => {
  test('tells where it stands although nothing is for it', async () => {
    const world = new WatchWorld({ progressRevisions: 10 });
    for (let at = 0; at < 40; at++) world.put('k');
    world.publish();
    const consumer = world.watch({ fromRevision: 2, progress: true, ranges: [keyAlone('rare')] });
    await consumer.drain();
    const told = consumer.batches.filter(({ kind }) => kind === 'progress').map(({ revision }) => revision);
    expect(told).toEqual([13, 25, 37]);
  });
});
