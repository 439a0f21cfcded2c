import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { MessageChannel, Worker } from 'node:worker_threads';
import { CoterieError } from '@coterie/errors';
import { afterEach, describe, expect, it } from 'vitest';
import type {
  CallControl,
  EngineStream,
  IterateRequest,
  KvEngine,
  RawBatch,
  WatchRequest,
} from '../../src/engine/engine.js';
import { connectEngine, type EngineConnection } from '../../src/engine/connect-engine.js';
import { ownBytes } from '../../src/engine/port-messages.js';
import { serveEngine, type EngineServer } from '../../src/engine/serve-engine.js';
import { kvSurface, type PortLimits, type Surface } from '../../src/engine/surface.js';
import type { WriteRequest, WriteResult } from '../../src/command/operation.js';
import { ModelEngine } from '../../src/testing/model-engine.js';

interface Joined<E extends KvEngine> {
  readonly engine: E;
  readonly connection: EngineConnection<E>;
  readonly server: EngineServer;
}
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function join<E extends KvEngine>(
  engine: E,
  options: { surface?: Surface<E>; limits?: Partial<PortLimits>; serverLimits?: Partial<PortLimits> } = {},
): Joined<E> {
  const { port1, port2 } = new MessageChannel();
  const server = serveEngine(engine, port1, { surface: options.surface, limits: options.serverLimits });
  const connection = connectEngine<E>(port2, { surface: options.surface, limits: options.limits });
  ends.push(() => connection.close());
  return { engine: connection.engine, connection, server };
}

const put = (key: string, value = 'x'): WriteRequest => ({
  kind: 'put',
  key,
  value: new TextEncoder().encode(value),
  prev: false,
});
const watchAll = {
  ranges: [{ start: '' }],
  prev: false,
  initial: false,
  progress: false,
  overflow: 'resume',
} as const;

/** Answers nothing until told to; keeps what it was asked. */
class HeldEngine extends ModelEngine {
  readonly writes: { request: WriteRequest; control: CallControl; settle: (result: WriteResult | Error) => void }[] =
    [];

  override write(request: WriteRequest, control: CallControl): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      const settle = (result: WriteResult | Error) => (result instanceof Error ? reject(result) : resolve(result));
      this.writes.push({ request, control, settle });
    });
  }
}
const done: WriteResult = { kind: 'put', ok: true, revision: 7 };

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}
async function failure(promise: Promise<unknown>): Promise<CoterieError> {
  const error: unknown = await promise.then(
    () => undefined,
    (each: unknown) => each,
  );
  if (!(error instanceof CoterieError)) throw new Error(`no CoterieError: ${String(error)}`);
  return error;
}

