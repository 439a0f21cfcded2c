import { connectEngine, serveEngine } from '@coterie/mvcc';
import { kvSuite, type KvUnderTest } from '@coterie/mvcc/testing';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { afterAll, describe, it } from 'vitest';
import { engineSurface, type Engine } from '../../src/engine/engine.js';
import { openPeer, openPeerEngine } from '../../src/open-peer.js';
import { PeerHandle } from '../../src/peer-handle.js';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-surface-'));
let count = 0;
const solo = (dataDir: boolean) => ({
  name: 'a',
  cluster: { id: 'surface', solo: true } as const,
  ...(dataDir ? { dataDir: path.join(root, String(count++)) } : {}),
});

afterAll(() => {
  fs.rmSync(root, { recursive: true, force: true });
});

describe('a solo peer on disk, its engine called directly', () => {
  const make = async (): Promise<KvUnderTest> => {
    const kv = await openPeer(solo(true));
    return { kv, close: () => kv.close() };
  };
  kvSuite('direct', make, it);
});

describe('a solo peer in memory, its engine behind a MessageChannel', () => {
  const make = async (): Promise<KvUnderTest> => {
    const { engine } = await openPeerEngine(solo(false));
    const { port1, port2 } = new MessageChannel();
    const server = serveEngine<Engine>(engine, port1, { surface: engineSurface });
    const connection = connectEngine<Engine>(port2, { surface: engineSurface });
    const kv = new PeerHandle({
      name: 'a',
      engine: connection.engine,
      limits: {},
      closeTimeoutMs: 5000,
      initial: engine.status,
      onHandlerError: () => undefined,
      keepAlive: () => undefined,
    });
    return {
      kv,
      close: async () => {
        await kv.close();
        connection.close();
        server.close();
      },
    };
  };
  kvSuite('port', make, it);
});
