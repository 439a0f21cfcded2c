import { describe, expect, it } from 'vitest';
import { SimDisk } from '../../src/files/sim-disk.js';
import { InlineWalRunner } from '../../src/wal/inline-wal-runner.js';
import { SegmentBytes } from '../../src/wal/segment-bytes.js';
import { TermRuns } from '../../src/wal/term-runs.js';
import { Wal, type LogToReplay } from '../../src/wal/wal.js';
import { segmentName } from '../../src/wal/format.js';
import { entries, LogUnderTest, owner } from './log-under-test.js';

const newDisk = (): SimDisk => new SimDisk({ random: { nextInt: () => 0 }, schedule: () => undefined });

/** A log of several segments, closed. */
async function written(disk: SimDisk, count: number): Promise<void> {
  const log = new LogUnderTest(disk.files, '/log');
  for (let index = 1; index <= count; index++) log.write({ entries: entries(index, 1, 1, 300) });
  await log.close();
}

function openToReplay(disk: SimDisk): LogToReplay {
  const runner = new InlineWalRunner({ fs: disk.files, schedule: () => undefined });
  return Wal.open({ dir: '/log', fs: disk.files, runner, metadata: owner, segmentBytes: 4096 }).loadToReplay();
}

const segments = (disk: SimDisk): string[] => disk.files.readdir('/log').filter((name) => name.endsWith('.wal'));

describe('a log that is loaded to be replayed', () => {
  it('gives the entries behind an index, from whatever segment they are in', async () => {
    const disk = newDisk();
    await written(disk, 60);
    expect(segments(disk).length).toBeGreaterThan(3);
    const log = openToReplay(disk);
    expect(log.lastIndex).toBe(60);
    for (const behind of [0, 1, 17, 59, 60, 70]) {
      expect([...log.behind(behind)]).toEqual(entries(behind + 1, Math.max(0, 60 - behind), 1, 300));
    }
  });

  it('needs no segment that ends before them', async () => {
    const disk = newDisk();
    await written(disk, 60);
    const log = openToReplay(disk);
    disk.files.unlink(`/log/${segmentName(1)}`);
    expect([...log.behind(50)]).toEqual(entries(51, 10, 1, 300));
  });

  it('closes its file where reading ends early', async () => {
    const disk = newDisk();
    await written(disk, 20);
    const before = disk.openFiles;
    const reading = openToReplay(disk).behind(3);
    expect(reading.next().value).toEqual(entries(4, 1, 1, 300)[0]);
    reading.return();
    // The one that is written to.
    expect(disk.openFiles).toBe(before + 1);
  });

  it('is refused where it reads differently a second time', async () => {
    const disk = newDisk();
    await written(disk, 60);
    const log = openToReplay(disk);
    const path = `/log/${segments(disk)[1]!}`;
    const file = disk.files.open(path, 'write');
    const byte = new Uint8Array(1);
    disk.files.read(file, byte, 700);
    disk.files.write(
      file,
      byte.map((value) => value ^ 1),
      700,
    );
    expect(() => [...log.behind(0)]).toThrow(expect.objectContaining({ code: 'ERR_CORRUPT' }) as Error);
  });
});

describe('the bytes of a segment', () => {
  const file = Uint8Array.from({ length: 5000 }, (_, at) => (at < 3000 ? (at % 250) + 1 : 0));
  const read = (into: Uint8Array, at: number): number => {
    const found = file.subarray(at, at + into.length);
    into.set(found);
    return found.length;
  };

  it.each([64, 1000, 8192])('are those of the file wherever a window of %i begins', (window) => {
    const content = new SegmentBytes('segment', file.length, read, window);
    for (const [from, to] of [
      [0, 24],
      [60, 70],
      [10, 2000],
      [2000, 2010],
      [4999, 5000],
      [0, 5000],
    ] as const) {
      const here = content.at(from, to);
      expect(content.bytes.slice(here, here + to - from)).toEqual(file.slice(from, to));
      expect(content.view.getUint8(here)).toBe(file[from]);
    }
    expect([content.lastUsed(0), content.lastUsed(2999), content.lastUsed(3000), content.lastUsed(5000)]).toEqual([
      3000, 3000, 3000, 5000,
    ]);
  });

  it('do not keep the memory of a long record', () => {
    const content = new SegmentBytes('segment', file.length, read, 64);
    content.at(0, 4000);
    content.at(4500, 4530);
    expect(content.bytes.buffer.byteLength).toBe(64);
  });

  it('are not taken for shorter than the file', () => {
    const short = new SegmentBytes('segment', 6000, read, 64);
    expect(() => short.at(4900, 5100)).toThrow(expect.objectContaining({ code: 'EIO' }) as Error);
  });
});

describe('runs of terms', () => {
  it('say which entries there are after some took the place of others', () => {
    const runs = new TermRuns();
    expect([runs.first, runs.termAt(0), runs.termAt(1)]).toEqual([undefined, undefined, undefined]);
    for (const [index, term] of [
      [5, 1],
      [6, 1],
      [7, 2],
      [8, 2],
      [9, 4],
    ] as const)
      runs.put(index, term);
    expect([4, 5, 6, 7, 8, 9, 10].map((index) => runs.termAt(index))).toEqual([undefined, 1, 1, 2, 2, 4, undefined]);
    runs.put(8, 5);
    expect([runs.first, runs.last, runs.termAt(7), runs.termAt(8), runs.termAt(9)]).toEqual([5, 8, 2, 5, undefined]);
    runs.put(3, 6);
    expect([runs.first, runs.last, runs.termAt(3), runs.termAt(5)]).toEqual([3, 3, 6, undefined]);
    runs.put(0, 7);
    expect([runs.first, runs.last]).toEqual([0, 0]);
    runs.clear();
    expect(runs.first).toBeUndefined();
  });
});
