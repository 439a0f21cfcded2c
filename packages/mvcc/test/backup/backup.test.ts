import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { afterAll, expect, it } from 'vitest';
import type { KvStore } from '../../src/local/local-store.js';
import { openStore } from '../../src/local/open-store.js';
import { restoreStore } from '../../src/local/restore-store.js';
import { readBackup } from '../../src/backup/read-backup.js';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-backup-'));
let count = 0;
const fresh = (): string => path.join(root, String(count++));

afterAll(() => {
  fs.rmSync(root, { recursive: true, force: true });
});

class Collected extends Writable {
  readonly chunks: Uint8Array[] = [];

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.chunks.push(Uint8Array.from(chunk));
    done();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

async function backupOf(store: KvStore): Promise<Buffer> {
  const to = new Collected();
  const report = await store.backup(to);
  expect(report.bytes).toBe(to.bytes.length);
  expect(to.writableFinished).toBe(true);
  return to.bytes;
}

/** In pieces that end anywhere. */
function pieces(bytes: Uint8Array, size = 1000): Readable {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size));
  return Readable.from(parts);
}

const all = async (store: KvStore, revision?: number): Promise<readonly unknown[]> =>
  (await store.range({ all: true }, { revision })).entries;

/** A store with several blocks of keys. */
async function filled(): Promise<KvStore> {
  const store = await openStore();
  for (let i = 0; i < 400; i++) await store.put(`k${i % 300}`, 'x'.repeat(i * 2));
  await store.delete('k7');
  return store;
}

it('holds one revision of a store that is written to meanwhile', async () => {
  await using store = await filled();
  const to = new Collected();
  let running = true;
  const writer = (async () => {
    for (let i = 0; running; i++) await store.put(`k${i % 320}`, `new${i}`);
  })();
  const { revision } = await store.backup(to);
  const expected = await all(store, revision);
  running = false;
  await writer;
  const dir = fresh();
  const report = await restoreStore(pieces(to.bytes), { dir });
  expect(report).toMatchObject({ keys: expected.length, backup: { revision, source: 'store', clusterId: '' } });
  await using restored = await openStore({ dir });
  expect(await all(restored)).toEqual(expected);
});

it('goes on with revisions that nobody has seen, and knows no older ones', async () => {
  await using store = await filled();
  const bytes = await backupOf(store);
  // What the old store still does after the backup.
  const { revision: last } = await store.put('after', 'lost');
  const dir = fresh();
  await restoreStore(pieces(bytes), { dir });
  await using restored = await openStore({ dir });
  expect((await restored.put('k1', 'again')).revision).toBeGreaterThan(last);
  for (const fromRevision of [2, last, last + 1]) {
    const watch = restored.watch({ all: true }, { fromRevision });
    await expect(watch.next()).rejects.toMatchObject({ code: 'ERR_COMPACTED' });
  }
  await expect(restored.get('k1', { revision: last })).rejects.toMatchObject({ code: 'ERR_COMPACTED' });
  // A swap that was begun on the old store does not succeed by chance.
  expect(await restored.put('after', 'x', { ifRevision: last })).toMatchObject({ ok: false });
  const { revision } = await restored.put('w', '1');
  const batch = await restored.watch('w', { fromRevision: revision }).next();
  expect(batch.value).toMatchObject({ revision, events: [{ type: 'put' }] });
});

it('is restored again after a restart, and can be backed up again', async () => {
  await using store = await filled();
  const dir = fresh();
  await restoreStore(pieces(await backupOf(store)), { dir });
  const once = await openStore({ dir });
  await once.put('more', '1');
  const expected = await all(once);
  const second = await backupOf(once);
  await once.close();
  await using twice = await openStore({ dir });
  expect(await all(twice)).toEqual(expected);
  const other = fresh();
  await restoreStore(pieces(second, 77), { dir: other, bumpRevisions: 5 });
  await using third = await openStore({ dir: other });
  expect(await all(third)).toEqual(expected);
});

it('is empty where the store is', async () => {
  await using store = await openStore();
  const dir = fresh();
  await restoreStore(pieces(await backupOf(store)), { dir, bumpRevisions: 0 });
  await using restored = await openStore({ dir });
  expect(await all(restored)).toEqual([]);
  expect((await restored.put('a', '1')).ok).toBe(true);
});

