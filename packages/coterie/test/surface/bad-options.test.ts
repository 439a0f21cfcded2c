import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { op, openPeer, type Peer, type PeerOptions } from '../../src/index.js';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-options-'));
afterAll(() => {
  fs.rmSync(root, { recursive: true, force: true });
});
const solo = { name: 'a', cluster: { id: 'x', solo: true } } as const;

describe('options that cannot be', () => {
  const peers = { a: 'ws://127.0.0.1:1' };
  it.each<[string, object]>([
    ['limits.valueBytes', { limits: { valueBytes: 1e9 } }],
    ['limits.scrubPeriodMs', { limits: { scrubPeriodMs: 0 } }],
    ['limits.scrubBytesPerSecond', { limits: { scrubBytesPerSecond: 1.5 } }],
    ['limits.nonsense', { limits: { nonsense: 1 } }],
    ['electionTimoutMs', { electionTimoutMs: 500 }],
    ['cluster.peer', { cluster: { id: 'x', solo: true, peer: {} } }],
    ['listen.prot', { listen: { port: 0, prot: 1 } }],
    ['clock.now', { clock: {} }],
    ['logger.debug', { logger: 5 }],
    ['advertise', { advertise: 'x' }],
    ['name', { name: 'constructor', cluster: { id: 'x', peers }, listen: { port: 0 } }],
  ])('%s is named, and nothing is made', async (argument, given) => {
    const dataDir = path.join(root, 'never');
    const options = { ...solo, dataDir, ...given } as PeerOptions;
    await expect(openPeer(options)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument });
    expect(fs.existsSync(dataDir)).toBe(false);
  });

  it('a logger that throws harms nobody', async () => {
    const fail = (): never => {
      throw new Error('logger');
    };
    const peer = await openPeer({ ...solo, logger: { debug: fail, info: fail, warn: fail, error: fail } });
    peer.onClose(fail);
    await peer.close();
  });
});

describe('calls that cannot be', () => {
  let peer: Peer;
  beforeAll(async () => {
    peer = await openPeer(solo);
  });
  afterAll(() => peer.close());
  const any = (value: unknown): never => value as never;
  const detached = (): Uint8Array => {
    const bytes = new Uint8Array(8);
    structuredClone(bytes, { transfer: [bytes.buffer] });
    return bytes;
  };
  it.each<[string, () => Promise<unknown>, string]>([
    ['a list for a txn', () => peer.txn(any([op.put('k', '1')])), 'ERR_INVALID_ARGUMENT'],
    ['a misspelt part of a txn', () => peer.txn(any({ sucess: [op.put('k', '1')] })), 'ERR_INVALID_ARGUMENT'],
    ['a misspelt condition', () => peer.put('k', '1', any({ ifRevison: 0 })), 'ERR_INVALID_ARGUMENT'],
    ['a Map for options', () => peer.put('k', '1', any(new Map())), 'ERR_INVALID_ARGUMENT'],
    ['an endless list of operations', () => peer.txn({ success: any(new Array(2 ** 32 - 1)) }), 'ERR_TOO_MANY_OPS'],
    ['detached bytes', () => peer.withEncoding({ value: 'bytes' }).put('k', detached()), 'ERR_INVALID_ARGUMENT'],
    ['no signal', () => peer.statusChanges(any({ signal: {} })).next(), 'ERR_INVALID_ARGUMENT'],
  ])('%s', async (_what, call, code) => {
    await expect(call()).rejects.toMatchObject({ name: 'CoterieError', code });
    expect(await peer.get('k')).toBeUndefined();
  });
});
