import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeFileSystem as fs } from '../../src/files/node-files.js';
import { backlogBytesMax, Wal } from '../../src/wal/wal.js';
import { InlineWalRunner } from '../../src/wal/inline-wal-runner.js';
import { entryDataBytesMax } from '../../src/wal/payloads.js';
import { entries, entry, hardState, LogUnderTest, noConf, owner, type LogOptions } from './log-under-test.js';

let base: string;
let dir: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'coterie-wal-'));
  dir = join(base, 'log');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const open = (options?: LogOptions): LogUnderTest => new LogUnderTest(fs, dir, options);
const nothing = { hardState: hardState(0, 0, 0), start: { index: 0, term: 0 }, entries: [] };
const segments = (): string[] => readdirSync(dir).filter((name) => name.endsWith('.wal'));

async function reopen(log: LogUnderTest, options?: LogOptions): Promise<LogUnderTest> {
  await log.close();
  return open(options);
}

describe('a log', () => {
  it('begins empty, and is empty again when nothing was written', async () => {
    const log = open();
    expect(log.loaded).toEqual(nothing);
    expect((await reopen(log)).loaded).toEqual(nothing);
  });

  it('gives back what was appended, whatever its kind and size', async () => {
    const log = open();
    const written = [
      entry(1, 1, new Uint8Array(0)),
      { index: 2, term: 1, kind: 'empty' as const, data: new Uint8Array(0) },
      { index: 3, term: 2, kind: 'conf' as const, data: Uint8Array.of(0, 0, 0) },
      ...entries(4, 40, 3, 333),
      entry(44, 2 ** 40 + 5, 10_000),
      ...Array.from({ length: 20 }, (_, i) => entry(45 + i, 2 ** 40 + 5, i)),
    ];
    for (const one of written) log.append({ entries: [one], hardState: hardState(one.term, 9, one.index) });
    log.time.run();
    expect(log.done).toHaveLength(written.length);
    const { loaded } = await reopen(log);
    expect(loaded).toEqual({
      hardState: hardState(2 ** 40 + 5, 9, 64),
      start: { index: 0, term: 0 },
      entries: written,
    });
  });

  it('lets a later entry replace its index and everything behind it', async () => {
    let log = open();
    log.write({ entries: entries(1, 10, 1) });
    log.write({ entries: entries(6, 2, 2), hardState: hardState(2, 0, 5) });
    log = await reopen(log);
    expect(log.loaded.entries).toEqual([...entries(1, 5, 1), ...entries(6, 2, 2)]);
    log.write({ entries: entries(1, 1, 3), hardState: hardState(3, 0, 0) });
    expect((await reopen(log)).loaded.entries).toEqual(entries(1, 1, 3));
  });

  it('keeps a batch that holds nothing in its order', async () => {
    const log = open();
    log.append({ entries: entries(1, 1) });
    log.append({});
    log.append({ entries: entries(2, 1) });
    log.time.run();
    expect(log.done).toEqual([1, 2, 3]);
    expect((await reopen(log)).loaded.entries).toHaveLength(2);
  });

  it('goes over many small segments, each of which repeats the hard state', async () => {
    let log = open();
    log.write({ hardState: hardState(4, 2, 0) });
    for (let i = 1; i <= 100; i++) log.write({ entries: [entry(i, 4, 300)] });
    expect(segments().length).toBeGreaterThan(5);
    log = await reopen(log);
    expect(log.loaded).toEqual({ ...nothing, hardState: hardState(4, 2, 0), entries: entries(1, 100, 4, 300) });
    for (let i = 101; i <= 120; i++) log.write({ entries: [entry(i, 4, 300)] });
    log = await reopen(log);
    expect(log.loaded.entries).toEqual(entries(1, 120, 4, 300));
  });

  it('takes a batch that is larger than a segment', async () => {
    const log = open();
    log.write({ entries: [entry(1, 1, 50_000), entry(2, 1, 50_000)] });
    log.write({ entries: [entry(3, 1, 9_000)] });
    expect((await reopen(log)).loaded.entries).toEqual([entry(1, 1, 50_000), entry(2, 1, 50_000), entry(3, 1, 9_000)]);
  });

  it('can be opened with another segment size', async () => {
    let log = open({ segmentBytes: 1 << 16 });
    for (let i = 1; i <= 200; i++) log.write({ entries: [entry(i, 1, 700)] });
    log = await reopen(log, { segmentBytes: 4096 });
    for (let i = 201; i <= 220; i++) log.write({ entries: [entry(i, 1, 700)] });
    expect((await reopen(log)).loaded.entries).toEqual(entries(1, 220, 1, 700));
  });
});