describe('calls through a port', () => {
  it('arrive in the order in which they were made', async () => {
    const held = new HeldEngine();
    const { engine } = join(held);
    const all = Array.from({ length: 100 }, (_, i) => engine.write(put(`k${i}`), {}));
    await until(() => held.writes.length === 100);
    expect(held.writes.map(({ request }) => request.kind === 'put' && request.key)).toEqual(
      Array.from({ length: 100 }, (_, i) => `k${i}`),
    );
    for (const { settle } of held.writes.toReversed()) settle(done);
    expect(await Promise.all(all)).toEqual(Array.from({ length: 100 }, () => done));
  });

  it('carry their time limit', async () => {
    const held = new HeldEngine();
    const { engine } = join(held);
    void engine.write(put('a'), { timeoutMs: 1_234 }).catch(() => undefined);
    void engine.write(put('a'), {}).catch(() => undefined);
    await until(() => held.writes.length === 2);
    expect(held.writes.map(({ control }) => control.timeoutMs)).toEqual([1_234, undefined]);
  });

  it('are cancelled by their signal, and the engine has the last word on the outcome', async () => {
    const held = new HeldEngine();
    const { engine } = join(held);
    const controller = new AbortController();
    const write = failure(engine.write(put('a'), { signal: controller.signal }));
    await until(() => held.writes.length === 1);
    const reason = new Error('why');
    controller.abort(reason);
    const { control, settle } = held.writes[0]!;
    await until(() => control.signal?.aborted === true);
    settle(new CoterieError('ERR_ABORTED', { message: 'given up', outcome: 'unknown' }));
    const error = await write;
    expect(error).toMatchObject({ code: 'ERR_ABORTED', name: 'AbortError', outcome: 'unknown', retryable: false });
    expect(error.cause).toBe(reason);
  });

  it('that were answered before the cancel came keep their answer, and leave no listener', async () => {
    const held = new HeldEngine();
    const { engine } = join(held);
    let listeners = 0;
    const signal = {
      aborted: false,
      addEventListener: () => listeners++,
      removeEventListener: () => listeners--,
    } as unknown as AbortSignal;
    const write = engine.write(put('a'), { signal });
    expect(listeners).toBe(1);
    await until(() => held.writes.length === 1);
    held.writes[0]!.settle(done);
    expect(await write).toEqual(done);
    expect(listeners).toBe(0);
  });

  it('are not sent with a signal that has fired', async () => {
    const held = new HeldEngine();
    const { engine } = join(held);
    const error = await failure(engine.write(put('a'), { signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ code: 'ERR_ABORTED', outcome: 'not-applied' });
    await turn();
    expect(held.writes).toEqual([]);
  });

  it('bring errors over with all that they say', async () => {
    const held = new HeldEngine();
    const { engine } = join(held);
    const write = failure(engine.write(put('a'), {}));
    await until(() => held.writes.length === 1);
    held.writes[0]!.settle(
      new CoterieError('ERR_DECODING', { message: 'm', key: Buffer.from('key'), revision: 3, outcome: 'applied' }),
    );
    const error = await write;
    expect(error).toMatchObject({ code: 'ERR_DECODING', message: 'm', revision: 3, outcome: 'applied' });
    expect([...(error as CoterieError<'ERR_DECODING'>).key]).toEqual([...Buffer.from('key')]);
  });

  it('that hit a fault without an outcome have an unknown one', async () => {
    const held = new HeldEngine();
    const { engine } = join(held);
    const [broken, uncloneable] = [failure(engine.write(put('a'), {})), failure(engine.write(put('b'), {}))];
    await until(() => held.writes.length === 2);
    held.writes[0]!.settle(new TypeError('a fault'));
    held.writes[1]!.settle({ ...done, odd: () => undefined } as WriteResult);
    for (const error of [await broken, await uncloneable]) {
      expect(error).toMatchObject({ code: 'ERR_STORAGE', outcome: 'unknown', retryable: false });
    }
  });

  it('that cannot be cloned are refused, and the port goes on', async () => {
    const { engine } = join(new ModelEngine());
    const request = { ...put('a'), odd: Symbol('s') } as unknown as WriteRequest;
    expect(await failure(engine.write(request, {}))).toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      argument: 'request',
      outcome: 'not-applied',
    });
    expect(await engine.write(put('a'), {})).toMatchObject({ ok: true });
  });

  it('are bounded on both sides', async () => {
    const held = new HeldEngine();
    const near = join(held, { limits: { portCalls: 2 } });
    void near.engine.write(put('a'), {}).catch(() => undefined);
    void near.engine.write(put('b'), {}).catch(() => undefined);
    const overloaded = { code: 'ERR_OVERLOADED', outcome: 'not-applied', retryable: true };
    expect(await failure(near.engine.write(put('c'), {}))).toMatchObject(overloaded);
    const far = join(new HeldEngine(), { serverLimits: { portCalls: 1, portStreams: 0 } });
    void far.engine.write(put('a'), {}).catch(() => undefined);
    expect(await failure(far.engine.write(put('b'), {}))).toMatchObject(overloaded);
    expect(await failure(far.engine.watch(watchAll).next())).toMatchObject({ code: 'ERR_OVERLOADED' });
  });

  it('to what is not served are refused', async () => {
    const more = { ...kvSurface, toString: 'read' } as unknown as typeof kvSurface;
    const { port1, port2 } = new MessageChannel();
    serveEngine(new ModelEngine(), port1);
    const connection = connectEngine(port2, { surface: more });
    ends.push(() => connection.close());
    const { toString } = connection.engine as unknown as { toString(request: unknown): Promise<unknown> };
    expect(await failure(toString({}))).toMatchObject({ code: 'ERR_PROTOCOL' });
  });
});

