import { expect, test } from 'vitest';
import { resolveStoreLimits } from '../../src/store/store-limits.js';
import type { StoreView } from '../../src/store/types.js';
import { World, Writer, bytes, text, tinyLimits } from './fixture.js';

async function keysOf(view: StoreView, reverse = false): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of view.scan({ range: { start: '' }, reverse, pageBytes: 200, pageRecords: 3 }))
    keys.push(...page.map(({ key }) => key));
  return keys;
}

test('a view keeps keys that are deleted under it, and does not see those that come', async () => {
  const world = new World(1);
  const writer = new Writer(await world.open());
  writer.apply([['a', bytes('1')], ['b', bytes('2')]]); // prettier-ignore
  const view = world.schedule;
  const pinned = writer.store.view();
  writer.apply([['a', undefined], ['c', bytes('3')]]); // prettier-ignore
  writer.apply([['a', bytes('again')], ['b', bytes('changed')]]); // prettier-ignore
  writer.apply([['a', undefined]]);
  expect(await view.until(keysOf(pinned))).toEqual(['a', 'b']);
  expect(await view.until(keysOf(pinned, true))).toEqual(['b', 'a']);
  expect(text((await view.until(pinned.get('a')))?.value)).toBe('1');
  expect(await view.until(pinned.get('c'))).toBeUndefined();
  await pinned.close();
  await pinned.close();
  await expect(pinned.get('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  const now = writer.store.view();
  expect(await view.until(keysOf(now))).toEqual(['b', 'c']);
});

test('a scan that is given up leaves nothing open', async () => {
  const world = new World(2);
  const writer = new Writer(await world.open());
  for (let at = 0; at < 60; at++) writer.apply([[`key-${at}`, bytes('value')]]);
  const view = writer.store.view();
  await world.schedule.until(
    (async () => {
      for await (const page of view.scan({ range: { start: '' }, reverse: false, pageBytes: 1 })) {
        expect(page.length).toBe(1);
        break;
      }
    })(),
  );
  await view.close();
  await world.schedule.until(writer.store.close());
});

test('views are bounded in number', async () => {
  const world = new World(3);
  const writer = new Writer(await world.open({ ...tinyLimits, views: 3 }));
  const views = [writer.store.view(), writer.store.view(), writer.store.view()];
  expect(() => writer.store.view()).toThrow(expect.objectContaining({ code: 'ERR_OVERLOADED' }));
  await views[0]?.close();
  writer.store.view();
});

test('the oldest views end when what they hold back is too much, the younger go on', async () => {
  const world = new World(4);
  const writer = new Writer(await world.open({ ...tinyLimits, viewBytes: 15_000 }));
  const views: { readonly view: StoreView; readonly keys: number }[] = [];
  for (let at = 0; at < 130; at++) {
    writer.apply([[`key-${at}`, bytes('value')]]);
    views.push({ view: writer.store.view(), keys: at + 1 });
    writer.store.logDurable(writer.index);
    await world.schedule.drain();
  }
  expect(writer.checkpoints.length).toBeGreaterThan(5);
  const outcomes = await Promise.all(
    views.map(({ view, keys }) =>
      world.schedule.until(keysOf(view)).then(
        (found) => {
          expect(found.length).toBe(keys);
          return 'whole';
        },
        (error: unknown) => (error as { code: string }).code,
      ),
    ),
  );
  const ended = outcomes.indexOf('whole');
  expect(ended).toBeGreaterThan(0);
  expect(new Set(outcomes.slice(0, ended))).toEqual(new Set(['ERR_OVERLOADED']));
  expect(new Set(outcomes.slice(ended))).toEqual(new Set(['whole']));
});

test('a view of the past says what it cannot show', async () => {
  const world = new World(5);
  const writer = new Writer(await world.open({ ...tinyLimits, undoBytes: 2_000 }));
  for (let at = 0; at < 30; at++) writer.apply([[`key-${at}`, bytes('value')]]);
  const { revision } = writer;
  await expect(world.schedule.until(writer.store.viewAt(revision + 1))).rejects.toMatchObject({
    code: 'ERR_FUTURE_REVISION',
    revision,
  });
  await expect(world.schedule.until(writer.store.viewAt(2))).rejects.toMatchObject({
    code: 'ERR_TOO_LARGE',
    limit: 2_000,
  });
  writer.compact(revision - 3);
  await expect(world.schedule.until(writer.store.viewAt(revision - 4))).rejects.toMatchObject({
    code: 'ERR_COMPACTED',
    compactRevision: revision - 3,
  });
  const oldest = await world.schedule.until(writer.store.viewAt(revision - 3));
  expect((await world.schedule.until(keysOf(oldest))).length).toBe(27);
});

test('limits are positive integers', () => {
  expect(() => resolveStoreLimits({ cacheBytes: 0 })).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', argument: 'store.limits.cacheBytes' }),
  );
  expect(resolveStoreLimits({ views: 5 }).views).toBe(5);
});
