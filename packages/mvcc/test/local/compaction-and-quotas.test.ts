import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { CoterieError } from '@coterie/errors';
import { afterAll, expect, it, vi } from 'vitest';
import { prefixRange } from '../../src/command/key-range.js';
import { openStore, openStoreEngine, type OpenStoreEngine } from '../../src/local/open-store.js';
import { LocalStore } from '../../src/local/local-store.js';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-local-'));
let count = 0;
const fresh = (): string => path.join(root, String(count++));

afterAll(() => {
  fs.rmSync(root, { recursive: true, force: true });
});

/** The bytes in the files of a directory whose names end so. */
function stored(dir: string, ending: string): Buffer {
  const names = fs.readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(ending));
  return Buffer.concat(names.map((name) => fs.readFileSync(path.join(dir, name))));
}

// A few values to a file of history, and a checkpoint after each of them.
const limits = { checkpointBytes: 1024 * 1024 };
const value = (at: number): string => `<value ${at}>`.padEnd(200_000, '.');

it('a physical compaction resolves when the files are gone, for good', async () => {
  const dir = fresh();
  const store = await openStore({ dir, limits });
  const revisions: number[] = [];
  for (let at = 0; at < 50; at++) {
    // It may be written faster than the disk takes checkpoints.
    await vi.waitFor(async () => revisions.push((await store.put('k', value(at))).revision), 30_000);
  }
  await vi.waitFor(() => expect(stored(dir, '.history').includes('<value 30>')).toBe(true), 30_000);
  const watched = store.watch('k', { fromRevision: revisions[48]! });
  // Logical: at once, and the files are where they were.
  await vi.waitFor(() => store.compact(revisions[5]!), 30_000);
  await expect(store.get('k', { revision: revisions[4]! })).rejects.toMatchObject({ code: 'ERR_COMPACTED' });
  expect(stored(dir, '.history').includes('<value 30>')).toBe(true);

  const before = stored(dir, '.history').length;
  await vi.waitFor(() => store.compact(revisions[45]!, { physical: true }), 30_000);
  const left = stored(dir, '.history');
  expect(left.length).toBeLessThan(before / 2);
  for (let at = 0; at < 20; at++) expect(left.includes(`<value ${at}>`)).toBe(false);
  // What is not compacted is there: in the files, for reads and for a watch that was open.
  expect((await store.get('k', { revision: revisions[45]! }))?.value).toBe(value(45));
  expect((await watched.next()).value?.revision).toBe(revisions[48]);
  await watched.return?.();
  await expect(store.compact(revisions[45]!, { physical: true })).rejects.toMatchObject({ code: 'ERR_COMPACTED' });
  await store.close();

  await using again = await openStore({ dir, limits });
  await expect(again.get('k', { revision: revisions[44]! })).rejects.toMatchObject({ code: 'ERR_COMPACTED' });
  expect((await again.get('k', { revision: revisions[46]! }))?.value).toBe(value(46));
  expect((await again.get('k'))?.value).toBe(value(49));
  expect(stored(dir, '.history').includes('<value 10>')).toBe(false);
});

/** A store, and the end of its next deletion in the hand of the test. */
async function heldDeletion(): Promise<{ open: OpenStoreEngine; store: LocalStore; fail: (error: Error) => void }> {
  const open = await openStoreEngine({ dir: fresh() });
  const store = new LocalStore({ ...open, closeTimeoutMs: 2000 });
  let fail!: (error: Error) => void;
  vi.spyOn(open.engine.machine, 'deleteCompacted').mockReturnValue(new Promise((_, reject) => (fail = reject)));
  return { open, store, fail: (error) => fail(error) };
}

it('waits for the files no longer than the call may, and says that the compaction itself is done', async () => {
  const { open, store } = await heldDeletion();
  const { revision } = await store.put('a', '1');
  const late = store.compact(revision, { physical: true, timeoutMs: 300 });
  await expect(late).rejects.toMatchObject({ code: 'ERR_TIMEOUT', outcome: 'applied' });
  expect(open.engine.machine.compactRevision).toBe(revision);
  const next = await store.put('a', '2');
  const abort = new AbortController();
  const aborted = store.compact(next.revision, { physical: true, signal: abort.signal });
  await vi.waitFor(() => expect(open.engine.machine.compactRevision).toBe(next.revision));
  // In the turn after the one that applied it, the files are waited for.
  await new Promise((resolve) => setTimeout(resolve, 20));
  abort.abort();
  await expect(aborted).rejects.toMatchObject({ code: 'ERR_ABORTED', outcome: 'applied' });
  await store.close();
});

