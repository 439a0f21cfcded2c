import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Entry } from '@coterie/raft';
import { SimDisk } from '../../src/files/sim-disk.js';
import { nodeFileSystem as fs } from '../../src/files/node-files.js';
import { headerBytes, lengthAt, recordBytes, segmentName, viewOf } from '../../src/wal/format.js';
import { seededRandom } from '../files/virtual-time.js';
import { entries, entry, hardState, LogUnderTest, type LogOptions } from './log-under-test.js';

let base: string;
let dir: string;
let origin: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'coterie-damage-'));
  dir = join(base, 'log');
  origin = join(base, 'origin');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const options: LogOptions = { segmentBytes: 8192 };
const open = (): LogUnderTest => new LogUnderTest(fs, dir, options);
const lastSegment = (): string =>
  join(
    dir,
    readdirSync(dir)
      .filter((name) => name.endsWith('.wal'))
      .at(-1) as string,
  );
const refused = expect.objectContaining({ code: 'ERR_CORRUPT' }) as Error;

/** Where the records of a segment begin, head included; the last number is where free space begins. */
function recordOffsets(path: string): number[] {
  const bytes = fs.readFile(path);
  const view = viewOf(bytes);
  const offsets = [0];
  for (let at = 0; at + headerBytes <= bytes.length && bytes[at + 23] !== 0;) {
    at += recordBytes(lengthAt(view, at));
    offsets.push(at);
  }
  return offsets;
}

/** Writes one batch an entry, each synced, and keeps a copy of the files. */
async function prepare(written: readonly (readonly Entry[])[]): Promise<void> {
  const log = open();
  for (const batch of written) log.write({ entries: batch });
  await log.close();
  cpSync(dir, origin, { recursive: true });
}

function restore(): void {
  rmSync(dir, { recursive: true, force: true });
  cpSync(origin, dir, { recursive: true });
}

function contents(): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(dir)) hash.update(name).update(readFileSync(join(dir, name)));
  return hash.digest('hex');
}

/** The log must refuse to open, and must not have touched anything. */
function expectRefused(what: string): void {
  const before = contents();
  expect(open, what).toThrow(refused);
  expect(contents(), what).toBe(before);
}

/** Writes the bytes of a file with one byte changed; the file is as it was afterwards. */
function withFlip(path: string, at: number, mask: number, check: () => void): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] as number) ^ mask;
  writeFileSync(path, bytes);
  check();
  bytes[at] = bytes[at] ^ mask;
  writeFileSync(path, bytes);
}

