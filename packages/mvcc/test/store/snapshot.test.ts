import { expect, test } from 'vitest';
import type { RevisionEvents, StoreState } from '../../src/store/types.js';
import { tinyLimits, bytes } from './fixture.js';
import { Member, conf, open, readAll, send, sender } from './snapshot-member.js';
import { showChanges } from './naive-model.js';

async function allChanges(member: Member, first: number, through: number): Promise<RevisionEvents[]> {
  const found: RevisionEvents[] = [];
  for (let from = first; from <= through;) {
    from = await member.run(
      new Promise<number>((resolve, reject) => {
        member.store.changes(from, 700, (error, changes, next) => {
          found.push(...changes);
          if (error === undefined) resolve(next);
          else reject(error);
        });
      }),
    );
  }
  return found;
}

async function expectSame(member: Member, from: Member, state: StoreState): Promise<void> {
  expect(member.store.recovered()).toEqual(state);
  expect(await member.run(member.store.contentHash())).toEqual(from.model.hash(state.revision));
  const expected = from.model.log.filter(
    ({ revision }) => revision >= state.compactRevision && revision <= state.revision,
  );
  const found = await allChanges(member, state.compactRevision, state.revision);
  expect(showChanges(found)).toEqual(showChanges(expected));
}

test('a member that installs a snapshot has its state and its history, goes on from there, and has both after a restart', async () => {
  const from = await sender();
  const opened = await open(from);
  const content = await readAll(from, opened);
  const to = await new Member(2).start();
  await to.live(7);

  const sink = await to.run(to.store.receiveSnapshot(opened.meta));
  expect(sink.offset).toBe(0);
  await send(to, sink, content);
  await to.run(sink.commit());
  to.store.installSnapshot(opened.meta);
  await expectSame(to, from, opened.state);
  expect(opened.state.compactRevision).toBe(9);

  to.writer.adopt(to.store);
  to.writer.apply([['behind', bytes('the snapshot')]]);
  await to.settle();
  expect(to.writer.failures).toEqual([]);
  await to.run(to.store.close());
  await to.start();
  await expectSame(to, from, opened.state);
  expect(to.world.disk.files.readdir('/data')).toContain('CURRENT');
});

test('the export is a function of the state: members with other checkpoints and other files send the same bytes', async () => {
  const one = await new Member(1).start({ ...tinyLimits, checkpointBytes: 3_000, segmentBytes: 900 });
  const other = await new Member(2).start({
    ...tinyLimits,
    checkpointBytes: 9_000,
    segmentBytes: 5_000,
    sliceBytes: 300,
  });
  let compared = 0;
  for (let at = 0; at < 80; at++) {
    for (const member of [one, other]) {
      if (at === 30) member.writer.compact(11);
      else member.write(1);
      await member.settle();
    }
    const index = one.store.recovered().appliedIndex;
    if (index === 0 || index !== other.store.recovered().appliedIndex || one.writer.index !== index) continue;
    const contents = await Promise.all([readAll(one, await open(one)), readAll(other, await open(other))]);
    expect(Buffer.from(contents[0]).equals(contents[1])).toBe(true);
    compared++;
  }
  expect(compared).toBeGreaterThan(2);
});

test('a transfer that broke goes on at its offset; one of another snapshot begins again', async () => {
  const from = await sender();
  const opened = await open(from);
  const content = await readAll(from, opened);
  const to = await new Member(2).start();
  const first = await to.run(to.store.receiveSnapshot(opened.meta));
  await send(to, first, content, 0, 1_234);
  // Every transfer that fails ends so.
  await to.run(first.abort());
  await to.run(first.abort());
  const second = await to.run(to.store.receiveSnapshot(opened.meta));
  expect(second.offset).toBe(1_234);
  const other = await to.run(to.store.receiveSnapshot({ ...opened.meta, index: opened.meta.index + 1 }));
  expect(other.offset).toBe(0);
  const third = await to.run(to.store.receiveSnapshot(opened.meta));
  expect(third.offset).toBe(0);
  await send(to, third, content);
  await to.run(third.commit());
  to.store.installSnapshot(opened.meta);
  await expectSame(to, from, opened.state);
});

