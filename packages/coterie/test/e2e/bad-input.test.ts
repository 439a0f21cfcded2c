import { openPeer, type PeerOptions } from 'coterie';
import { once } from 'node:events';
import fs from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePorts } from './processes/free-ports.js';
import { endProcesses, PeerProcess } from './processes/peer-process.js';
import { treeOf } from './processes/tree-of.js';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-e2e-'));
});
afterEach(async () => {
  expect(await endProcesses()).toEqual([]);
  fs.rmSync(folder, { recursive: true, force: true });
});

const solo = (changes: Partial<PeerOptions> = {}): PeerOptions => ({
  name: 'one',
  dataDir: path.join(folder, 'one'),
  cluster: { id: 'main', solo: true },
  ...changes,
});

/**
 * `openPeer` is refused with this code, and the folder is as it was.
 *
 * @param written files that their owner may be writing meanwhile; their names are compared
 */
async function expectRefused(options: unknown, refusal: object, written = /^$/): Promise<void> {
  const before = treeOf(folder, written);
  const error: unknown = await openPeer(options as PeerOptions).then(
    async (peer) => peer.close(),
    (e: unknown) => e,
  );
  expect(error).toMatchObject({ name: 'CoterieError', ...refusal });
  expect(treeOf(folder, written)).toEqual(before);
}

describe('options of the wrong kind', () => {
  const peers = { one: 'ws://127.0.0.1:7001', two: 'ws://127.0.0.1:7002' };
  const listen = { port: 7001 };
  const table: [string, string, unknown][] = [
    ['nothing', 'options', undefined],
    ['a text', 'options', 'one'],
    ['no name', 'name', { cluster: { id: 'main', solo: true } }],
    ['a name with a slash', 'name', { name: 'a/b' }],
    ['a number as a name', 'name', { name: 7 }],
    ['a number as a directory', 'dataDir', { dataDir: 7 }],
    ['an empty directory name', 'dataDir', { dataDir: '' }],
    ['no cluster', 'cluster', { cluster: undefined }],
    ['a cluster without an id', 'cluster.id', { cluster: { solo: true } }],
    ['two ways into a cluster', 'cluster', { cluster: { id: 'main', solo: true, peers }, listen }],
    ['solo: false', 'cluster.solo', { cluster: { id: 'main', solo: false } }],
    ['peers as a list', 'cluster.peers', { cluster: { id: 'main', peers: ['one'] }, listen }],
    ['no peers', 'cluster.peers', { cluster: { id: 'main', peers: {} }, listen }],
    [
      'an address that is none',
      'cluster.peers.two',
      { cluster: { id: 'main', peers: { ...peers, two: 'here' } }, listen },
    ],
    ['http addresses', 'cluster.peers.one', { cluster: { id: 'main', peers: { one: 'http://127.0.0.1:1' } }, listen }],
    [
      'one address twice',
      'cluster.peers.two',
      { cluster: { id: 'main', peers: { ...peers, two: peers.one } }, listen },
    ],
    ['a name that is not listed', 'name', { name: 'three', cluster: { id: 'main', peers }, listen }],
    ['a list and nothing to listen on', 'listen', { cluster: { id: 'main', peers } }],
    ['a port as a text', 'listen.port', { cluster: { id: 'main', peers }, listen: { port: '7001' } }],
    ['a port beyond all', 'listen.port', { cluster: { id: 'main', peers }, listen: { port: 70_000 } }],
    ['a timeout as a text', 'electionTimeoutMs', { electionTimeoutMs: '1s' }],
    ['no time to close', 'closeTimeoutMs', { closeTimeoutMs: 0 }],
    ['a limit below one', 'limits.valueBytes', { limits: { valueBytes: -1 } }],
    ['a transport that is none', 'transport', { cluster: { id: 'main', peers }, transport: {} }],
  ];

  test.each(table)('%s: ERR_INVALID_ARGUMENT names %s', async (_, argument, changes) => {
    const options = typeof changes === 'object' ? { ...solo(), ...changes } : changes;
    if (argument === 'name' && typeof changes === 'object' && changes !== null && !('name' in changes)) {
      Reflect.deleteProperty(options as object, 'name');
    }
    await expectRefused(options, { code: 'ERR_INVALID_ARGUMENT', argument });
  });
});

describe('a data directory of somebody else', () => {
  beforeEach(async () => {
    const peer = await openPeer(solo());
    await peer.put('k', 'v');
    await peer.close();
  });

  test('of another member', () => expectRefused(solo({ name: 'two' }), { code: 'ERR_DATA_DIR_MISMATCH' }));

  test('of another cluster', () =>
    expectRefused(solo({ cluster: { id: 'other', solo: true } }), { code: 'ERR_DATA_DIR_MISMATCH' }));

  test('of a cluster with other members', async () => {
    const [port = 0] = await freePorts(1);
    const peers = { one: `ws://127.0.0.1:${port}`, two: 'ws://127.0.0.1:1' };
    const options = solo({ cluster: { id: 'main', peers }, listen: { port, host: '127.0.0.1' } });
    await expectRefused(options, { code: 'ERR_DATA_DIR_MISMATCH' });
  });

  test('its owner still opens it', async () => {
    const peer = await openPeer(solo());
    expect(await peer.get('k')).toMatchObject({ value: 'v' });
    await peer.close();
  });
});

