import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { afterAll, describe, it } from 'vitest';
import { connectEngine } from '../../src/engine/connect-engine.js';
import { serveEngine } from '../../src/engine/serve-engine.js';
import { localSurface, type LocalEngine } from '../../src/local/engine.js';
import { LocalStore } from '../../src/local/local-store.js';
import { openStore, openStoreEngine } from '../../src/local/open-store.js';
import { kvSuite, type KvUnderTest } from '../../src/testing/kv-suite.js';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-store-suite-'));
let count = 0;

afterAll(() => {
  fs.rmSync(root, { recursive: true, force: true });
});

describe('a store of one process on disk', () => {
  const make = async (): Promise<KvUnderTest> => {
    const kv = await openStore({ dir: path.join(root, String(count++)) });
    return { kv, close: () => kv.close() };
  };
  kvSuite('direct', make, it);
});

describe('a store of one process in memory, its engine behind a MessageChannel', () => {
  const make = async (): Promise<KvUnderTest> => {
    const { engine, limits, logger } = await openStoreEngine({ durability: 'os' });
    const { port1, port2 } = new MessageChannel();
    const server = serveEngine<LocalEngine>(engine, port1, { surface: localSurface });
    const connection = connectEngine<LocalEngine>(port2, { surface: localSurface });
    const keepAlive = (): void => undefined;
    const kv = new LocalStore({ engine: connection.engine, limits, logger, closeTimeoutMs: 5000, keepAlive });
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