test('a damaged or cut snapshot is refused wherever it is damaged, and the store that runs is not touched', async () => {
  const from = await sender();
  const opened = await open(from);
  const content = await readAll(from, opened);
  const to = await new Member(2).start();
  to.write(3);
  const own = await to.run(to.store.contentHash());
  const places = [...Array.from({ length: 60 }, (_, at) => Math.floor((at * content.length) / 60)), content.length - 1];
  for (const place of places) {
    const damaged = Uint8Array.from(content);
    damaged[place] = (damaged[place] as number) ^ (1 << (place % 8));
    const sink = await to.run(to.store.receiveSnapshot(opened.meta));
    expect(sink.offset).toBe(0);
    await expect(send(to, sink, damaged).then(() => to.run(sink.commit()))).rejects.toMatchObject({
      code: 'ERR_CORRUPT',
    });
    await expect(to.run(sink.commit())).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
  }
  const cut = await to.run(to.store.receiveSnapshot(opened.meta));
  await send(to, cut, content, 0, content.length - 30);
  await expect(to.run(cut.commit())).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
  const long = await to.run(to.store.receiveSnapshot(opened.meta));
  await expect(to.run(long.write(Buffer.concat([content, Uint8Array.of(0)])))).rejects.toMatchObject({
    code: 'ERR_CORRUPT',
  });
  expect(await to.run(to.store.contentHash())).toEqual(own);

  const sink = await to.run(to.store.receiveSnapshot(opened.meta));
  await send(to, sink, content);
  await to.run(sink.commit());
  to.store.installSnapshot(opened.meta);
  await expectSame(to, from, opened.state);
});

test.each([
  { end: 'crash', committed: true, mark: true, kept: 'snapshot' },
  { end: 'close', committed: true, mark: true, kept: 'snapshot' },
  { end: 'another', committed: true, mark: true, kept: 'snapshot' },
  { end: 'crash', committed: true, mark: false, kept: 'old' },
  { end: 'close', committed: true, mark: false, kept: 'old' },
  { end: 'crash', committed: false, mark: false, kept: 'old' },
  { end: 'close', committed: false, mark: false, kept: 'old' },
  { end: 'crash', committed: false, mark: true, kept: 'none' },
  { end: 'close', committed: false, mark: true, kept: 'none' },
])(
  'ended by $end before it is current (durable: $committed, mark in the log: $mark) the store is: $kept',
  async ({ end, committed, mark, kept }) => {
    const from = await sender();
    const opened = await open(from);
    const content = await readAll(from, opened);
    const to = await new Member(2).start();
    await to.live(25);
    const old = to.store.recovered();
    expect(old.appliedIndex).toBeGreaterThan(0);
    const sink = await to.run(to.store.receiveSnapshot(opened.meta));
    await send(to, sink, content);
    if (committed) await to.run(sink.commit());
    if (end === 'another') await to.run(to.store.receiveSnapshot({ ...opened.meta, index: opened.meta.index + 5 }));
    if (end === 'close') await to.run(to.store.close());
    else await to.world.crash();
    const opening = to.start(tinyLimits, mark ? opened.meta.index : 0);
    if (kept === 'none') {
      await expect(opening).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
      return;
    }
    await opening;
    if (kept === 'snapshot') await expectSame(to, from, opened.state);
    else expect(to.store.recovered()).toEqual(old);
    // Whichever it was, it stays so, and the place of the other one can be used again.
    await to.world.crash();
    await to.start(tinyLimits, mark ? opened.meta.index : 0);
    expect(to.store.recovered()).toEqual(kept === 'snapshot' ? opened.state : old);
    const again = await to.run(to.store.receiveSnapshot({ ...opened.meta }));
    await send(to, again, content);
    await to.run(again.commit());
    to.store.installSnapshot(opened.meta);
    await expectSame(to, from, opened.state);
  },
);

test('an open view outlives the installation, a checkpoint that was under way does not', async () => {
  const from = await sender();
  const opened = await open(from);
  const content = await readAll(from, opened);
  const to = await new Member(2).start();
  await to.live(25);
  const sink = await to.run(to.store.receiveSnapshot(opened.meta));
  await send(to, sink, content);
  await to.run(sink.commit());
  to.write(20);
  to.store.logDurable(to.writer.index);
  const checkpoints = to.writer.checkpoints.length;
  const view = to.store.view();
  to.store.installSnapshot(opened.meta);
  await to.world.schedule.drain();
  expect(to.writer.checkpoints.length).toBe(checkpoints);
  const keys: string[] = [];
  await to.run(
    (async () => {
      for await (const page of view.scan({ range: { start: '' }, reverse: false, pageBytes: 100 })) {
        keys.push(...page.map(({ key }) => key));
      }
    })(),
  );
  expect(keys).toEqual(to.model.range(view.revision, { start: '' }).map(({ key }) => key));
  await expectSame(to, from, opened.state);
  await to.run(view.close());
  await to.world.schedule.drain();
  expect(to.writer.failures).toEqual([]);
  await to.run(to.store.close());
});