describe('a data directory that is open', () => {
  test('in this process', async () => {
    const peer = await openPeer(solo());
    await peer.put('k', 'v');
    await expectRefused(solo(), { code: 'ERR_DATA_DIR_IN_USE' }, /wal/);
    expect(await peer.get('k')).toMatchObject({ value: 'v' });
    await peer.close();
  });

  test('in another process, until that is killed', async () => {
    const other = await PeerProcess.open(solo());
    await other.call('put', 'k', 'v');
    await expectRefused(solo(), { code: 'ERR_DATA_DIR_IN_USE' }, /wal/);
    expect(await other.call('get', 'k')).toMatchObject({ value: 'v' });
    await other.kill();
    const peer = await openPeer(solo());
    expect(await peer.get('k')).toMatchObject({ value: 'v' });
    await peer.close();
  });
});

describe('addresses', () => {
  test('a port in use: refused, and the application goes on', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const peers = { one: `ws://127.0.0.1:${port}`, two: 'ws://127.0.0.1:1' };
    const options = solo({ cluster: { id: 'main', peers }, listen: { port, host: '127.0.0.1' } });
    await expectRefused(options, { code: 'ERR_LISTEN' });
    expect(taken.listening).toBe(true);
    taken.close();
    await once(taken, 'close');
    // What was refused has let go of everything: the same options work now.
    const peer = await openPeer(options);
    await peer.close();
  });

  test('peers that nobody can reach: no leader, no log, and the application goes on', async () => {
    const [one = 0, two = 0, three = 0] = await freePorts(3);
    const at = (port: number): string => `ws://127.0.0.1:${port}`;
    const cluster = { id: 'main', peers: { one: at(one), two: at(two), three: at(three) } };
    const peer = await openPeer(solo({ cluster, listen: { port: one, host: '127.0.0.1' } }));
    await expect(peer.ready({ timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'ERR_NO_LEADER', retryable: true });
    await expect(peer.put('k', 'v', { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'ERR_NO_LEADER',
      outcome: 'not-applied',
    });
    await expect(peer.get('k', { timeoutMs: 300 })).rejects.toMatchObject({ name: 'CoterieError' });
    expect(peer.status().state).toBe('starting');
    // It has said who it is, durably, before it said it to others. Nothing was founded.
    const made = (): string[] =>
      Object.keys(treeOf(path.join(folder, 'one'))).filter((name) => !name.startsWith('lock'));
    expect(made().sort()).toEqual(['IDENTITY', 'LOCK']);
    await peer.close();
    expect(made()).toEqual(['IDENTITY']);
  });
});

test('keys, values and ranges of the wrong kind write nothing', async () => {
  const peer = await openPeer(solo());
  const { revision } = await peer.put('k', 'v');
  const wrong: [() => Promise<unknown>, string][] = [
    [() => peer.put('', 'v'), 'ERR_INVALID_ARGUMENT'],
    [() => peer.put(7 as never, 'v'), 'ERR_INVALID_ARGUMENT'],
    [() => peer.put('k', 7 as never), 'ERR_INVALID_ARGUMENT'],
    [() => peer.put('k', '\ud800'), 'ERR_INVALID_ARGUMENT'],
    [() => peer.put('k', 'v', { timeoutMs: -1 }), 'ERR_INVALID_ARGUMENT'],
    [() => peer.put('k'.repeat(1 << 20), 'v'), 'ERR_TOO_LARGE'],
    [() => peer.put('k', 'v'.repeat(64 << 20)), 'ERR_TOO_LARGE'],
    [() => peer.delete({} as never), 'ERR_INVALID_ARGUMENT'],
    [() => peer.delete({ prefix: '' }), 'ERR_INVALID_ARGUMENT'],
    [() => peer.delete({ gte: undefined } as never), 'ERR_INVALID_ARGUMENT'],
    [() => peer.range({} as never), 'ERR_INVALID_ARGUMENT'],
    [() => peer.range({ prefix: '' }), 'ERR_INVALID_ARGUMENT'],
    [() => peer.txn({ success: [{} as never] }), 'ERR_INVALID_ARGUMENT'],
  ];
  for (const [call, code] of wrong) {
    await expect(call(), String(call)).rejects.toMatchObject({ name: 'CoterieError', code });
  }
  expect(await peer.range({ all: true })).toMatchObject({ revision, entries: [{ key: 'k', value: 'v' }] });
  await peer.close();
});
