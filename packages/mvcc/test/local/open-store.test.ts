import { fork } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { CoterieError } from '@coterie/errors';
import { afterAll, expect, it } from 'vitest';
import { DataDir } from '../../src/data-dir/data-dir.js';
import { diskPorts } from '../../src/data-dir/data-dir-ports.js';
import { openStore, type OpenStoreOptions } from '../../src/local/open-store.js';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-store-'));
let count = 0;
const fresh = (): string => path.join(root, String(count++));

afterAll(() => {
  fs.rmSync(root, { recursive: true, force: true });
});

/** Everything a store shows of itself. */
async function contents(dir: string, options: OpenStoreOptions = {}): Promise<unknown> {
  await using store = await openStore({ ...options, dir });
  const { revision, entries } = await store.range({ all: true });
  return { revision, entries };
}

it('keeps what was written over a restart, and its revisions go on', async () => {
  const dir = fresh();
  const store = await openStore({ dir });
  const { revision } = await store.put('a', '1');
  await store.put('b', '2');
  await store.delete('a');
  await store.close();

  const again = await openStore({ dir });
  expect(await again.get('a')).toBeUndefined();
  expect((await again.get('a', { revision }))?.value).toBe('1');
  expect(await again.get('b')).toMatchObject({ value: '2', modRevision: revision + 1 });
  expect((await again.put('c', '3')).revision).toBe(revision + 3);
  await again.close();
  expect(await again.closed).toEqual({ reason: 'closed' });
});

it('a watch from before a restart goes on behind it', async () => {
  const dir = fresh();
  const before = await openStore({ dir });
  const { revision } = await before.put('a', '1');
  await before.put('a', '2');
  await before.close();
  await using store = await openStore({ dir });
  await store.put('a', '3');
  const seen: unknown[] = [];
  for await (const batch of store.watch('a', { fromRevision: revision })) {
    for (const event of batch.events) if (event.type === 'put') seen.push(event.entry.value);
    if (seen.length === 3) break;
  }
  expect(seen).toEqual(['1', '2', '3']);
});

it('has nothing to replay after a clean close', async () => {
  const dir = fresh();
  const store = await openStore({ dir });
  for (let i = 0; i < 50; i++) await store.put(`k${i}`, 'v');
  const { stateHash } = await store.diagnostics();
  await store.close();
  const below = await new DataDir(diskPorts(dir, undefined)).openStore(0);
  const { appliedIndex, revision, chain } = below.recovered();
  await below.close();
  expect(stateHash).toMatchObject({ index: appliedIndex, revision, chain });
});

it('keeps no long log in memory: a replay writes checkpoints', async () => {
  const dir = fresh();
  const store = await openStore({ dir });
  const value = 'v'.repeat(60_000);
  await Promise.all(Array.from({ length: 120 }, (_, i) => store.put(`k${i}`, value)));
  const { stateHash, store: before } = await store.diagnostics();
  expect(before.checkpoints).toBe(0);
  // As a process that is killed leaves it.
  const copy = fresh();
  fs.cpSync(dir, copy, { recursive: true, filter: (from) => !/lock/i.test(path.basename(from)) });
  await store.close();

  await using again = await openStore({ dir: copy });
  const { stateHash: found, store: after } = await again.diagnostics();
  expect(found).toEqual(stateHash);
  expect(after.checkpoints).toBeGreaterThan(1);
  expect((await again.range({ all: true })).entries.map((entry) => entry.value)).toEqual(Array(120).fill(value));
});

it('is locked while it is open', async () => {
  const dir = fresh();
  const store = await openStore({ dir });
  await expect(openStore({ dir })).rejects.toMatchObject({ code: 'ERR_DATA_DIR_IN_USE' });
  await store.put('a', '1');
  await store.close();
  expect(await contents(dir)).toMatchObject({ entries: [{ key: 'a', value: '1' }] });
});

it('refuses a log without a name, and one that is gone', async () => {
  const dir = fresh();
  await (await openStore({ dir })).close();
  const identity = path.join(dir, 'IDENTITY');
  const bytes = fs.readFileSync(identity);
  fs.rmSync(identity);
  await expect(openStore({ dir })).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
  fs.writeFileSync(
    identity,
    bytes.map((byte, i) => (i === 12 ? byte ^ 1 : byte)),
  );
  await expect(openStore({ dir })).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
  fs.writeFileSync(identity, bytes);
  fs.renameSync(path.join(dir, 'wal'), path.join(dir, 'gone'));
  await expect(openStore({ dir })).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
  fs.renameSync(path.join(dir, 'gone'), path.join(dir, 'wal'));
  await expect(contents(dir)).resolves.toBeDefined();
});

