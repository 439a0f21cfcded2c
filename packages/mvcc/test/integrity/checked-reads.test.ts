import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterAll, describe, expect, test } from 'vitest';
import { DataDir } from '../../src/data-dir/data-dir.js';
import { diskPorts, memoryPorts, type DataDirPorts } from '../../src/data-dir/data-dir-ports.js';
import { crc32c } from '../../src/files/crc32c.js';
import { SimDisk } from '../../src/files/sim-disk.js';
import { verifyStore } from '../../src/integrity/verify-store.js';
import { resolveKvLimits } from '../../src/kv/limits.js';
import { systemScheduler } from '../../src/kv/system-time.js';
import { cmp, op } from '../../src/kv/operations.js';
import { sortStoreLimits } from '../../src/local/local-limits.js';
import { LocalStore } from '../../src/local/local-store.js';
import { StoreEngine } from '../../src/local/store-engine.js';
import { LocalClock, localRandom, localWall } from '../../src/local/system-ports.js';
import { tableBlocks } from '../../src/store/level/level-table.js';
import { ModelOrderedStores } from '../../src/store/model-ordered-store.js';
import type { Store } from '../../src/store/store.js';
import { InlineWalRunner } from '../../src/wal/inline-wal-runner.js';

/**
 * Every way on which a stored record leaves the disk, each with a bit of it flipped: in a model of LevelDB, and in the
 * files of LevelDB itself, which does not look at the checksums of its blocks when it reads.
 */

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'checked-reads-'));
afterAll(() => {
  fs.rmSync(root, { recursive: true, force: true });
});

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const storeLimits = { segmentBytes: 4096, recentBytes: 1, cacheBytes: 1 };
const rounds = 4;
const keys = ['key-1', 'key-2', 'key-3', 'key-4', 'key-5'];
const victim = 'key-3';
/** The newest record is damaged at rest, or what the history has of an earlier one. */
type Place = 'value' | 'head' | 'key' | 'history';

/** So long, and so much by chance, that LevelDB does not compress its block: what is flipped is what it seems to be. */
function valueOf(key: string, round: number): string {
  const parts = Array.from({ length: 8 }, (_, at) => createHash('sha512').update(`${key} ${round} ${at}`));
  return parts.map((part) => part.digest('base64')).join('');
}

/** A directory that holds `keys` in some versions, closed, everything at rest. */
interface Bed {
  readonly ports: DataDirPorts;
  flip(place: Place): Promise<void>;
}

async function open(ports: DataDirPorts): Promise<LocalStore> {
  const clock = new LocalClock();
  const limits = sortStoreLimits({});
  const engine = await StoreEngine.open({
    ...{ dir: new DataDir(ports), clock, wall: localWall, turns: systemScheduler, random: localRandom },
    ...{ limits: limits.kv, log: limits.log, history: limits.history, durability: 'os' as const },
    ...{ requestTimeoutMs: 5000, closeTimeoutMs: 5000, logger: silent },
  });
  const keepAlive = (on: boolean): void => clock.keepAlive(on);
  return new LocalStore({
    engine,
    limits: resolveKvLimits(limits.kv),
    logger: silent,
    keepAlive,
    closeTimeoutMs: 5000,
  });
}

async function fill(ports: DataDirPorts): Promise<void> {
  const store = await open(ports);
  for (let round = 0; round < rounds; round++) for (const key of keys) await store.put(key, valueOf(key, round));
  await store.close();
}

async function modelBed(): Promise<Bed> {
  const later = (_ms: number, fn: () => void): void => systemScheduler.defer(fn);
  const disk = new SimDisk({ random: localRandom, schedule: later });
  const ordered = new ModelOrderedStores((fn) => systemScheduler.defer(fn));
  const newRunner = (): InlineWalRunner => new InlineWalRunner({ fs: disk.files, schedule: later });
  const { files, background } = disk;
  const ports = { ...memoryPorts(), files, background, ordered, newRunner, storeLimits };
  await fill(ports);
  const bits: Readonly<Record<Exclude<Place, 'history' | 'key'>, number>> = { value: 8 * 60, head: 8 * 20 };
  const flip = async (place: Place): Promise<void> => {
    if (place === 'history') {
      const found = flipIn(
        disk.paths.filter((one) => one.endsWith('.history')),
        (one) => disk.files.readFile(one),
        (one, at) => disk.flipBit(one, at * 8),
      );
      expect(found).toBeGreaterThan(0);
      return;
    }
    const kv = `memory/store/store-1/kv`;
    if (place !== 'key') {
      expect(ordered.flipBit(kv, `k${victim}`, bits[place])).toBe(true);
      return;
    }
    const store = await ordered.open(kv);
    const record = store.getSync(`k${victim}`, undefined)!;
    const batch = store.batch();
    batch.delete(`k${victim}`);
    batch.put('kkey-;', record);
    await new Promise<unknown>((done) => batch.write({ sync: true }, done));
    await new Promise<unknown>((done) => store.close(done));
  };
  return { ports, flip };
}