describe('a log that was cut', () => {
  it.each([
    ['the file ends there', (path: string, at: number) => truncateSync(path, at)],
    [
      'zeros follow',
      (path: string, at: number) => {
        const bytes = readFileSync(path);
        writeFileSync(path, bytes.fill(0, at));
      },
    ],
  ])('at every byte of its last three records is repaired and goes on (%s)', async (_how, cut) => {
    // Sizes around the padding, one record over a sector border, one of zeros.
    const written = [10, 30, 100, 600, 13, 8].map((bytes, i) => [entry(i + 1, 1, bytes)]);
    written.push([entry(7, 1, new Uint8Array(40))]);
    await prepare(written);
    const path = lastSegment();
    const offsets = recordOffsets(path);
    const ends = offsets.slice(-8); // of the head, then of each record
    for (let at = ends[4] as number; at <= (ends[7] as number); at++) {
      restore();
      cut(path, at);
      const whole = ends.filter((end) => end <= at).length - 1;
      const first = open();
      expect(first.loaded.entries, `cut at ${at}`).toEqual(written.slice(0, whole).flat());
      first.write({ entries: [entry(whole + 1, 2, 50)] });
      expect(first.errors).toEqual([]);
      await first.close();
      expect(open().loaded.entries, `after a cut at ${at}`).toEqual([
        ...written.slice(0, whole).flat(),
        entry(whole + 1, 2, 50),
      ]);
    }
  });

  it('inside a batch loses all of that batch, which nobody was promised', async () => {
    await prepare([entries(1, 3), entries(4, 4)]);
    const path = lastSegment();
    const offsets = recordOffsets(path);
    for (const at of offsets.slice(-5, -1)) {
      restore();
      truncateSync(path, at);
      expect(open().loaded.entries).toEqual(entries(1, 3));
    }
  });

  it('is repaired although what was torn holds records of another log, as a backup in a value does', async () => {
    await prepare(Array.from({ length: 12 }, (_, i) => [entry(i + 1, 1, 200)]));
    // Records that say that thousands of bytes had been synced, at a multiple of 8 as a reader looks for them.
    const image = fs.readFile(lastSegment()).slice(recordOffsets(lastSegment()).at(-6));
    rmSync(dir, { recursive: true });
    await prepare([[entry(1)], [entry(2, 1, image)]]);
    const path = lastSegment();
    const at = recordOffsets(path).at(-2) as number;
    writeFileSync(path, readFileSync(path).fill(0, at, 512));
    expect(open().loaded.entries).toEqual([entry(1)]);
  });

  it('is not read past a hole: what is behind it is cleared away', async () => {
    // One batch of two sectors and more, of which only the first sector was lost.
    await prepare([[entry(1)], [entry(2, 1, 1200)]]);
    const path = lastSegment();
    const at = recordOffsets(path).at(-2) as number;
    const bytes = readFileSync(path);
    bytes.fill(0, at, 512);
    writeFileSync(path, bytes);
    const log = open();
    expect(log.loaded.entries).toEqual([entry(1)]);
    const after = readFileSync(path);
    expect(after.length).toBe(bytes.length);
    expect(after.subarray(at).every((byte) => byte === 0)).toBe(true);
  });
});