describe('a port that closes', () => {
  for (const side of ['application', 'engine'] as const) {
    it(`rejects what is open, closed from the side of the ${side}`, async () => {
      const held = new HeldEngine();
      const { engine, connection, server } = join(held);
      const write = failure(engine.write(put('a'), {}));
      const read = failure(engine.get({ consistency: 'linearizable', key: 'a', minRevision: 1_000 }, {}));
      const stream = engine.watch(watchAll);
      await stream.next();
      const pull = failure(stream.next());
      await until(() => held.writes.length === 1);
      if (side === 'application') connection.close();
      else server.close();
      expect(await write).toMatchObject({ code: 'ERR_CLOSED', outcome: 'unknown', retryable: false });
      const lostRead = await read;
      expect(lostRead.code).toBe('ERR_CLOSED');
      expect(lostRead.outcome).toBeUndefined();
      expect(await pull).toMatchObject({ code: 'ERR_CLOSED' });
      await connection.closed;
      expect(await failure(engine.write(put('b'), {}))).toMatchObject({ code: 'ERR_CLOSED', outcome: 'not-applied' });
      expect(() => engine.watch(watchAll)).toThrow(CoterieError);
      await until(() => server.open.streams === 0);
    });
  }

  it('gives up cancellable calls on the engine’s side', async () => {
    const held = new HeldEngine();
    const { engine, connection } = join(held);
    const write = failure(engine.write(put('a'), { signal: new AbortController().signal }));
    await until(() => held.writes.length === 1);
    connection.close();
    await write;
    await until(() => held.writes[0]!.control.signal?.aborted === true);
  });

  it('closes the engine’s streams', async () => {
    let closed = 0;
    class Engine extends ModelEngine {
      override watch(...args: Parameters<ModelEngine['watch']>): EngineStream<RawBatch> {
        const stream = super.watch(...args);
        return {
          next: () => stream.next(),
          close() {
            closed++;
            stream.close();
          },
        };
      }
    }
    const { engine, connection } = join(new Engine());
    await engine.watch(watchAll).next();
    connection.close();
    await until(() => closed > 0);
  });
});

describe('streams through a port', () => {
  it('bring nothing that was not asked for', async () => {
    let pulls = 0;
    class Engine extends ModelEngine {
      override iterate(_request: IterateRequest) {
        return {
          next: async () => (++pulls > 3 ? undefined : []),
          close: () => undefined,
        };
      }
    }
    const { engine, server } = join(new Engine());
    const stream = engine.iterate({ range: { start: '' }, reverse: false });
    await turn();
    expect(pulls).toBe(0);
    await stream.next();
    await turn();
    expect(pulls).toBe(1);
    while ((await stream.next()) !== undefined);
    expect(pulls).toBe(4);
    expect(await stream.next()).toBeUndefined();
    expect(server.open.streams).toBe(0);
  });

  it('end a pull that waits when they are closed, on both sides', async () => {
    const { engine, server } = join(new ModelEngine());
    const stream = engine.watch(watchAll);
    await stream.next();
    const pull = stream.next();
    stream.close();
    stream.close();
    expect(await pull).toBeUndefined();
    await until(() => server.open.streams === 0);
  });

  it('tell an error once, at the pull', async () => {
    const { engine, server } = join(new ModelEngine());
    const stream = engine.iterate({ range: { start: '' }, reverse: false, revision: 99 });
    expect(await failure(stream.next())).toMatchObject({ code: 'ERR_FUTURE_REVISION', revision: 1 });
    expect(await stream.next()).toBeUndefined();
    expect(server.open.streams).toBe(0);
  });

  it('tell an error of the opening at the first pull', async () => {
    class Engine extends ModelEngine {
      override watch(_request: WatchRequest): EngineStream<RawBatch> {
        throw new CoterieError('ERR_OVERLOADED', { message: 'too many watches' });
      }
    }
    const { engine } = join(new Engine());
    const stream = engine.watch(watchAll);
    await turn();
    await turn();
    expect(await failure(stream.next())).toMatchObject({ code: 'ERR_OVERLOADED' });
  });

  it('are bounded', async () => {
    const { engine } = join(new ModelEngine(), { limits: { portStreams: 1 } });
    const stream = engine.watch(watchAll);
    expect(() => engine.watch(watchAll)).toThrow(CoterieError);
    stream.close();
    engine.watch(watchAll).close();
  });
});