describe('group commit', () => {
  it('syncs once for everything that gathered while the last sync ran', () => {
    const log = open();
    log.append({ entries: entries(1, 1) });
    log.time.step(); // the first is being written
    for (let i = 2; i <= 50; i++) log.append({ entries: entries(i, 1) });
    log.time.run();
    expect(log.done).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    expect(log.wal.syncCount).toBe(2);
  });

  it('forces no sync for a moved commit index, and keeps the order of answers', async () => {
    const log = open();
    log.write({ entries: entries(1, 3), hardState: hardState(1, 1, 0) });
    for (let commit = 1; commit <= 3; commit++) log.write({ hardState: hardState(1, 1, commit), mustSync: false });
    expect(log.wal.syncCount).toBe(1);
    log.append({ entries: entries(4, 1) });
    log.append({ hardState: hardState(1, 1, 4), mustSync: false });
    log.time.run();
    expect(log.done).toEqual([1, 2, 3, 4, 5, 6]);
    expect(log.wal.syncCount).toBe(2);
    expect((await reopen(log)).loaded.hardState.commit).toBe(4);
  });

  it('never answers from inside append, and counts what is on its way', () => {
    const log = open();
    log.append({ entries: [entry(1, 1, 1000)] });
    expect(log.done).toEqual([]);
    expect(log.wal.backlogBytes).toBeGreaterThan(1000);
    log.time.run();
    expect(log.wal.backlogBytes).toBe(0);
  });
});

describe('a snapshot mark', () => {
  const conf = { ...noConf, voters: [1, 2 ** 40], votersOutgoing: [3], learners: [4, 5, 6], autoLeave: true };

  it('is the new start of the log, whatever was there before', async () => {
    let log = open();
    log.write({ entries: entries(1, 30), hardState: hardState(1, 0, 20) });
    log.write({ snapshot: { index: 100, term: 3, conf, size: 77 }, hardState: hardState(3, 0, 100) });
    log = await reopen(log);
    expect(log.loaded).toEqual({ hardState: hardState(3, 0, 100), start: { index: 100, term: 3 }, conf, entries: [] });
    log.write({ entries: entries(101, 5, 3) });
    log = await reopen(log);
    expect(log.loaded.entries).toEqual(entries(101, 5, 3));
  });

  it('goes before the entries of its own batch and moves the commit index with it', async () => {
    const log = open();
    log.write({ snapshot: { index: 9, term: 2, conf: noConf, size: 0 }, entries: entries(10, 2, 2) });
    const { loaded } = await reopen(log);
    expect(loaded.start).toEqual({ index: 9, term: 2 });
    expect(loaded.hardState.commit).toBe(9);
    expect(loaded.entries).toEqual(entries(10, 2, 2));
  });

  it('is repeated by later segments, also behind a later release', async () => {
    let log = open();
    log.write({ snapshot: { index: 9, term: 2, conf, size: 0 }, hardState: hardState(2, 0, 9) });
    for (let i = 10; i < 60; i++) log.write({ entries: [entry(i, 2, 500)], hardState: hardState(2, 0, i) });
    log.wal.release({ index: 50, term: 2 });
    log.time.run();
    log = await reopen(log);
    expect(log.loaded).toEqual({
      hardState: hardState(2, 0, 59),
      start: { index: 50, term: 2 },
      conf,
      entries: entries(51, 9, 2, 500),
    });
  });
});

