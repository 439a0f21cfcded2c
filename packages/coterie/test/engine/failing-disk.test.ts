import { completeNodeOptions, MemoryNetwork, SystemClock, systemRandom, systemTurns, systemWall } from '@coterie/raft';
import { SimDisk } from '@coterie/mvcc/testing';
import { SeededRandom } from '@coterie/raft/testing';
import { expect, test } from 'vitest';
import { memoryStorage } from '../../src/data-dir/memory-storage.js';
import { PortStorage } from '../../src/data-dir/port-storage.js';
import type { PeerStorage } from '../../src/data-dir/storage.js';
import { PeerEngine } from '../../src/engine/peer-engine.js';

const peers = { a: 'memory://a', b: 'memory://b' };
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function newEngine(name: keyof typeof peers, network: MemoryNetwork, storage: PeerStorage): PeerEngine {
  return new PeerEngine({
    name,
    clusterId: 'x',
    url: peers[name],
    peers,
    ports: { clock: new SystemClock(), turns: systemTurns, wall: systemWall, random: systemRandom },
    storage,
    transport: network.transport(),
    options: completeNodeOptions({}),
    limits: {},
    history: { revisions: 1000, ms: 1000, bytes: 1 << 20 },
    featureLevel: 1,
    requestTimeoutMs: 5000,
    closeTimeoutMs: 1000,
    logger: silent,
  });
}

const eio = (): Error => Object.assign(new Error('EIO: injected'), { code: 'EIO' });

test('a promise that cannot be made durable stops the peer; nothing is thrown at the transport', async () => {
  const network = new MemoryNetwork();
  const storage = memoryStorage();
  const save = storage.saveIdentity.bind(storage);
  storage.saveIdentity = (identity) => {
    if (identity.uid !== undefined) throw eio();
    save(identity);
  };
  const a = newEngine('a', network, memoryStorage());
  const b = newEngine('b', network, storage);
  await Promise.all([a.start(), b.start()]);
  const { reason, error } = await b.stopped(null, {});
  expect({ reason, code: error?.code }).toEqual({ reason: 'failed', code: 'ERR_STORAGE' });
  await Promise.all([a.close(), b.close()]);
});

test('an identity that cannot be read is an error of the disk, with its cause', () => {
  const disk = new SimDisk({ random: new SeededRandom(1), schedule: () => undefined });
  const storage = new PortStorage({ dir: 'data', files: disk.files } as ConstructorParameters<typeof PortStorage>[0]);
  disk.files.mkdir('data');
  storage.saveIdentity({ format: 1, clusterId: 'x', name: 'a', incarnation: 'i' });
  expect(storage.inspect()?.name).toBe('a');
  disk.failNext('readFile', 'EIO');
  expect(() => storage.inspect()).toThrow(expect.objectContaining({ code: 'ERR_STORAGE' }));
});
