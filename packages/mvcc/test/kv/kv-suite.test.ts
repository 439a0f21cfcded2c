import { MessageChannel } from 'node:worker_threads';
import { describe, it } from 'vitest';
import { connectEngine } from '../../src/engine/connect-engine.js';
import type { KvEngine } from '../../src/engine/engine.js';
import { serveEngine } from '../../src/engine/serve-engine.js';
import { createKv } from '../../src/kv/create-kv.js';
import { KvLifecycle } from '../../src/kv/lifecycle.js';
import { kvSuite, type KvUnderTest } from '../../src/testing/kv-suite.js';
import { ModelEngine } from '../../src/testing/model-engine.js';

/** Closes in the order of an owner: handlers, then views, then what is below. */
function owned(engine: KvEngine, closeBelow: () => void): KvUnderTest {
  const lifecycle = new KvLifecycle();
  return {
    kv: createKv(engine, { lifecycle }),
    async close() {
      await lifecycle.runHandlers(() => undefined);
      lifecycle.close();
      closeBelow();
    },
  };
}

describe('an engine called directly', () => {
  const make = async () => {
    const engine = new ModelEngine();
    return owned(engine, () => engine.close());
  };
  kvSuite('model', make, it);
});

describe('an engine behind a MessageChannel', () => {
  const make = async () => {
    const engine = new ModelEngine();
    const { port1, port2 } = new MessageChannel();
    const server = serveEngine(engine, port1);
    const connection = connectEngine(port2);
    return owned(connection.engine, () => {
      connection.close();
      server.close();
      engine.close();
    });
  };
  kvSuite('port', make, it);
});