it.each(['ERR_STORAGE', 'ERR_CLOSED'] as const)('a deletion that fails with %s says so', async (code) => {
  const { store, fail } = await heldDeletion();
  const { revision } = await store.put('a', '1');
  const failing = store.compact(revision, { physical: true });
  setTimeout(() => fail(new CoterieError(code, { message: 'it failed' })), 50);
  await expect(failing).rejects.toMatchObject({ code, outcome: 'applied' });
  await store.close();
});

async function setQuota({ engine }: OpenStoreEngine, prefix: string, bytes: number): Promise<void> {
  await engine.write({ kind: 'setQuota', prefix, bytes, range: prefixRange(prefix) }, {});
}

it('a quota of a store refuses before the log, leaves deletes alone, heals by them, and outlives a restart', async () => {
  const dir = fresh();
  const first = await openStoreEngine({ dir });
  const store = new LocalStore({ ...first, closeTimeoutMs: 2000 });
  // There before the quota: counted in the background, and until then nothing is refused.
  for (let at = 0; at < 10; at++) await store.put(`p/${at}`, 'x'.repeat(1000));
  await store.put('other', 'x'.repeat(50_000));
  await setQuota(first, 'p/', 12_000);
  const quota = () => first.engine.machine.quotas().find(({ prefix }) => prefix === 'p/');
  await vi.waitFor(() => expect(quota()).toMatchObject({ counting: false, bytes: 12_000 }), 10_000);
  expect(quota()!.used).toBe(10 * (3 + 1000 + 64));

  const beyond = { code: 'ERR_NO_SPACE', outcome: 'not-applied', limit: 12_000 };
  await store.put('p/10', 'x'.repeat(1000));
  const { stateHash } = await store.diagnostics();
  await expect(store.put('p/10', 'x'.repeat(3000))).rejects.toMatchObject(beyond);
  expect((await store.diagnostics()).stateHash).toEqual(stateHash);
  // Of a key that is not in memory only apply knows what it adds.
  await expect(store.put('p/11', 'x'.repeat(1000))).rejects.toMatchObject(beyond);
  // A transaction that makes room for what it adds is taken, and so is what lies outside.
  await store.txn({ success: [store.op.delete('p/0'), store.op.put('p/11', 'x'.repeat(900))] });
  await store.put('other', 'x'.repeat(60_000));
  await store.close();

  const second = await openStoreEngine({ dir });
  const again = new LocalStore({ ...second, closeTimeoutMs: 2000 });
  await expect(again.put('p/12', 'x'.repeat(2000))).rejects.toMatchObject(beyond);
  // Concurrent writes come to apply together, which refuses those that are too much.
  const all = await Promise.allSettled(Array.from({ length: 8 }, (_, at) => again.put(`p/c${at}`, 'x'.repeat(200))));
  const refused = all.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  expect(refused.length).toBeGreaterThan(0);
  for (const error of refused) expect(error).toMatchObject(beyond);
  expect(second.engine.machine.quotas().find(({ prefix }) => prefix === 'p/')!.used).toBeLessThanOrEqual(12_000);
  await again.delete({ prefix: 'p/' });
  await again.put('p/12', 'x'.repeat(2000));
  await second.engine.write({ kind: 'removeQuota', prefix: 'p/' }, {});
  await again.put('p/13', 'x'.repeat(20_000));
  await again.close();
});

it('the quota of the whole store counts what every key costs', async () => {
  const open = await openStoreEngine({ dir: fresh() });
  const store = new LocalStore({ ...open, closeTimeoutMs: 2000 });
  await setQuota(open, '', 1000);
  await store.put('a', 'x'.repeat(800));
  await expect(store.put('b', 'x'.repeat(100))).rejects.toMatchObject({ code: 'ERR_NO_SPACE', limit: 1000 });
  await store.put('a', 'x'.repeat(700));
  await store.put('b', 'x'.repeat(100));
  await store.close();
});