it('keeps leases with the log time that they had left, and the keys under them', async () => {
  await using store = await openStore();
  const lease = await store.lease({ ttlMs: 60_000, keepAlive: false });
  await store.put('leased', '1', { lease });
  const bytes = await backupOf(store);
  const dir = fresh();
  await restoreStore(pieces(bytes), { dir });
  await using restored = await openStore({ dir });
  expect(await restored.get('leased')).toMatchObject({ value: '1', lease: lease.id });
  const [info] = await restored.leases();
  expect(info).toMatchObject({ id: lease.id, ttlMs: 60_000 });
  expect(info!.remainingMs).toBeGreaterThan(0);
  const other = await restored.lease({ ttlMs: 60_000 });
  expect(other.id).not.toBe(lease.id);
  await (await restored.attachLease(lease.id)).revoke();
  expect(await restored.get('leased')).toBeUndefined();
});

/** Where each block ends. */
function boundaries(bytes: Buffer): number[] {
  const ends = [0, 8, 12];
  for (let at = 12; at < bytes.length;) ends.push((at += 9 + bytes.readUInt32LE(at)));
  return ends;
}

/** Reads as a restore does, and keeps nothing. */
async function readable(bytes: Uint8Array, size?: number): Promise<void> {
  for await (const part of readBackup(pieces(bytes, size))) expect(part.kind).toBeTypeOf('string');
}

const refusal = { code: expect.stringMatching(/^ERR_(CORRUPT|STORAGE)$/) as string };

it('is refused when it was cut or prolonged at any boundary, or a block was dropped, doubled or moved', async () => {
  await using store = await filled();
  const bytes = await backupOf(store);
  await readable(bytes);
  const ends = boundaries(bytes);
  expect(ends.length).toBeGreaterThan(6);
  for (const end of ends) {
    for (const cut of [end - 1, end, end + 1]) {
      if (cut < 0 || cut >= bytes.length) continue;
      await expect(readable(bytes.subarray(0, cut), 4096)).rejects.toMatchObject(refusal);
    }
  }
  await expect(readable(Buffer.concat([bytes, Buffer.of(0)]))).rejects.toMatchObject(refusal);
  await expect(readable(Buffer.concat([bytes, bytes]))).rejects.toMatchObject(refusal);
  const block = (i: number): Buffer => bytes.subarray(ends[i], ends[i + 1]);
  for (let i = 2; i + 2 < ends.length; i++) {
    const before = bytes.subarray(0, ends[i]);
    const behind = bytes.subarray(ends[i + 1]);
    const next = bytes.subarray(ends[i + 2]);
    for (const changed of [
      [before, behind],
      [before, block(i), block(i), behind],
      [before, block(i + 1), block(i), next],
    ]) {
      await expect(readable(Buffer.concat(changed), 4096)).rejects.toMatchObject(refusal);
    }
  }
});

it('is refused when a bit of it was flipped', async () => {
  await using store = await openStore();
  for (let i = 0; i < 40; i++) await store.put(`k${i}`, `value ${i}`);
  const bytes = await backupOf(store);
  // Every bit of a small one: more than any number of random ones.
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = changed[at]! ^ (1 << (at % 8));
    await expect(readable(changed, 1 << 16), `byte ${at}`).rejects.toMatchObject(refusal);
  }
});

it('a damaged one leaves no directory that opens as more than an empty one', async () => {
  await using store = await filled();
  const bytes = await backupOf(store);
  const ends = boundaries(bytes);
  for (const cut of [...ends.slice(0, -1), bytes.length - 1]) {
    const dir = fresh();
    await expect(restoreStore(pieces(bytes.subarray(0, cut)), { dir })).rejects.toMatchObject(refusal);
    expect(fs.existsSync(path.join(dir, 'IDENTITY'))).toBe(false);
    expect(fs.existsSync(path.join(dir, 'store'))).toBe(false);
  }
  const dir = fresh();
  await expect(restoreStore(pieces(bytes.subarray(0, -1)), { dir })).rejects.toMatchObject(refusal);
  await restoreStore(pieces(bytes), { dir });
  await using restored = await openStore({ dir });
  expect(await all(restored)).toEqual(await all(store));
});

