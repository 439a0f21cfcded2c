import { expect, test } from 'vitest';
import { World, Writer, bytes, text, tinyLimits } from './fixture.js';

test('what was committed is there before and behind a checkpoint, and after a restart', async () => {
  const world = new World(1);
  const store = await world.open();
  const writer = new Writer(store);
  for (let at = 0; at < 40; at++) writer.apply([[`key-${String(at).padStart(3, '0')}`, bytes(`value ${at}`)]]);
  store.logDurable(writer.index);
  await world.schedule.drain();
  expect(writer.failures).toEqual([]);
  expect(writer.checkpoints.length).toBeGreaterThan(0);
  const record = await world.schedule.until(store.get('key-003'));
  expect(text(record?.value)).toBe('value 3');
  await world.schedule.until(store.close());

  const again = await world.open();
  const state = again.recovered();
  expect(state).toEqual(writer.checkpoints.at(-1));
  const view = again.view();
  const keys: string[] = [];
  await world.schedule.until(
    (async () => {
      for await (const page of view.scan({ range: { start: '' }, reverse: false, pageBytes: 300 })) {
        keys.push(...page.map(({ key }) => key));
      }
    })(),
  );
  expect(keys.length).toBe(state.revision - 1);
  expect(keys).toEqual([...keys].sort());
});

test('a store all of whose keys are in memory knows what is absent; one that let go of some asks the disk', async () => {
  const world = new World(11);
  const writer = new Writer(await world.open({ ...tinyLimits, cacheBytes: 100_000 }));
  const known = (key: string): boolean => writer.store.peek(key) !== 'on-disk';
  expect(known('absent')).toBe(true);
  for (let at = 0; at < 20; at++) writer.apply([[`key-${at}`, bytes('value')]]);
  writer.apply([['key-3', undefined]]);
  writer.store.logDurable(writer.index);
  await world.schedule.until(writer.store.checkpointNow());
  expect(known('absent')).toBe(true);
  expect(writer.store.lookup('absent')).toBeUndefined();
  expect(writer.store.prefetch({ keys: ['absent'], ranges: [] }, () => undefined)).toBe(true);
  expect(writer.store.statistics.diskReads).toBe(0);

  await world.schedule.until(writer.store.close());
  writer.adopt(await world.open({ ...tinyLimits, cacheBytes: 100_000 }));
  expect(known('absent')).toBe(false);
  for (let at = 0; at < 20; at++) {
    expect(known('absent')).toBe(false);
    writer.store.lookup(`key-${at}`);
  }
  expect(known('absent')).toBe(true);

  for (let at = 20; at < 500; at++) writer.apply([[`key-${at}`, bytes('value')]]);
  expect(known('absent')).toBe(false);
  expect(writer.store.lookup('key-0')).toBeDefined();
});