describe('an engine with more calls', () => {
  interface Peer extends KvEngine {
    status(request: undefined, control: CallControl): Promise<{ readonly term: number }>;
    statusChanges(request: undefined): EngineStream<number>;
  }
  const surface: Surface<Peer> = { ...kvSurface, status: 'read', statusChanges: 'stream' };

  it('needs one line for each', async () => {
    const engine = Object.assign(new ModelEngine(), {
      status: async () => ({ term: 3 }),
      statusChanges: () => ({ next: async () => [1, 2], close: () => undefined }),
    });
    const peer = join<Peer>(engine, { surface }).engine;
    expect(await peer.status(undefined, {})).toEqual({ term: 3 });
    expect(await peer.statusChanges(undefined).next()).toEqual([1, 2]);
    expect(await peer.write(put('a'), {})).toMatchObject({ ok: true });
  });

  it('is asked for all of them by the compiler', () => {
    // @ts-expect-error statusChanges is missing
    const missing: Surface<Peer> = { ...kvSurface, status: 'read' };
    // @ts-expect-error a call is not a stream
    const wrong: Surface<KvEngine> = { ...kvSurface, get: 'stream' };
    expect([missing, wrong]).toHaveLength(2);
  });
});

describe('bytes through a port', () => {
  it('cross without the buffer that they are a view of', async () => {
    const pool = new ArrayBuffer(1 << 20);
    const view = new Uint8Array(pool, 100, 3).fill(7);
    const request = { kind: 'put', key: 'a', value: view, prev: false } as const;
    const own = ownBytes({ request, list: [view, 'x'], same: 1 }) as { request: typeof request; list: Uint8Array[] };
    expect(own.request.value.buffer.byteLength).toBe(3);
    expect(own.list[0]!.buffer.byteLength).toBe(3);
    expect(request.value).toBe(view);
    const whole = { value: Uint8Array.of(1) };
    expect(ownBytes(whole)).toBe(whole);

    const held = new HeldEngine();
    const { engine } = join(held);
    void engine.write(request, {}).catch(() => undefined);
    await until(() => held.writes.length === 1);
    const received = held.writes[0]!.request as typeof request;
    expect([received.value.buffer.byteLength, ...received.value]).toEqual([3, 7, 7, 7]);
  });
});

describe('a port to another thread', () => {
  it('closes when the thread dies, and what was open is unknown', async () => {
    const { port1, port2 } = new MessageChannel();
    const source = `
      const { parentPort } = require('node:worker_threads');
      parentPort.once('message', ({ port }) => { port.on('message', () => parentPort.postMessage('got')); });
    `;
    const worker = new Worker(source, { eval: true });
    worker.postMessage({ port: port1 }, [port1]);
    const connection = connectEngine(port2);
    const write = failure(connection.engine.write(put('a'), {}));
    await once(worker, 'message');
    await worker.terminate();
    expect(await write).toMatchObject({ code: 'ERR_CLOSED', outcome: 'unknown' });
    await connection.closed;
  });
});