/** Flips a bit in the value of the victim's first version, wherever it stands. @returns in how many places */
function flipIn(
  paths: readonly string[],
  read: (path: string) => Uint8Array,
  flip: (path: string, at: number) => void,
  value = valueOf(victim, 0),
  offset = 50,
): number {
  let found = 0;
  for (const one of paths) {
    const bytes = Buffer.from(read(one));
    for (let at = bytes.indexOf(value); at >= 0; at = bytes.indexOf(value, at + 1), found++) flip(one, at + offset);
  }
  return found;
}

let template: Promise<string> | undefined;
let copies = 0;

function realPorts(dir: string): DataDirPorts {
  const schedule = (_ms: number, fn: () => void): void => systemScheduler.defer(fn);
  const ports = diskPorts(dir, undefined);
  return {
    ...ports,
    storeLimits,
    newRunner: () => new InlineWalRunner({ fs: ports.files, schedule }),
    segmentBytes: 1 << 17,
  };
}

async function makeTemplate(): Promise<string> {
  const dir = path.join(root, 'template');
  await fill(realPorts(dir));
  // What the log of LevelDB holds goes into a table when it is opened.
  const level = new ClassicLevel(path.join(dir, 'store', 'store-1', 'kv'));
  await level.open();
  await level.close();
  return dir;
}

/**
 * Gives the block of a table around this byte a checksum that fits again. What the store looks at when it opens then
 * finds nothing, as with damage that comes while it is open, and only the record's own checksum is left to tell.
 */