describe('release', () => {
  it('removes whole segments below and lets the log start later', async () => {
    let log = open();
    for (let i = 1; i <= 100; i++) log.write({ entries: [entry(i, 1, 300)], hardState: hardState(1, 1, i) });
    const before = segments();
    log.wal.release({ index: 60, term: 1 });
    log.wal.release({ index: 60, term: 1 });
    log.wal.release({ index: 10, term: 1 });
    log.time.run();
    const after = segments();
    expect(after.length).toBeLessThan(before.length * 0.6);
    expect(before.slice(-after.length)).toEqual(after);
    log = await reopen(log);
    expect(log.loaded).toEqual({
      hardState: hardState(1, 1, 100),
      start: { index: 60, term: 1 },
      entries: entries(61, 40, 1, 300),
    });
    // Again in the next life, to the very end of the log.
    log.wal.release({ index: 100, term: 1 });
    log.time.run();
    expect(segments()).toHaveLength(1);
    log = await reopen(log);
    expect(log.loaded.start).toEqual({ index: 100, term: 1 });
    log.write({ entries: entries(101, 1) });
    expect((await reopen(log)).loaded.entries).toEqual(entries(101, 1));
  });

  it('leaves nothing behind that only a removed segment said: hard state, start, configuration', async () => {
    let log = open();
    const conf = { ...noConf, voters: [8] };
    log.write({ snapshot: { index: 5, term: 3, conf, size: 1 }, hardState: hardState(3, 9, 5) });
    for (let i = 6; i <= 30; i++) log.write({ entries: [entry(i, 3, 300)] });
    log.wal.release({ index: 30, term: 3 });
    log.time.run();
    // The segments with the last hard state, the mark and the release itself go as well, once they are full.
    for (let i = 31; i <= 60; i++) log.write({ entries: [entry(i, 3, 300)] });
    const path = join(dir, segments()[0] as string);
    expect(fs.readFile(path).length).toBe(4096);
    expect(segments()[0]).not.toBe('0000000000000001.wal');
    log = await reopen(log);
    expect(log.loaded.start).toEqual({ index: 30, term: 3 });
    expect(log.loaded.hardState).toEqual(hardState(3, 9, 30));
    expect(log.loaded.conf).toEqual(conf);
    expect(log.loaded.entries).toEqual(entries(31, 30, 3, 300));
  });

  it('keeps a segment that holds one entry that is needed', async () => {
    const log = open();
    for (let i = 1; i <= 30; i++) log.write({ entries: [entry(i, 1, 300)] });
    const before = segments();
    log.wal.release({ index: 1, term: 1 });
    log.time.run();
    expect(segments()).toEqual(before);
    const { loaded } = await reopen(log);
    expect(loaded.entries).toEqual(entries(2, 29, 1, 300));
  });

  it('is kept up with by a log that never idles', async () => {
    const log = open();
    for (let i = 1; i <= 300; i++) {
      log.append({ entries: [entry(i, 1, 300)], hardState: hardState(1, 1, i) });
      if (i % 20 === 0) log.wal.release({ index: i - 10, term: 1 });
      while (log.done.length < i - 2) log.time.step();
    }
    expect(segments().length).toBeLessThan(8);
    log.time.run();
    expect((await reopen(log)).loaded.entries).toEqual(entries(291, 10, 1, 300));
  });
});

