import { beforeEach, expect, test } from 'vitest';
import type { KeyRange } from '../../src/store/types.js';
import { World, Writer, bytes, text, tinyLimits } from './fixture.js';

/**
 * What was read from the disk comes back late: after the key was changed, after a checkpoint took the change to the
 * disk.
 */

let world: World;
let writer: Writer;

beforeEach(async () => {
  world = new World(1);
  writer = new Writer(await world.open());
  for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) writer.apply([[key, bytes(`old ${key}`)]]);
  await checkpoint();
  await world.schedule.until(writer.store.close());
  // Opened again, so that no cache knows anything.
  writer.adopt(await world.open({ ...tinyLimits, sliceBytes: 60 }));
  expect(writer.store.peek('a')).toBe('on-disk');
});

async function checkpoint(): Promise<void> {
  const before = writer.checkpoints.length;
  while (writer.checkpoints.length === before) {
    writer.apply([['zfiller', bytes('x'.repeat(1_500))]]);
    writer.store.logDurable(writer.index);
    await world.schedule.drain();
  }
  await world.schedule.drain();
  expect(writer.failures).toEqual([]);
}

/** Begins reading `a`, and holds back what the disk says. */
async function beginRead(): Promise<{ readonly late: readonly (() => void)[]; readonly read: Promise<unknown> }> {
  const read = writer.store.get('a');
  await Promise.resolve();
  world.schedule.step();
  await Promise.resolve();
  const late = world.schedule.take();
  expect(late.length).toBe(1);
  return { late, read };
}

test('a record that was deleted meanwhile, and its deletion taken to disk, does not come back through the cache', async () => {
  const { late, read } = await beginRead();
  writer.apply([['a', undefined]]);
  await checkpoint();
  late.forEach(world.schedule.add);
  await world.schedule.until(read);
  expect(writer.store.lookup('a')).toBeUndefined();
});

test('a record that was deleted meanwhile does not come back when its deletion goes to disk', async () => {
  const { late, read } = await beginRead();
  writer.apply([['a', undefined]]);
  late.forEach(world.schedule.add);
  await world.schedule.until(read);
  expect(writer.store.lookup('a')).toBeUndefined();
  await checkpoint();
  expect(writer.store.lookup('a')).toBeUndefined();
});

test('a record that is deleted and made again is the new one, before and behind the checkpoint', async () => {
  const { late, read } = await beginRead();
  writer.apply([['a', undefined]]);
  writer.apply([['a', bytes('new a')]]);
  late.forEach(world.schedule.add);
  await world.schedule.until(read);
  await checkpoint();
  const record = writer.store.lookup('a');
  expect(text(record?.value)).toBe('new a');
  expect(record?.version).toBe(1);
});

const range: KeyRange = { start: 'a', end: 'g' };

async function load(limit: number): Promise<void> {
  let ready = false;
  if (
    writer.store.prefetch({ keys: [], ranges: [{ range, limit }] }, () => {
      ready = true;
    })
  )
    return;
  await world.schedule.drain();
  expect(ready).toBe(true);
}

function scan(limit: number): string[] | undefined {
  return writer.store.scan(range, limit)?.map(({ key }) => key);
}

test('a scan is refused where memory knows a record behind what was loaded, and found when it is loaded again', async () => {
  await load(2);
  expect(scan(2)).toEqual(['a', 'b']);
  writer.apply([
    ['a', undefined],
    ['b', undefined],
    ['fa', bytes('in memory')],
  ]);
  for (let key = 'c'; scan(1) !== undefined; key = String.fromCharCode(key.charCodeAt(0) + 1)) {
    expect(scan(1)).toEqual([key]);
    writer.apply([[key, undefined]]);
  }
  await load(9);
  const rest = scan(9);
  expect(rest?.at(-1)).toBe('fa');
});

test('a range that was loaded before a checkpoint is refused behind it', async () => {
  await load(6);
  writer.apply([['a', undefined]]);
  await checkpoint();
  expect(scan(6)).toBeUndefined();
  await load(6);
  expect(scan(6)).toEqual(['b', 'c', 'd', 'e', 'f']);
});

test('a range that is loaded while a checkpoint completes is not kept', async () => {
  let ready = false;
  expect(
    writer.store.prefetch({ keys: ['a'], ranges: [{ range, limit: 6 }] }, () => {
      ready = true;
    }),
  ).toBe(false);
  await Promise.resolve();
  const late = world.schedule.take();
  writer.apply([['a', undefined]]);
  await checkpoint();
  late.forEach(world.schedule.add);
  await world.schedule.drain();
  expect(ready).toBe(true);
  expect(scan(6)).toBeUndefined();
  expect(writer.store.lookup('a')).toBeUndefined();
});

test('the head of a queue is found without walking over what was taken from it', async () => {
  const keys = Array.from({ length: 400 }, (_, at) => `q${String(at).padStart(4, '0')}`);
  const patient = { checkpointBytes: 10_000_000, sliceBytes: 400, prefetchBytes: 1 };
  for (const key of keys) writer.apply([[key, bytes('item')]]);
  await checkpoint();
  await checkpoint();
  await world.schedule.until(writer.store.close());
  writer.adopt(await world.open(patient));
  const queue: KeyRange = { start: 'q', end: 'r' };
  let reads = 0;
  for (const key of keys) {
    let found = writer.store.scan(queue, 1);
    while (found === undefined) {
      writer.store.prefetch({ keys: [], ranges: [{ range: queue, limit: 1 }] }, () => undefined);
      while (world.schedule.size > 0 || writer.store.scan(queue, 1) === undefined) {
        if (world.schedule.step()) reads++;
        await Promise.resolve();
      }
      found = writer.store.scan(queue, 1);
    }
    expect(found.map((entry) => entry.key)).toEqual([key]);
    writer.apply([[key, undefined]]);
  }
  // One page of the disk for about ten keys; over all that were taken it would be some thousand pages.
  expect(reads).toBeLessThan(150);
});
