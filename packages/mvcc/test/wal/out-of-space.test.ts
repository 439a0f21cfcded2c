import { describe, expect, it } from 'vitest';
import { SimDisk } from '../../src/files/sim-disk.js';
import { seededRandom } from '../files/virtual-time.js';
import { entry, entries, hardState, LogUnderTest } from './log-under-test.js';

const newDisk = (): SimDisk => new SimDisk({ random: seededRandom(5), schedule: () => undefined });

/** Lets time pass although the log tries again for ever. */
function pass(log: LogUnderTest, ms: number): void {
  const end = log.time.nowMs + ms;
  while (log.time.nowMs < end && log.time.step());
}

describe('a full disk', () => {
  it('is told a segment ahead, while everything accepted still fits, and ends by itself', () => {
    const disk = newDisk();
    const log = new LogUnderTest(disk.files, '/log');
    disk.capacityBytes = 4096 + 100;
    let index = 0;
    while (!log.wal.outOfSpace) {
      log.append({ entries: [entry(++index, 1, 100)] });
      pass(log, 10);
      expect(index).toBeLessThan(40);
    }
    log.append({ entries: [entry(++index, 1, 100)] });
    pass(log, 5000);
    expect(log.done).toHaveLength(index);
    expect(log.wal.outOfSpace).toBe(true);
    // Nothing of the next segment was kept: it would take space that others need.
    expect(disk.files.readdir('/log')).toEqual(['0000000000000001.wal']);

    disk.capacityBytes = 1 << 20;
    pass(log, 2000);
    expect(log.wal.outOfSpace).toBe(false);
    for (let i = 0; i < 100; i++) log.write({ entries: [entry(++index, 1, 100)] });
    expect(log.errors).toEqual([]);
    expect(new LogUnderTest(disk.files, '/log').loaded.entries).toHaveLength(index);
  });

  it('ends when a release makes room', () => {
    const disk = newDisk();
    const log = new LogUnderTest(disk.files, '/log');
    disk.capacityBytes = 3 * 4096;
    let index = 0;
    while (!log.wal.outOfSpace) {
      log.append({ entries: [entry(++index, 1, 100)], hardState: hardState(1, 1, index) });
      pass(log, 50);
    }
    log.wal.release({ index, term: 1 });
    pass(log, 5000);
    expect(log.wal.outOfSpace).toBe(false);
    for (let i = 0; i < 60; i++) {
      log.append({ entries: [entry(++index, 1, 100)], hardState: hardState(1, 1, index) });
      pass(log, 50);
      if (i % 5 === 0) log.wal.release({ index, term: 1 });
    }
    expect(log.errors).toEqual([]);
  });

  it('stops a log that needs the next segment, and loses nothing acknowledged', () => {
    const disk = newDisk();
    const log = new LogUnderTest(disk.files, '/log');
    disk.capacityBytes = 4096 + 100;
    for (let index = 1; index < 100; index++) {
      log.append({ entries: [entry(index, 1, 100)] });
      pass(log, 10);
    }
    expect(log.errors[0]).toMatchObject({
      code: 'ERR_STORAGE',
      message: expect.stringContaining('no space') as string,
    });
    expect(log.done.length).toBeGreaterThan(10);
    disk.capacityBytes = Infinity;
    disk.crash();
    const again = new LogUnderTest(disk.files, '/log');
    expect(again.loaded.entries.length).toBeGreaterThanOrEqual(log.done.length);
    expect(again.loaded.entries.slice(0, log.done.length)).toEqual(entries(1, log.done.length, 1, 100));
  });

  it('does not let a log begin, and leaves nothing that looks like one', () => {
    const disk = newDisk();
    disk.capacityBytes = 1000;
    expect(() => new LogUnderTest(disk.files, '/log')).toThrow(expect.objectContaining({ code: 'ERR_STORAGE' }));
    expect(disk.files.readdir('/log')).toEqual([]);
  });
});

describe('preparation', () => {
  it('has the next segment ready before it is needed, with no zero-filling on the way of a commit', () => {
    const disk = newDisk();
    const log = new LogUnderTest(disk.files, '/log', { segmentBytes: 1 << 16 });
    let index = 0;
    while (!disk.files.exists('/log/0000000000000002.wal')) {
      log.append({ entries: [entry(++index, 1, 1000)] });
      const next = '/log/next.tmp';
      // Half used: all of it is there.
      if (index === 40) expect(disk.files.readFile(next).length).toBe(1 << 16);
      log.time.run();
    }
    expect(index).toBeGreaterThan(60);
  });

  it('keeps pace with a log that never idles', () => {
    const disk = newDisk();
    const log = new LogUnderTest(disk.files, '/log', { segmentBytes: 1 << 22 });
    let index = 0;
    let prepared = 0;
    while (!disk.files.exists('/log/0000000000000002.wal')) {
      if (disk.files.exists('/log/next.tmp')) prepared = disk.files.readFile('/log/next.tmp').length;
      for (let i = 0; i < 8; i++) log.append({ entries: [entry(++index, 1, new Uint8Array(16_000))] });
      while (log.done.length < index - 4) log.time.step();
    }
    expect(prepared).toBeGreaterThan((1 << 22) * 0.9);
  });
});