describe('a log that is damaged', () => {
  it('by one bit, in any of ten records in the middle, is refused and not touched', async () => {
    await prepare(Array.from({ length: 20 }, (_, i) => [entry(i + 1, 1, 40)]));
    const path = lastSegment();
    const offsets = recordOffsets(path);
    const records = offsets.slice(-14, -3);
    for (let i = 0; i < 10; i++) {
      const start = records[i] as number;
      const end = records[i + 1] as number;
      // Of each record: every byte of the header, then some of the payload, then the padding.
      const places = [
        ...Array.from({ length: headerBytes }, (_, at) => at),
        24,
        30,
        50,
        end - start - 2,
        end - start - 1,
      ];
      for (const place of places) {
        withFlip(path, start + place, 1 << ((place + i) % 8), () => expectRefused(`record ${i}, byte ${place}`));
      }
    }
  });

  it('by one bit in its last record is refused as well', async () => {
    await prepare([[entry(1)], [entry(2, 1, 60)]]);
    const path = lastSegment();
    const [start, end] = recordOffsets(path).slice(-2) as [number, number];
    for (let at = start; at < end; at++) {
      withFlip(path, at, 4, () => expectRefused(`byte ${at - start}`));
    }
  });

  it('by one bit in any record of a head is refused', async () => {
    const log = new LogUnderTest(fs, dir, options);
    const conf = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    log.write({ snapshot: { index: 5, term: 1, conf, size: 0 }, hardState: hardState(1, 1, 5) });
    for (let i = 6; i < 45; i++) log.write({ entries: [entry(i, 1, 400)] });
    log.wal.release({ index: 6, term: 1 });
    for (let i = 45; i < 75; i++) log.write({ entries: [entry(i, 1, 400)] });
    await log.close();
    cpSync(dir, origin, { recursive: true });
    const names = readdirSync(dir).filter((name) => name.endsWith('.wal'));
    expect(names.length).toBeGreaterThanOrEqual(3);
    for (const name of [names[0], names[1], names.at(-1)] as string[]) {
      const head = recordOffsets(join(dir, name));
      const headEnd = viewOf(fs.readFile(join(dir, name))).getUint32(headerBytes + 12, true);
      expect(head).toContain(headEnd);
      for (let at = 0; at < headEnd; at += 5) {
        withFlip(join(dir, name), at, 16, () => expectRefused(`${name}, byte ${at}`));
      }
    }
  });

  it('by a synced sector that reads as zeros is refused when a later batch proves the sync', async () => {
    await prepare(Array.from({ length: 15 }, (_, i) => [entry(i + 1, 1, 400)]));
    const path = lastSegment();
    for (let sector = 1; sector < 12; sector++) {
      restore();
      const bytes = readFileSync(path);
      bytes.fill(0, sector * 512, sector * 512 + 512);
      writeFileSync(path, bytes);
      expectRefused(`sector ${sector}`);
    }
  });

  it('by a batch missing at the end of a segment that another follows is refused, whatever it held', async () => {
    const log = open();
    for (let i = 1; i <= 150; i++) {
      log.write({ entries: [entry(i, 1, 100)] });
      for (let vote = 1; vote <= 3; vote++) log.write({ hardState: hardState(i, vote, 0) });
    }
    await log.close();
    const names = readdirSync(dir).filter((name) => name.endsWith('.wal'));
    expect(names.length).toBeGreaterThan(5);
    for (const name of names.slice(0, -1)) {
      const path = join(dir, name);
      const bytes = readFileSync(path);
      const last = recordOffsets(path).at(-2) as number;
      writeFileSync(path, Buffer.from(bytes).fill(0, last));
      expectRefused(`zeroed in ${name}`);
      truncateSync(path, last);
      expectRefused(`truncated ${name}`);
      writeFileSync(path, bytes);
    }
    expect(open().loaded.entries).toHaveLength(150);
  });

  it('by a record that lies where another belongs is refused', async () => {
    await prepare(Array.from({ length: 10 }, (_, i) => [entry(i + 1, 1, 40)]));
    const path = lastSegment();
    const offsets = recordOffsets(path).slice(-8);
    restore();
    const bytes = readFileSync(path);
    const copy = Buffer.from(bytes.subarray(offsets[1], offsets[2]));
    copy.copy(bytes, offsets[3]);
    writeFileSync(path, bytes);
    expectRefused('misdirected');
  });

  it('by two segments in each other’s place, or one of another log, is refused', async () => {
    await prepare(Array.from({ length: 120 }, (_, i) => [entry(i + 1, 1, 400)]));
    const [one, two] = [join(dir, segmentName(1)), join(dir, segmentName(2))];
    const [first, second] = [readFileSync(one), readFileSync(two)];
    writeFileSync(one, second);
    writeFileSync(two, first);
    expectRefused('swapped');
    restore();
    writeFileSync(two, first);
    expectRefused('copied');
  });

  it('of a newer format is refused without calling it corrupt', async () => {
    await prepare([[entry(1)]]);
    const path = join(dir, segmentName(1));
    const bytes = fs.readFile(path);
    const { sealRecord, previousAt } = await import('../../src/wal/format.js');
    const view = viewOf(bytes);
    view.setUint32(headerBytes + 8, 99, true);
    sealRecord(bytes, view, 0, { sequence: 1, offset: 0 }, 0, previousAt(view, 0));
    writeFileSync(path, bytes);
    expect(open).toThrow(
      expect.objectContaining({ code: 'ERR_STORAGE', message: expect.stringContaining('99') as string }),
    );
  });
});

it('a segment that seems to end too early is an error of the disk, never the end of the log', () => {
  const disk = new SimDisk({ random: seededRandom(3), schedule: () => undefined });
  const log = new LogUnderTest(disk.files, '/log');
  for (let index = 1; index <= 20; index++) log.write({ entries: [entry(index, 1, 100)] });
  for (let i = 0; i < 20; i++) {
    disk.saboteur = (operation) =>
      operation.startsWith('read') && operation !== 'readdir' ? { kind: 'short' } : undefined;
    expect(() => new LogUnderTest(disk.files, '/log')).toThrow(expect.objectContaining({ code: 'ERR_STORAGE' }));
    disk.saboteur = undefined;
    expect(new LogUnderTest(disk.files, '/log').loaded.entries).toHaveLength(20);
  }
});