describe('what is refused', () => {
  it('a log of another owner, untouched', async () => {
    const log = open();
    log.write({ entries: entries(1, 1) });
    await log.close();
    expect(() => open({ metadata: Uint8Array.of(1) })).toThrow(
      expect.objectContaining({ code: 'ERR_DATA_DIR_MISMATCH' }),
    );
    expect(open().loaded.entries).toHaveLength(1);
  });

  it('a log of another group', async () => {
    const log = open({ group: 3 });
    log.write({ entries: entries(1, 1) });
    await log.close();
    expect(() => open()).toThrow(expect.objectContaining({ code: 'ERR_CORRUPT' }));
  });

  it('a directory without a log where there must be one', () => {
    expect(() => open({ create: false })).toThrow(expect.objectContaining({ code: 'ERR_STORAGE' }));
    fs.mkdir(dir);
    expect(() => open({ create: false })).toThrow(expect.objectContaining({ code: 'ERR_CORRUPT' }));
    expect(readdirSync(dir)).toEqual([]);
  });

  it('a log with missing entries', async () => {
    const log = open();
    log.write({ entries: entries(1, 3) });
    log.write({ entries: entries(5, 1) });
    await log.close();
    expect(() => open()).toThrow(/lacks entries 4 to 4/);
  });

  it('a log whose committed entries are missing', async () => {
    const log = open();
    log.write({ entries: entries(1, 3), hardState: hardState(1, 1, 7) });
    await log.close();
    expect(() => open()).toThrow(/lacks entries 4 to 7/);
  });

  it('a log that lacks a segment at the beginning, in the middle', async () => {
    const log = open();
    for (let i = 1; i <= 100; i++) log.write({ entries: [entry(i, 1, 300)] });
    await log.close();
    const names = segments();
    for (const missing of [0, 1, 5]) {
      const path = join(dir, names[missing] as string);
      const bytes = fs.readFile(path);
      rmSync(path);
      expect(() => open()).toThrow(expect.objectContaining({ code: 'ERR_CORRUPT' }));
      writeFileSync(path, bytes);
    }
    expect(open().loaded.entries).toHaveLength(100);
  });

  it('arguments that make no sense', () => {
    const runner = new InlineWalRunner({ fs, schedule: () => undefined });
    const options = { dir, fs, runner, metadata: owner };
    for (const wrong of [
      { segmentBytes: 4095 },
      { segmentBytes: 2 ** 31 },
      { segmentBytes: 5000.5 },
      { group: -1 },
      { group: 2 ** 32 },
      { metadata: new Uint8Array(70_000) },
    ]) {
      expect(() => Wal.open({ ...options, ...wrong })).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
      );
    }
  });

  it('an entry beyond the limit, before anything is taken; a backlog beyond the bound is a broken invariant', () => {
    const log = open();
    const huge = { index: 1, term: 1, kind: 'normal' as const, data: new Uint8Array(entryDataBytesMax + 1) };
    expect(() => log.append({ entries: [huge] })).toThrow(
      expect.objectContaining({ code: 'ERR_TOO_LARGE', limit: entryDataBytesMax }),
    );
    expect(log.wal.backlogBytes).toBe(0);
    log.append({ entries: [entry(1, 1, new Uint8Array(backlogBytesMax - 1000))] });
    expect(() => log.append({ entries: [entry(2, 1, 1000)] })).toThrow(/backlog of the log is bounded/);
  });
});

describe('close', () => {
  it('waits for what was given, refuses what comes later, and can be called again', async () => {
    const log = open();
    log.append({ entries: entries(1, 5) });
    const closed = log.wal.close();
    log.append({ entries: entries(6, 1) });
    log.wal.release({ index: 1, term: 1 });
    log.time.run();
    await closed;
    await log.wal.close();
    log.append({ entries: entries(6, 1) });
    await Promise.resolve();
    expect(log.done).toEqual([1]);
    expect(log.errors).toEqual(Array(2).fill(expect.objectContaining({ code: 'ERR_CLOSED' })));
    expect(open().loaded.entries).toEqual(entries(1, 5));
  });

  it('without load does nothing', async () => {
    const runner = new InlineWalRunner({ fs, schedule: () => undefined });
    await Wal.open({ dir, fs, runner, metadata: owner }).close();
    expect(fs.exists(dir)).toBe(false);
  });

  it('abandon fails what is on its way and leaves the rest alone', () => {
    const log = open();
    log.write({ entries: entries(1, 1) });
    log.append({ entries: entries(2, 1) });
    log.wal.abandon();
    log.time.run();
    expect(log.done).toEqual([1]);
    expect(log.errors).toEqual([expect.objectContaining({ code: 'ERR_CLOSED', outcome: 'unknown' })]);
    expect(open().loaded.entries).toHaveLength(1);
  });
});
