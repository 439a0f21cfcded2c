import { expect, test } from 'vitest';
import { World, Writer, bytes } from './fixture.js';

test('a store that loads tells by a number that its disk moves, page by page', async () => {
  const world = new World(1);
  const writer = new Writer(await world.open());
  for (let at = 0; at < 40; at++) writer.apply([[`key-${String(at).padStart(3, '0')}`, bytes('x'.repeat(100))]]);
  writer.store.logDurable(writer.index);
  const checkpoint = writer.store.checkpointNow();
  await world.schedule.until(checkpoint);
  await world.schedule.until(writer.store.close());
  const store = await world.open();
  expect(store.diskWait).toBeUndefined();

  let ready = false;
  const wanted = { keys: [], ranges: [{ range: { start: '' }, limit: 100 }] };
  const loaded = store.prefetch(wanted, () => {
    ready = true;
  });
  expect(loaded).toBe(false);
  const seen = new Set<number>();
  while (!ready) {
    if (store.diskWait !== undefined) seen.add(store.diskWait);
    world.schedule.step();
    for (let at = 0; at < 20; at++) await Promise.resolve();
  }
  expect(seen.size).toBeGreaterThan(4);
  expect(store.diskWait).toBeUndefined();
});

test('a store that is full tells that it waits for its checkpoint, and whether that gets on', async () => {
  const world = new World(2);
  const store = await world.open();
  const writer = new Writer(store);
  let at = 0;
  while (!store.overloaded) writer.apply([[`key-${at++}`, bytes('x'.repeat(200))]]);
  const standing = store.diskWait;
  expect(standing).toBeTypeOf('number');
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  expect(store.diskWait).toBe(standing);
  for (let turn = 0; turn < 4; turn++) {
    world.schedule.step();
    for (let each = 0; each < 40; each++) await Promise.resolve();
  }
  expect(store.diskWait).not.toBe(standing);
  expect(store.overloaded).toBe(true);
  // The checkpoint itself waits for the log.
  writer.store.logDurable(writer.index);
  await world.schedule.drain();
  expect(store.diskWait).toBeUndefined();
});
