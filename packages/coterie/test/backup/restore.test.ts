import { openStore, restoreStore } from '@coterie/mvcc';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, expect, it } from 'vitest';
import { restoreBackup, type RestoreOptions } from '../../src/backup/restore-backup.js';
import { openPeer } from '../../src/open-peer.js';
import type { Peer } from '../../src/peer.js';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-restore-'));
let count = 0;
const fresh = (): string => path.join(root, String(count++));

afterAll(() => {
  fs.rmSync(root, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function threePeers(): Promise<Record<string, string>> {
  const peers: Record<string, string> = {};
  for (const name of ['a', 'b', 'c']) peers[name] = `ws://127.0.0.1:${await freePort()}`;
  return peers;
}

const openOne = (name: string, dataDir: string, id: string, peers: Record<string, string>): Promise<Peer> =>
  openPeer({ name, dataDir, cluster: { id, peers }, listen: { port: Number(new URL(peers[name]!).port) } });

const openSolo = (name: string, dataDir: string, id: string): Promise<Peer> =>
  openPeer({ name, dataDir, cluster: { id, solo: true } });

/** A file with the backup of a solo peer of these keys. */
async function backupFile(keys: number): Promise<{ file: string; revision: number }> {
  await using peer = await openSolo('old', fresh(), 'before');
  for (let i = 0; i < keys; i++) await peer.put(`k${i}`, String(i));
  const file = fresh();
  const { revision } = await peer.backup(fs.createWriteStream(file));
  expect(fs.readFileSync(file).subarray(0, 8).toString()).toBe('coterbak');
  return { file, revision };
}

it('one member is restored, and two others join it on empty directories', async () => {
  const { file, revision } = await backupFile(50);
  const peers = await threePeers();
  const dirs = Object.fromEntries(Object.keys(peers).map((name) => [name, fresh()]));
  const cluster = { id: 'after', peers };
  const report = await restoreBackup(fs.createReadStream(file), { dataDir: dirs['b']!, name: 'b', cluster });
  expect(report).toMatchObject({ keys: 50, backup: { source: 'peer', clusterId: 'before', revision } });
  const open: Peer[] = [];
  try {
    for (const name of ['b', 'a', 'c']) open.push(await openOne(name, dirs[name]!, 'after', peers));
    await Promise.all(open.map((peer) => peer.ready({ timeoutMs: 60_000 })));
    const [b, a, c] = open as [Peer, Peer, Peer];
    expect((await a.get('k49'))?.value).toBe('49');
    const { revision: next } = await c.put('new', '1');
    expect(next).toBeGreaterThan(revision + 900_000_000);
    const watch = a.watch({ all: true }, { fromRevision: revision });
    await expect(watch.next()).rejects.toMatchObject({ code: 'ERR_COMPACTED' });
    // All three vote in the end: the restored one may go.
    await expect
      .poll(async () => (await b.members.list()).filter(({ voter }) => voter).length, {
        timeout: 60_000,
        interval: 200,
      })
      .toBe(3);
    await b.close();
    await a.ready({ timeoutMs: 60_000 });
    await a.put('without b', '1', { timeoutMs: 60_000 });
    expect((await c.get('k0', { minRevision: next }))?.value).toBe('0');
    // Members that joined are opened with the same list again.
    await a.close();
    open.push(await openOne('a', dirs['a']!, 'after', peers));
  } finally {
    await Promise.all(open.map((peer) => peer.close()));
  }
}, 180_000);

it('without a list, the first one it is opened with is its own', async () => {
  const { file } = await backupFile(3);
  const dataDir = fresh();
  await restoreBackup(fs.createReadStream(file), { dataDir, name: 'a', cluster: { id: 'x' } });
  await (await openSolo('a', dataDir, 'x')).close();
  await expect(openOne('a', dataDir, 'x', await threePeers())).rejects.toMatchObject({ code: 'ERR_DATA_DIR_MISMATCH' });
  await using peer = await openSolo('a', dataDir, 'x');
  expect((await peer.get('k2'))?.value).toBe('2');
});

it('goes from a peer to a store and from a store to a peer', async () => {
  const { file } = await backupFile(5);
  const dir = fresh();
  await restoreStore(fs.createReadStream(file), { dir });
  const second = fresh();
  {
    await using store = await openStore({ dir });
    expect((await store.range({ all: true }, { countOnly: true })).count).toBe(5);
    await store.put('here', '1');
    await store.backup(fs.createWriteStream(second));
  }
  const dataDir = fresh();
  const cluster = { id: 'y', solo: true } as const;
  await restoreBackup(fs.createReadStream(second), { dataDir, name: 'p', cluster });
  await using peer = await openSolo('p', dataDir, 'y');
  expect((await peer.get('here'))?.value).toBe('1');
  expect((await peer.get('k4'))?.value).toBe('4');
});

it.each([
  ['name', { name: '' }],
  ['name', { cluster: { id: 'x', peers: { other: 'ws://127.0.0.1:1' } } }],
  ['cluster.id', { cluster: { id: '' } }],
  ['cluster.peers.a', { cluster: { id: 'x', peers: { a: 'nowhere' } } }],
  ['bumpRevisions', { bumpRevisions: 0.5 }],
  ['dataDir', { dataDir: '' }],
])('refuses a bad %s before anything is made', async (argument, options) => {
  const dataDir = fresh();
  const given = { dataDir, name: 'a', cluster: { id: 'x' }, ...options } as RestoreOptions;
  const restoring = restoreBackup(Readable.from([]), given);
  await expect(restoring).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument });
  expect(fs.existsSync(dataDir)).toBe(false);
});
