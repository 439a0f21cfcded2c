import { expect, test } from 'vitest';
import { initialState } from '../../src/store/checkpoint-record.js';
import type { RevisionEvents } from '../../src/store/types.js';
import { World, Writer, bytes } from './fixture.js';
import { NaiveModel, showChanges } from './naive-model.js';

const before = 12;
const during = 14;

/** Entry i puts two keys and deletes one that an earlier entry made. */
function entry(at: number): [string, Uint8Array | undefined][] {
  return [
    [`key-${at % 7}`, bytes(`value ${at} `.repeat(20))],
    [`other-${at % 5}`, bytes(String(at))],
    [`key-${(at + 3) % 7}`, undefined],
  ];
}

interface Prepared {
  readonly world: World;
  readonly writer: Writer;
  readonly model: NaiveModel;
}

/** A store with one checkpoint done and the next one due. */
async function prepare(seed: number): Promise<Prepared> {
  const world = new World(seed);
  const writer = new Writer(await world.open());
  const model = new NaiveModel(initialState.revision);
  for (let at = 0; at < before; at++) write(writer, model, at);
  writer.store.logDurable(writer.index);
  await world.schedule.drain();
  expect(writer.checkpoints.length).toBeGreaterThan(0);
  writer.checkpoints.splice(0, writer.checkpoints.length - 1);
  for (let at = before; at < before + during; at++) write(writer, model, at);
  writer.store.logDurable(writer.index);
  return { world, writer, model };
}

function write(writer: Writer, model: NaiveModel, at: number): void {
  const change = writer.apply(entry(at));
  if (change !== undefined) model.take(change);
}

/** Opens again, checks the state against the model, applies the rest of the log and checks that too. */
async function reopen({ world, writer, model }: Prepared): Promise<number> {
  const store = await world.open();
  const state = store.recovered();
  expect(await world.schedule.until(store.contentHash())).toEqual(model.hash(state.revision));
  writer.adopt(store);
  for (let at = state.appliedIndex; at < before + during; at++) write(writer, model, at);
  expect(await world.schedule.until(store.contentHash())).toEqual(model.hash(model.revision));
  expect(showChanges(await world.schedule.until(allChanges(store, model.revision)))).toEqual(showChanges(model.log));
  store.logDurable(writer.index);
  await world.schedule.drain();
  expect(writer.failures).toEqual([]);
  return state.appliedIndex;
}

async function allChanges(store: Writer['store'], through: number): Promise<RevisionEvents[]> {
  const found: RevisionEvents[] = [];
  for (let from = 2; from <= through;) {
    from = await new Promise<number>((resolve, reject) => {
      store.changes(from, 500, (error, changes, next) => {
        found.push(...changes);
        if (error === undefined) resolve(next);
        else reject(error);
      });
    });
  }
  return found;
}

test('a crash at any step of a checkpoint leaves the last one or the new one, whole, and with the log nothing is lost', async () => {
  const outcomes = new Map<number, number>();
  let steps = 0;
  for (let more = true; more; steps++) {
    for (let seed = 1; seed <= 3; seed++) {
      const prepared = await prepare(seed);
      const { world, writer } = prepared;
      const [last] = writer.checkpoints;
      more = false;
      for (let at = 0; at < steps; at++) {
        more = world.schedule.step();
        for (let turn = 0; turn < 40; turn++) await Promise.resolve();
      }
      if (steps === 0) more = true;
      await world.crash();
      const found = await reopen(prepared);
      expect(found).toBeGreaterThanOrEqual(last?.appliedIndex ?? 0);
      outcomes.set(found, (outcomes.get(found) ?? 0) + 1);
    }
  }
  expect(outcomes.size).toBeGreaterThan(1);
  expect(steps).toBeGreaterThan(10);
});

test('a checkpoint waits until the own log is durable up to it', async () => {
  const world = new World(3);
  const writer = new Writer(await world.open());
  for (let at = 0; at < 15; at++) writer.apply(entry(at));
  await world.schedule.drain();
  expect(writer.checkpoints).toEqual([]);
  const due = 15;
  writer.store.logDurable(1);
  await world.schedule.drain();
  expect(writer.checkpoints).toEqual([]);
  writer.store.logDurable(due);
  await world.schedule.drain();
  expect(writer.checkpoints.length).toBe(1);
});

test('the store is overloaded while a checkpoint is stuck and memory is full, and no longer when it is done', async () => {
  const world = new World(4);
  const writer = new Writer(await world.open());
  let at = 0;
  while (!writer.store.overloaded) {
    writer.apply(entry(at++));
    expect(at).toBeLessThan(200);
  }
  await world.schedule.drain();
  expect(writer.store.overloaded).toBe(true);
  writer.store.logDurable(writer.index);
  await world.schedule.drain();
  expect(writer.store.overloaded).toBe(false);
  expect(writer.checkpoints.length).toBe(1);
});

test('entries without a change make a checkpoint due as well, so that the log can go', async () => {
  const world = new World(5);
  const writer = new Writer(await world.open({ checkpointOperations: 50 }));
  for (let at = 0; at < 60; at++) writer.entryApplied();
  writer.store.logDurable(writer.index);
  await world.schedule.drain();
  expect(writer.checkpoints.map(({ appliedIndex }) => appliedIndex)).toEqual([50]);
});

test('so do bytes of entries without a change, and many of them behind a stuck checkpoint are too many', async () => {
  const world = new World(6);
  const writer = new Writer(await world.open({ checkpointBytes: 8_192 }));
  for (let at = 0; at < 9; at++) writer.entryApplied(1_000);
  expect(writer.store.overloaded).toBe(false);
  for (let at = 0; at < 17; at++) writer.entryApplied(1_000);
  await world.schedule.drain();
  expect(writer.store.overloaded).toBe(true);
  writer.store.logDurable(writer.index);
  await world.schedule.drain();
  expect(writer.store.overloaded).toBe(false);
  expect(writer.checkpoints.map(({ appliedIndex }) => appliedIndex)).toEqual([9]);
});

test.each(['write', 'datasync', 'open', 'syncDirectory'] as const)(
  'a fault of the disk in %s is told once, and the last checkpoint stands',
  async (operation) => {
    const { world, writer, model } = await prepare(6);
    const [last] = writer.checkpoints;
    // The file of the first checkpoint is still open, so that only the second one of a small size needs a new one.
    world.disk.failNext(operation, 'EIO');
    for (let at = before + during; at < before + during + 40 && writer.failures.length === 0; at++) {
      write(writer, model, at);
      writer.store.logDurable(writer.index);
      await world.schedule.drain();
    }
    expect(writer.failures).toMatchObject([{ code: 'ERR_STORAGE' }]);
    const checkpoints = writer.checkpoints.length;
    for (let at = 0; at < 40; at++) write(writer, model, at);
    await world.schedule.drain();
    expect(writer.failures.length).toBe(1);
    expect(writer.checkpoints.length).toBe(checkpoints);
    await world.crash();
    const store = await world.open();
    const state = store.recovered();
    expect(state.appliedIndex).toBeGreaterThanOrEqual(last?.appliedIndex ?? 0);
    expect(await world.schedule.until(store.contentHash())).toEqual(model.hash(state.revision));
  },
);