it('refuses the log of another store', async () => {
  const [one, other] = [fresh(), fresh()];
  for (const dir of [one, other]) await (await openStore({ dir })).close();
  fs.rmSync(path.join(one, 'wal'), { recursive: true });
  fs.cpSync(path.join(other, 'wal'), path.join(one, 'wal'), { recursive: true });
  await expect(openStore({ dir: one })).rejects.toMatchObject({ code: 'ERR_DATA_DIR_MISMATCH' });
});

it.each([
  ['dir', { dir: '' }],
  ['durability', { durability: 'never' }],
  ['durabilty', { durabilty: 'os' }],
  ['closeTimeoutMs', { closeTimeoutMs: 0 }],
  ['limits.watchs', { limits: { watchs: 1 } }],
  ['limits.keyBytes', { limits: { keyBytes: 1 << 20 } }],
  ['limits.entryBytes', { limits: { entryBytes: 0 } }],
  ['clock.now', { clock: {} }],
  ['logger.debug', { logger: {} }],
])('refuses a bad %s before anything is made', async (argument, options) => {
  const dir = fresh();
  const given = { dir, ...options } as OpenStoreOptions;
  await expect(openStore(given)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument });
  expect(fs.existsSync(dir)).toBe(false);
});

it('stops serving when its disk fails, and the application lives', async () => {
  const dir = fresh();
  const logged: string[] = [];
  const log = (obj: object): void => void logged.push((obj as { code: string }).code);
  const quiet = (): void => undefined;
  const store = await openStore({
    dir,
    limits: { checkpointBytes: 4096 },
    logger: { debug: quiet, info: quiet, warn: quiet, error: log },
  });
  await store.put('a', '1');
  // The next checkpoint cannot make its history file.
  fs.rmSync(path.join(dir, 'store'), { recursive: true });
  let error: unknown;
  for (let i = 0; i < 1000 && error === undefined; i++) {
    error = await store.put('a', String(i)).then(
      () => undefined,
      (caught: unknown) => ((caught as CoterieError).retryable ? undefined : caught),
    );
  }
  expect(error).toMatchObject({ code: 'ERR_STORAGE' });
  expect(await store.closed).toMatchObject({ reason: 'failed', error: { code: 'ERR_STORAGE' } });
  await expect(store.get('a')).rejects.toMatchObject({ code: 'ERR_STORAGE' });
  await store.close();
  expect(logged).toContain('ERR_STORAGE');
});

/** Runs the writer until it has acknowledged so many writes, then kills it. @returns the acknowledged ones */
async function killedWriter(dir: string, durability: string, checkpointBytes: number, acks: number): Promise<number[]> {
  const script = path.join(import.meta.dirname, 'writer-process.mjs');
  const child = fork(script, [dir, durability, String(checkpointBytes)], { execArgv: [] });
  const acknowledged: number[] = [];
  await new Promise<void>((resolve, reject) => {
    child.on('message', (at: number) => {
      acknowledged.push(at);
      if (acknowledged.length === acks) child.kill('SIGKILL');
    });
    child.on('exit', (code, signal) => (signal === 'SIGKILL' ? resolve() : reject(new Error(`it ended with ${code}`))));
  });
  return acknowledged;
}

it.each([
  ['fsync', 1 << 30],
  ['os', 1 << 30],
  ['fsync', 4096],
  ['os', 4096],
])(
  'loses nothing acknowledged with %s and a checkpoint every %i bytes when it is killed',
  async (durability, bytes) => {
    const dir = fresh();
    for (let round = 0; round < 2; round++) {
      const acknowledged = await killedWriter(dir, durability, bytes, 300);
      await using store = await openStore({ dir });
      const { entries } = await store.range({ prefix: 'k' });
      const there = new Set(entries.map(({ value }) => Number(value)));
      expect(acknowledged.filter((at) => !there.has(at))).toEqual([]);
      // Without a hole, where nothing was refused and tried again: what was not acknowledged stands behind what was.
      if (bytes > 4096) expect(Math.max(...there)).toBe(there.size - 1);
      await store.delete({ prefix: 'k' });
    }
  },
);

it('callers who try again at once when they are refused do not hold the event loop', async () => {
  await using store = await openStore({ dir: fresh(), limits: { openOperations: 4 } });
  let done = 0;
  let refused = 0;
  const stubborn = async (): Promise<void> => {
    for (let at = 0; at < 20;) {
      try {
        await store.put('k', String(at));
        at++;
        done++;
      } catch (error) {
        expect((error as CoterieError).code).toBe('ERR_OVERLOADED');
        refused++;
      }
    }
  };
  await Promise.all(Array.from({ length: 12 }, stubborn));
  expect(done).toBe(240);
  expect(refused).toBeGreaterThan(0);
});