it('is not restored over data', async () => {
  await using store = await filled();
  const bytes = await backupOf(store);
  const dir = fresh();
  const there = await openStore({ dir });
  await there.put('mine', '1');
  await expect(restoreStore(pieces(bytes), { dir })).rejects.toMatchObject({ code: 'ERR_DATA_DIR_IN_USE' });
  await there.close();
  const refused = { code: 'ERR_INVALID_ARGUMENT', argument: 'dir' };
  await expect(restoreStore(pieces(bytes), { dir })).rejects.toMatchObject(refused);
  await using again = await openStore({ dir });
  expect((await again.get('mine'))?.value).toBe('1');
});

it.each([
  ['bumpRevisions', { bumpRevisions: -1 }],
  ['bumpRevisions', { bumpRevisions: 2 ** 52 }],
  ['timeoutMs', { timeoutMs: -1 }],
  ['dir', { dir: '' }],
])('refuses a bad %s', async (argument, options) => {
  await using store = await openStore();
  const dir = fresh();
  const restoring = restoreStore(pieces(await backupOf(store)), { dir, ...options });
  await expect(restoring).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument });
  expect(fs.existsSync(path.join(dir, 'IDENTITY'))).toBe(false);
});

it('waits for a slow stream and reads nothing ahead of it', async () => {
  await using store = await filled();
  const to = new PassThrough({ highWaterMark: 1 });
  const backup = store.backup(to);
  await once(to, 'readable');
  for (let i = 0; i < 50; i++) await store.put(`later${i}`, 'v');
  // One piece is with the stream, and the next is not read before it was taken.
  expect(to.readableLength + to.writableLength).toBeLessThan(256 * 1024);
  const chunks: Uint8Array[] = [];
  to.on('data', (chunk: Uint8Array) => chunks.push(chunk));
  const { bytes } = await backup;
  expect(Buffer.concat(chunks).length).toBe(bytes);
  await readable(Buffer.concat(chunks));
});

it('ends when its stream breaks, its signal fires or its time is over, and destroys the stream', async () => {
  await using store = await filled();
  let writes = 0;
  const broken = new Writable({
    write: (_chunk, _encoding, done) => (++writes === 3 ? done(new Error('the disk of the backup is full')) : done()),
  });
  await expect(store.backup(broken)).rejects.toMatchObject({
    code: 'ERR_STORAGE',
    message: expect.stringContaining('the disk of the backup is full') as string,
  });
  const stuck = (): Writable => new Writable({ write: () => undefined });
  const abort = new AbortController();
  const aborted = stuck();
  const backup = store.backup(aborted, { signal: abort.signal });
  setTimeout(() => abort.abort(), 20);
  await expect(backup).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  const late = stuck();
  await expect(store.backup(late, { timeoutMs: 20 })).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  for (const stream of [broken, aborted, late]) expect(stream.destroyed).toBe(true);
  const closed = new Writable({ write: (_chunk, _encoding, done) => done() });
  closed.destroy();
  await expect(store.backup(closed)).rejects.toMatchObject({ code: 'ERR_STORAGE' });
  await expect(store.backup({} as unknown as WritableStream)).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    argument: 'to',
  });
  // Nothing of them is left: the store closes at once, and another backup works.
  await readable(await backupOf(store));
});

it('goes to a web stream and comes from one', async () => {
  await using store = await filled();
  const { readable: from, writable: to } = new TransformStream<Uint8Array, Uint8Array>();
  const dir = fresh();
  const [report] = await Promise.all([store.backup(to), restoreStore(from, { dir })]);
  expect(report.bytes).toBeGreaterThan(0);
  await using restored = await openStore({ dir });
  expect(await all(restored)).toEqual(await all(store));
});

it('ends with ERR_CLOSED when its store closes', async () => {
  const store = await filled();
  const to = new PassThrough({ highWaterMark: 1 });
  const backup = store.backup(to);
  const ended = expect(backup).rejects.toMatchObject({ code: expect.stringMatching(/CLOSED|STORAGE/) as string });
  await once(to, 'readable');
  await store.close();
  to.resume();
  await ended;
  expect(to.destroyed).toBe(true);
});