test('a view that is closed between two pages of a scan holds up nobody: the store that it read ends', async () => {
  const from = await sender();
  const opened = await open(from);
  const to = await new Member(2).start();
  await to.live(25);
  const sink = await to.run(to.store.receiveSnapshot(opened.meta));
  await send(to, sink, await readAll(from, opened));
  await to.run(sink.commit());
  const view = to.store.view();
  const pages = view.scan({ range: { start: '' }, reverse: false, pageBytes: 1 });
  expect((await to.run(pages.next())).done).toBe(false);
  to.store.installSnapshot(opened.meta);
  await to.run(view.close());
  await to.run(to.store.close());
  await expect(to.run(pages.next())).rejects.toMatchObject({ code: 'ERR_CLOSED' });
});

test('an export is one file for all who read it, is what it was while checkpoints go on, and leaves nothing behind', async () => {
  const from = await sender();
  const [one, other] = [await open(from), await open(from)];
  const exports = (): string[] => from.world.disk.files.readdir('/data').filter((name) => name.endsWith('.export'));
  expect(exports().length).toBe(1);
  const before = await readAll(from, one);
  await from.live(40);
  expect(from.store.recovered().appliedIndex).toBeGreaterThan(one.meta.index);
  expect(Buffer.from(await readAll(from, other)).equals(before)).toBe(true);
  await from.run(one.source.close());
  await from.run(one.source.close());
  expect(exports().length).toBe(1);
  await expect(from.run(one.source.read(0, 10))).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  await from.run(other.source.close());
  await from.world.schedule.drain();
  expect(exports()).toEqual([]);
});

test('a damaged export is not given to those who begin after somebody has ended, while others still read it', async () => {
  const from = await sender();
  const [refused, reading] = [await open(from), await open(from)];
  const whole = Buffer.from(await readAll(from, reading));
  const [path] = from.world.disk.paths.filter((one) => one.endsWith('.export'));
  from.world.disk.flipBit(path!);
  await from.run(refused.source.close());
  const again = await open(from);
  expect(Buffer.compare(whole, await readAll(from, again))).toBe(0);
  expect(Buffer.compare(whole, await readAll(from, reading))).not.toBe(0);
  await from.run(Promise.all([reading.source.close(), again.source.close()]));
  expect(from.world.disk.paths.filter((one) => one.endsWith('.export'))).toEqual([]);
});

test('an export is whole although compaction and checkpoints overtake it', async () => {
  const from = await sender();
  const quiet = await open(from);
  const expected = await readAll(from, quiet);
  await from.run(quiet.source.close());
  await from.world.schedule.drain();
  for (let round = 0; round < 20; round++) {
    const again = await sender(round);
    const opening = again.store.openSnapshot();
    const { schedule } = again.world;
    for (let steps = round; steps > 0 && schedule.size > 0; steps--) {
      for (let turn = 0; turn < 40; turn++) await Promise.resolve();
      schedule.step();
    }
    for (let turn = 0; turn < 40; turn++) await Promise.resolve();
    // What the export waits for comes late, when what it reads is compacted and gone for everybody else.
    const late = schedule.take();
    again.writer.compact(again.writer.revision - 1);
    await again.live(25);
    late.forEach(schedule.add);
    const { meta, state, source } = await again.run(opening);
    const content = await readAll(again, { meta: { ...meta, conf }, state, source });
    expect(Buffer.from(content).equals(expected)).toBe(true);
  }
});

test.each(['mkdir', 'close'] as const)(
  'a fault of the disk in %s while a snapshot is received is ERR_STORAGE',
  async (operation) => {
    const from = await sender();
    const opened = await open(from);
    const content = await readAll(from, opened);
    const to = await new Member(2).start();
    const receiving = async (): Promise<void> => {
      const sink = await to.run(to.store.receiveSnapshot(opened.meta));
      await send(to, sink, content);
      await to.run(sink.commit());
    };
    to.world.disk.failNext(operation, 'EIO');
    await expect(receiving()).rejects.toMatchObject({ code: 'ERR_STORAGE' });
    await receiving();
    to.store.installSnapshot(opened.meta);
    await expectSame(to, from, opened.state);
  },
);

test('a history that cannot be closed does not keep its store open', async () => {
  const member = await new Member(1).start();
  await member.live(20);
  member.world.disk.failNext('close', 'EIO');
  await expect(member.run(member.store.close())).rejects.toMatchObject({ code: 'ERR_STORAGE' });
  await member.start();
});
