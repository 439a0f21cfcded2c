import { describe, expect, test } from 'vitest';
import { initialState } from '../../src/store/checkpoint-record.js';
import { segmentOrdinal } from '../../src/store/history/manifest.js';
import type { Store } from '../../src/store/store.js';
import type { RevisionEvents } from '../../src/store/types.js';
import { World, Writer, bytes, text, tinyLimits } from './fixture.js';
import { NaiveModel, showChanges } from './naive-model.js';

const entries = 40;

/** Entry i changes two keys and deletes one that an earlier one made. */
function entry(at: number): [string, Uint8Array | undefined][] {
  return [
    [`key-${at % 7}`, bytes(`value ${at} `.repeat(20))],
    [`other-${at % 5}`, bytes(String(at))],
    [`key-${(at + 3) % 7}`, undefined],
  ];
}

class Compacted {
  readonly model = new NaiveModel(initialState.revision);
  #at = 0;

  private constructor(
    readonly world: World,
    readonly writer: Writer,
  ) {}

  /** Several files of history, all of them named by a checkpoint. */
  static async prepare(seed: number): Promise<Compacted> {
    const world = new World(seed);
    const prepared = new Compacted(world, new Writer(await world.open()));
    await prepared.write(entries);
    expect(prepared.files().length).toBeGreaterThan(3);
    return prepared;
  }

