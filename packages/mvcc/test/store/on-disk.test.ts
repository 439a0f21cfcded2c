import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { nodeBackgroundFiles, nodeFileSystem } from '../../src/files/node-files.js';
import { classicOrderedStores } from '../../src/store/classic-ordered-store.js';
import { openLevelStore } from '../../src/store/open-level-store.js';
import type { Store } from '../../src/store/store.js';
import { Writer, bytes, text } from './fixture.js';

/** The store over LevelDB, the file system and the event loop of this process. */

const root = mkdtempSync(join(tmpdir(), 'level-store-'));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

function open(name: string, minAppliedIndex = 0): Promise<Store> {
  return openLevelStore({
    directory: join(root, name),
    files: nodeFileSystem,
    background: nodeBackgroundFiles,
    ordered: classicOrderedStores,
    defer: setImmediate,
    limits: { checkpointBytes: 300_000, segmentBytes: 60_000, recentBytes: 10_000, cacheBytes: 10_000 },
    minAppliedIndex,
  });
}

async function live(writer: Writer, count: number): Promise<void> {
  for (let more = count; more > 0; more--) {
    const at = writer.index;
    writer.apply([
      [`key-${at % 500}`, bytes(`value ${at} `.repeat(10))],
      [`k\u00e9y-${at % 50}`, at % 3 === 0 ? undefined : bytes('é')],
    ]);
    writer.store.logDurable(writer.index);
    if (at % 25 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Writes on until a checkpoint holds at least this revision. */
async function checkpointed(writer: Writer, revision: number): Promise<void> {
  for (let more = 0; (writer.checkpoints.at(-1)?.revision ?? 0) < revision && more < 10_000; more++) {
    await live(writer, 10);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(writer.failures).toEqual([]);
  expect(writer.checkpoints.at(-1)?.revision).toBeGreaterThanOrEqual(revision);
}

test('a disk that fails while LevelDB is opened is a fault of the disk', async () => {
  await (await open('faulty')).close();
  const lock = join(root, 'faulty', 'store-1', 'kv', 'LOCK');
  rmSync(lock);
  mkdirSync(lock);
  await expect(open('faulty')).rejects.toMatchObject({ code: 'ERR_STORAGE' });
});

test('on real disks: written, reopened, sent to another member, installed and reopened there', async () => {
  const writer = new Writer(await open('one'));
  await checkpointed(writer, 1_500);
  await expect(open('one')).rejects.toMatchObject({ code: 'ERR_DATA_DIR_IN_USE' });
  await writer.store.close();

  const again = await open('one');
  expect(again.recovered()).toEqual(writer.checkpoints.at(-1));
  const hash = await again.contentHash();
  expect(hash.keys).toBeGreaterThan(500);
  expect(hash.revision).toBe(again.recovered().revision);
  const record = await again.get('key-7');
  expect(text(record?.value)).toMatch(/^value \d+ /);
  const past = await again.viewAt(again.recovered().revision - 300);
  expect((await past.get('key-7'))?.modRevision).toBeLessThanOrEqual(past.revision);
  await past.close();

  const { meta, source } = await again.openSnapshot();
  const conf = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  const whole = { ...meta, conf };
  const other = await open('two');
  const sink = await other.receiveSnapshot(whole);
  for (let at = 0; at < source.size; at += 50_000) await sink.write(await source.read(at, 50_000));
  await sink.commit();
  other.installSnapshot(whole);
  await source.close();
  expect(await other.contentHash()).toEqual(hash);
  await other.close();
  expect(readdirSync(join(root, 'two')).sort()).toEqual(['CURRENT', 'store-2']);
  expect(readdirSync(join(root, 'one')).sort()).toEqual(['CURRENT', 'store-1']);

  const reopened = await open('two', meta.index);
  expect(await reopened.contentHash()).toEqual(hash);
  await Promise.all([again.close(), reopened.close()]);
});