function sealBlock(bytes: Buffer, at: number): void {
  const block = tableBlocks(bytes).find(({ offset, size }) => offset <= at && at < offset + size)!;
  const end = block.offset + block.size + 1;
  const sum = crc32c(bytes, 0, block.offset, end);
  bytes.writeUInt32LE((((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0, end);
}

async function realBed(): Promise<Bed> {
  const dir = path.join(root, `copy-${copies++}`);
  fs.cpSync(await (template ??= makeTemplate()), dir, { recursive: true });
  const flip = (place: Place): Promise<void> => {
    const folder = path.join(dir, 'store', 'store-1', place === 'history' ? '' : 'kv');
    const ending = place === 'history' ? '.history' : '.ldb';
    // In a table: the stored key, 8 bytes of LevelDB's own, the head of 36 bytes, the value.
    const offset = { value: 40, head: -16, key: -36 - 8 - 1, history: 50 }[place];
    const found = flipIn(
      fs
        .readdirSync(folder)
        .filter((name) => name.endsWith(ending))
        .map((name) => path.join(folder, name)),
      (one) => fs.readFileSync(one),
      (one, at) => {
        const bytes = fs.readFileSync(one);
        bytes[at]! ^= 8;
        if (place !== 'history') sealBlock(bytes, at);
        fs.writeFileSync(one, bytes);
      },
      valueOf(victim, place === 'history' ? 0 : rounds - 1),
      offset,
    );
    expect(found).toBeGreaterThan(0);
    return Promise.resolve();
  };
  return { ports: realPorts(dir), flip };
}

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** The revision at which all keys have their first version. */
const firstRound = async (store: LocalStore): Promise<number> =>
  (await store.get('key-5'))!.modRevision - (rounds - 1) * keys.length;

async function watched(store: LocalStore): Promise<unknown> {
  const fromRevision = (await firstRound(store)) - keys.length + 1;
  const seen: unknown[] = [];
  for await (const { events } of store.watch({ prefix: 'key-' }, { fromRevision })) {
    for (const event of events) if (event.type === 'put') seen.push(event.entry.value);
    if (seen.length >= rounds * keys.length) break;
  }
  return seen;
}

const newest = keys.map((key) => valueOf(key, rounds - 1));
const values = (entries: readonly { readonly value: string }[]): string[] => entries.map(({ value }) => value);

/** What an application does, and what it gets of a sound store. */
const calls: Readonly<Record<string, readonly [(store: LocalStore) => Promise<unknown>, unknown, readonly Place[]]>> = {
  get: [async (store) => (await store.get(victim))?.value, newest[2], ['value', 'head']],
  'a range': [
    async (store) => values((await store.range({ prefix: 'key-' })).entries),
    newest,
    ['value', 'head', 'key'],
  ],
  iterate: [async (store) => values(await allOf(store.iterate({ all: true }))), newest, ['value', 'head', 'key']],
  'a txn that reads the key': [
    async (store) => (await store.txn({ success: [op.get(victim)] })).results[0]?.value,
    newest[2],
    ['value', 'head'],
  ],
  'a txn that compares the key': [
    async (store) => (await store.txn({ compare: [cmp.value(victim, '==', newest[2]!)] })).succeeded,
    true,
    ['value', 'head'],
  ],
  'a txn that reads a range': [
    async (store) => values((await store.txn({ success: [op.range({ prefix: 'key-' })] })).results[0]!.entries),
    newest,
    ['value', 'head', 'key'],
  ],
  'get at an old revision': [
    async (store) => (await store.get(victim, { revision: await firstRound(store) }))?.value,
    valueOf(victim, 0),
    ['history'],
  ],
  'a range at an old revision': [
    async (store) => values((await store.range({ prefix: 'key-' }, { revision: await firstRound(store) })).entries),
    keys.map((key) => valueOf(key, 0)),
    ['history'],
  ],
  'a watch from an old revision': [
    watched,
    Array.from({ length: rounds }, (_, round) => keys.map((key) => valueOf(key, round))).flat(),
    ['history'],
  ],
  backup: [
    async (store) => {
      let bytes = 0;
      const to = new WritableStream<Uint8Array>({ write: (chunk) => void (bytes += chunk.length) });
      await store.backup(to);
      return bytes > 500;
    },
    true,
    ['value', 'head', 'key'],
  ],
};

/** What the library does with a store that nobody has open as such. */
const works: Readonly<Record<string, readonly [(store: Store) => Promise<unknown>, readonly Place[]]>> = {
  'the export of a snapshot': [(store) => store.openSnapshot(), ['value', 'head', 'key', 'history']],
  scrub: [(store) => verifyStore(store), ['value', 'head', 'key', 'history']],
  'the hash of the contents': [(store) => store.contentHash(), ['value', 'head', 'key']],
};

describe.each([
  ['the model', modelBed],
  ['files of LevelDB', realBed],
] as const)('%s', (_where, makeBed) => {
  test.each(Object.entries(calls))('%s gives no damaged value', async (_name, [call, sound, places]) => {
    const untouched = await open((await makeBed()).ports);
    expect(await call(untouched)).toEqual(sound);
    await untouched.close();
    for (const place of places) {
      const bed = await makeBed();
      await bed.flip(place);
      const store = await open(bed.ports);
      await expect(call(store), place).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
      expect(await store.closed, place).toMatchObject({ reason: 'failed', error: { code: 'ERR_CORRUPT' } });
      await store.close();
    }
  });

  test('of keys that are read together only the damaged one fails', async () => {
    const bed = await makeBed();
    await bed.flip('value');
    const store = await new DataDir(bed.ports).openStore(0);
    const read = await Promise.allSettled(keys.map((key) => store.get(key)));
    expect(read.map(({ status }) => status)).toEqual(keys.map((key) => (key === victim ? 'rejected' : 'fulfilled')));
    await store.close();
  });

  test.each(Object.entries(works))('%s ends with an error', async (_name, [work, places]) => {
    for (const place of ['nowhere', ...places] as const) {
      const bed = await makeBed();
      if (place !== 'nowhere') await bed.flip(place);
      const store = await new DataDir(bed.ports).openStore(0);
      if (place === 'nowhere') await work(store);
      else await expect(work(store), place).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
      await store.close();
    }
  });
});
