import { expect, test } from 'vitest';
import { World, Writer, bytes, tinyLimits } from './fixture.js';

async function prepare(): Promise<{ readonly world: World; readonly writer: Writer }> {
  const world = new World(1);
  const writer = new Writer(await world.open());
  for (let at = 0; at < 30; at++) {
    writer.apply([[`key-${at % 6}`, bytes(`value ${at} `.repeat(20))]]);
    writer.store.logDurable(writer.index);
    await world.schedule.drain();
  }
  expect(writer.checkpoints.length).toBeGreaterThan(1);
  await world.schedule.until(writer.store.close());
  return { world, writer };
}

const corrupt = { code: 'ERR_CORRUPT' };

test('a damaged bit anywhere in a stored record is found by every way of reading it', async () => {
  const { world, writer } = await prepare();
  for (let bit = 0; bit < 8 * 60; bit += 7) {
    world.ordered.flipBit('/data/store-1/kv', 'kkey-3', bit);
    writer.adopt(await world.open());
    writer.failures = [];
    const { store } = writer;
    expect(() => store.lookup('key-3')).toThrow(expect.objectContaining(corrupt));
    const neighbour = store.get('key-2');
    await expect(world.schedule.until(store.get('key-3'))).rejects.toMatchObject(corrupt);
    expect((await world.schedule.until(neighbour))?.version).toBeGreaterThan(0);
    await expect(world.schedule.until(store.contentHash())).rejects.toMatchObject(corrupt);
    await expect(world.schedule.until(store.openSnapshot())).rejects.toMatchObject(corrupt);
    expect(store.prefetch({ keys: ['key-3'], ranges: [] }, () => undefined)).toBe(false);
    await world.schedule.drain();
    expect(writer.failures).toMatchObject([corrupt]);
    await world.schedule.until(store.close());
    world.ordered.flipBit('/data/store-1/kv', 'kkey-3', bit);
  }
});

test('a damaged record of the checkpoint is refused at the start', async () => {
  const { world } = await prepare();
  for (let bit = 0; bit < 8 * 150; bit += 13) {
    world.ordered.flipBit('/data/store-1/kv', 'mcheckpoint', bit);
    await expect(world.open()).rejects.toMatchObject(corrupt);
    world.ordered.flipBit('/data/store-1/kv', 'mcheckpoint', bit);
  }
  await world.open();
});

function historyFiles(world: World): string[] {
  return world.disk.files.readdir('/data/store-1').filter((name) => name.endsWith('.history'));
}

test('a damaged bit anywhere in the history is found by who reads over it', async () => {
  const { world, writer } = await prepare();
  const [first] = historyFiles(world);
  const path = `/data/store-1/${first ?? ''}`;
  const size = world.disk.files.readFile(path).length;
  for (let bit = 0; bit < size * 8; bit += 97) {
    world.disk.flipBit(path, bit);
    const store = await world.open();
    const read = (async () => {
      for (let from = 2; from < writer.revision - 5;) {
        from = await new Promise<number>((resolve, reject) => {
          store.changes(from, 10_000, (error, _, next) => {
            if (error === undefined) resolve(next);
            else reject(error);
          });
        });
      }
    })();
    await expect(world.schedule.until(read), `bit ${bit}`).rejects.toMatchObject(corrupt);
    await world.schedule.until(store.close());
    world.disk.flipBit(path, bit);
  }
});

test('history that ends before what the checkpoint names is refused; torn remains behind it are not', async () => {
  const { world } = await prepare();
  const names = historyFiles(world);
  expect(names.length).toBeGreaterThan(1);
  const { files } = world.disk;
  const path = `/data/store-1/${names.at(-1) ?? ''}`;
  const file = files.open(path, 'write');
  const size = files.size(file);
  files.write(file, bytes('torn remains'), size);
  const store = await world.open();
  await world.schedule.until(store.close());
  files.truncate(file, size - 1);
  await expect(world.open()).rejects.toMatchObject(corrupt);
  files.unlink(path);
  await expect(world.open()).rejects.toMatchObject(corrupt);
});

test('history that no checkpoint names goes at the start', async () => {
  const { world } = await prepare();
  const { files } = world.disk;
  const stray = '/data/store-1/0000000000009999.history';
  files.close(files.open(stray, 'create'));
  await world.open();
  expect(files.exists(stray)).toBe(false);
});

test('a CURRENT that is damaged or gone is refused, nothing is guessed', async () => {
  const { world } = await prepare();
  const { files } = world.disk;
  const file = files.open('/data/CURRENT', 'write');
  files.write(file, bytes('garbage!'), 0);
  await expect(world.open()).rejects.toMatchObject(corrupt);
  files.unlink('/data/CURRENT');
  await expect(world.open()).rejects.toMatchObject(corrupt);
  await expect(world.open(tinyLimits, 1_000)).rejects.toMatchObject(corrupt);
});

test('a store behind the start of the log is refused', async () => {
  const { world, writer } = await prepare();
  const index = writer.checkpoints.at(-1)?.appliedIndex ?? 0;
  await expect(world.open(tinyLimits, index + 1)).rejects.toMatchObject(corrupt);
  const store = await world.open(tinyLimits, index);
  expect(store.recovered().appliedIndex).toBe(index);
});

test('whoever comes upon damage in a record or in the history stops the member, and gets the error too', async () => {
  const { world, writer } = await prepare();
  const flipRecord = (): unknown => world.ordered.flipBit('/data/store-1/kv', 'kkey-3', 100);
  const [first] = historyFiles(world);
  const flipHistory = (): unknown => world.disk.flipBit(`/data/store-1/${first ?? ''}`, 300);
  const ways: readonly (readonly [() => unknown, () => Promise<unknown>])[] = [
    [flipRecord, () => writer.store.get('key-3')],
    [flipRecord, () => writer.store.openSnapshot()],
    [flipRecord, () => writer.store.contentHash()],
    [flipHistory, () => writer.store.openSnapshot()],
    [
      flipHistory,
      () =>
        new Promise((resolve, reject) => {
          writer.store.changes(2, 100, (error) => {
            if (error === undefined) resolve(undefined);
            else reject(error);
          });
        }),
    ],
  ];
  for (const [flip, read] of ways) {
    flip();
    writer.adopt(await world.open());
    writer.failures = [];
    await expect(world.schedule.until(read())).rejects.toMatchObject(corrupt);
    expect(writer.failures).toMatchObject([corrupt]);
    await world.schedule.until(writer.store.close());
    flip();
  }
});