  async write(count: number): Promise<void> {
    for (const last = this.#at + count; this.#at < last; this.#at++) {
      const change = this.writer.apply(entry(this.#at));
      if (change !== undefined) this.model.take(change);
      this.writer.store.logDurable(this.writer.index);
      await this.world.schedule.drain();
    }
  }

  /** Ordinals of the files of history on disk. */
  files(): readonly number[] {
    const names = this.world.disk.files.readdir('/data/store-1');
    return names.map(segmentOrdinal).filter((ordinal) => ordinal !== undefined);
  }

  /** What the log holds behind a checkpoint, up to the compaction. */
  replay(appliedIndex: number): void {
    for (let at = appliedIndex; at < entries; at++) this.writer.apply(entry(at));
    this.writer.store.logDurable(this.writer.index);
    expect(this.writer.revision).toBe(this.model.revision);
  }

  compact(revision: number): void {
    this.writer.compact(revision);
    this.writer.store.logDurable(this.writer.index);
  }

  /** From the compact revision on all changes are there, as they were. */
  async check(store: Store, compactRevision: number): Promise<void> {
    const found = await this.world.schedule.until(changes(store, compactRevision, this.model.revision));
    expect(showChanges(found)).toEqual(
      showChanges(this.model.log.filter(({ revision }) => revision >= compactRevision)),
    );
  }
}

async function changes(store: Store, first: number, through: number): Promise<RevisionEvents[]> {
  const found: RevisionEvents[] = [];
  for (let from = Math.max(first, 2); from <= through;) {
    from = await new Promise<number>((resolve, reject) => {
      store.changes(from, 500, (error, more, next) => {
        found.push(...more);
        if (error === undefined) resolve(next);
        else reject(error);
      });
    });
  }
  return found;
}

describe('physical deletion', () => {
  test('takes a checkpoint of its own, and leaves the files that hold something newer', async () => {
    const prepared = await Compacted.prepare(1);
    const { world, writer } = prepared;
    const before = prepared.files();
    const checkpoints = writer.checkpoints.length;
    prepared.compact(12);
    await world.schedule.drain();
    expect(prepared.files()).toEqual(before);
    await world.schedule.until(writer.store.deleteCompacted(12));
    expect(writer.checkpoints.length).toBe(checkpoints + 1);
    expect(prepared.files()[0]).toBeGreaterThan(before[0]!);
    expect(prepared.files()).toEqual(expect.arrayContaining(before.slice(-3)));
    await prepared.check(writer.store, 12);
    // Nothing is left to do, and nothing is done.
    await world.schedule.until(writer.store.deleteCompacted(12));
    expect(writer.checkpoints.length).toBe(checkpoints + 1);
  });

  test('waits for the own log, as every checkpoint does', async () => {
    const prepared = await Compacted.prepare(2);
    const { world, writer } = prepared;
    const before = prepared.files();
    writer.compact(30);
    let gone = false;
    void writer.store.deleteCompacted(30).then(() => (gone = true));
    await world.schedule.drain();
    expect(gone).toBe(false);
    expect(prepared.files()).toEqual(expect.arrayContaining([...before]));
    writer.store.logDurable(writer.index);
    await world.schedule.drain();
    expect(gone).toBe(true);
  });

  test('waits for a read that holds files, which then is whole', async () => {
    const prepared = await Compacted.prepare(3);
    const { world, writer } = prepared;
    // Read back at the old revision, which is pinned before the compaction is applied.
    const past = writer.store.viewAt(4);
    await Promise.resolve();
    const held = world.schedule.take();
    expect(held.length).toBeGreaterThan(0);
    prepared.compact(30);
    let gone = false;
    void writer.store.deleteCompacted(30).then(() => (gone = true));
    await world.schedule.drain();
    const before = prepared.files();
    expect(gone).toBe(false);
    held.forEach(world.schedule.add);
    await expect(world.schedule.until(past)).rejects.toMatchObject({ code: 'ERR_COMPACTED', compactRevision: 30 });
    await world.schedule.drain();
    expect(gone).toBe(true);
    expect(prepared.files().length).toBeLessThan(before.length);
  });

  test('a snapshot that is being exported keeps what it names', async () => {
    const prepared = await Compacted.prepare(4);
    const { world, writer } = prepared;
    const opening = writer.store.openSnapshot();
    await Promise.resolve();
    const held = world.schedule.take();
    prepared.compact(30);
    let gone = false;
    void writer.store.deleteCompacted(30).then(() => (gone = true));
    await world.schedule.drain();
    expect(gone).toBe(false);
    held.forEach(world.schedule.add);
    const { state, meta, source } = await world.schedule.until(opening);
    await world.schedule.drain();
    expect(gone).toBe(true);
    expect(state.compactRevision).toBe(0);

    // It is the snapshot of a member that was not compacted: whoever takes it has all of the history.
    const other = new Writer(await new World(99).open());
    const target = new World(98);
    other.adopt(await target.open());
    const size = meta.size ?? source.size;
    const sink = await target.schedule.until(
      other.store.receiveSnapshot({
        ...meta,
        conf: { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
      }),
    );
    await target.schedule.until(sink.write(await world.schedule.until(source.read(0, size))));
    await target.schedule.until(sink.commit());
    other.store.installSnapshot({
      ...meta,
      conf: { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
    });
    const found = await target.schedule.until(changes(other.store, 2, state.revision));
    expect(showChanges(found)).toEqual(
      showChanges(prepared.model.log.filter(({ revision }) => revision <= state.revision)),
    );
  });

  test("a compaction during a checkpoint is the next one's", async () => {
    const prepared = await Compacted.prepare(5);
    const { world, writer } = prepared;
    prepared.compact(10);
    const first = writer.store.deleteCompacted(10);
    // The checkpoint of 10 has begun; its state is frozen.
    prepared.compact(30);
    const second = writer.store.deleteCompacted(30);
    await world.schedule.until(Promise.all([first, second]));
    expect(writer.checkpoints.slice(-2).map(({ compactRevision }) => compactRevision)).toEqual([10, 30]);
    await prepared.check(writer.store, 30);
  });

  test('a crash at any step loses nothing that is kept, and goes on where it was', async () => {
    const left = new Set<number>();
    let steps = 0;
    for (let more = true; more; steps++) {
      const prepared = await Compacted.prepare(6);
      const { world, writer } = prepared;
      const total = prepared.files().length;
      prepared.compact(30);
      writer.store.deleteCompacted(30).catch(() => undefined);
      more = false;
      for (let at = 0; at < steps; at++) {
        for (let turn = 0; turn < 40; turn++) await Promise.resolve();
        more = world.schedule.step();
      }
      if (steps === 0) more = true;
      await world.crash();
      writer.adopt(await world.open());
      left.add(prepared.files().length);
      const { compactRevision, appliedIndex } = writer.store.recovered();
      prepared.replay(appliedIndex);
      await prepared.check(writer.store, compactRevision);
      if (compactRevision < 30) prepared.compact(30);
      await world.schedule.until(writer.store.deleteCompacted(30));
      expect(prepared.files().length).toBeLessThan(total);
      await prepared.check(writer.store, 30);
      await world.schedule.until(writer.store.close());
    }
    expect(left.size).toBeGreaterThan(1);
    expect(steps).toBeGreaterThan(10);
  });

  test('who waits for it hears of the end of the store', async () => {
    const prepared = await Compacted.prepare(7);
    const { world, writer } = prepared;
    writer.compact(30);
    const waiting = writer.store.deleteCompacted(30);
    waiting.catch(() => undefined);
    await world.schedule.until(writer.store.close());
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(writer.store.deleteCompacted(30)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });
});

test('files that nobody needs make a checkpoint due where little is written', async () => {
  const world = new World(8);
  const writer = new Writer(await world.open({ ...tinyLimits, checkpointBytes: 4_000 }));
  for (let at = 0; at < 60; at++) {
    writer.apply(entry(at));
    writer.store.logDurable(writer.index);
    await world.schedule.drain();
  }
  const checkpoints = writer.checkpoints.length;
  writer.compact(writer.revision);
  writer.store.logDurable(writer.index);
  await world.schedule.drain();
  expect(writer.checkpoints.slice(checkpoints)).toMatchObject([{ compactRevision: writer.revision }]);
});

test('the compact revision itself stays: its tombstone is told of, and it can be read at', async () => {
  const world = new World(9);
  const writer = new Writer(await world.open({ ...tinyLimits, checkpointBytes: 300, segmentBytes: 1 }));
  writer.apply([['a', bytes('1')]]);
  writer.apply([['b', bytes('1')]]);
  const deleted = writer.apply([['a', undefined]])!.revision;
  writer.apply([['a', bytes('2')]]);
  writer.apply([['b', bytes('2')]]);
  writer.compact(deleted);
  writer.store.logDurable(writer.index);
  await world.schedule.until(writer.store.deleteCompacted(deleted));
  await world.schedule.until(writer.store.close());
  writer.adopt(await world.open());
  const [first] = await world.schedule.until(changes(writer.store, deleted, writer.revision));
  expect(first).toMatchObject({ revision: deleted, events: [{ key: 'a', after: undefined }] });
  const view = await world.schedule.until(writer.store.viewAt(deleted));
  expect(await world.schedule.until(view.get('a'))).toBeUndefined();
  expect(text((await world.schedule.until(view.get('b')))?.value)).toBe('1');
  await view.close();
  await expect(world.schedule.until(writer.store.viewAt(deleted - 1))).rejects.toMatchObject({ code: 'ERR_COMPACTED' });
});

test('how far to compact so that files take so many bytes', async () => {
  const prepared = await Compacted.prepare(10);
  const { store } = prepared.writer;
  expect(store.historyFrom(1e9)).toBe(0);
  const all = store.historyFrom(0);
  const some = store.historyFrom(5_000);
  expect(some).toBeGreaterThan(2);
  expect(all).toBeGreaterThan(some);
  expect(all).toBeLessThanOrEqual(prepared.writer.revision);
  prepared.compact(some);
  await prepared.world.schedule.until(store.deleteCompacted(some));
  expect(store.historyFrom(5_000 + 2_000)).toBe(0);
});
