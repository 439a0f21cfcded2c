import { setImmediate as turn } from 'node:timers/promises';
import { CoterieError } from '@coterie/errors';
import { describe, expect, it } from 'vitest';
import type { WriteRequest, WriteResult } from '../../src/command/operation.js';
import type { CallControl, EngineStream, RawBatch } from '../../src/engine/engine.js';
import { createKv, KvRoot } from '../../src/kv/create-kv.js';
import { KvLifecycle } from '../../src/kv/lifecycle.js';
import { op } from '../../src/kv/operations.js';
import { Pacer } from '../../src/kv/pacing.js';
import { ModelEngine } from '../../src/testing/model-engine.js';

type Failure = CoterieError & { readonly limit?: number };

async function failure(promise: PromiseLike<unknown>): Promise<Failure> {
  return promise.then(
    () => expect.fail('should reject'),
    (error: unknown) => error as Failure,
  );
}

/** Virtual time: pauses are over at once and move the clock. */
function virtualTime() {
  const sleeps: number[] = [];
  let now = 0;
  return {
    sleeps,
    advance: (ms: number) => void (now += ms),
    clock: {
      now: () => now,
      setInterval(fn: () => void, ms: number) {
        sleeps.push(ms);
        now += ms;
        setImmediate(fn);
        return undefined;
      },
      clearInterval: () => undefined,
    },
  };
}

describe('what is refused', () => {
  it('never reaches the engine', async () => {
    const asked: string[] = [];
    const engine = new Proxy(new ModelEngine(), {
      get: (target, name) => {
        asked.push(String(name));
        return Reflect.get(target, name, target) as unknown;
      },
    });
    const kv = createKv(engine);
    asked.length = 0;
    const signal = AbortSignal.abort();
    const calls = [
      kv.put('', 'x'),
      kv.put('a', 'x', { signal }),
      kv.put('a', 'x', { timeoutMs: 0 }),
      kv.get('a', { signal }),
      kv.range({ all: true }, { signal }),
      kv.delete('a', { signal }),
      kv.add('a', 1, { signal }),
      kv.txn({}, { signal }),
      kv.update('a', () => 'x', { signal }),
      kv.compact(1, { signal }),
      kv.iterate({ all: true }, { signal }).next(),
      kv.watch('a', { signal }).ready,
    ];
    for (const call of calls) await failure(call);
    expect(asked).toEqual([]);
  });
});

describe('update', () => {
  it('is not tried again after an unknown outcome', async () => {
    let writes = 0;
    class Engine extends ModelEngine {
      override async write(): Promise<WriteResult> {
        writes++;
        throw new CoterieError('ERR_TIMEOUT', { message: 'no answer', outcome: 'unknown' });
      }
    }
    const error = await failure(createKv(new Engine()).update('a', () => 'x'));
    expect([error.code, error.outcome, error.retryable, writes]).toEqual(['ERR_TIMEOUT', 'unknown', false, 1]);
  });

  it('pauses longer after each miss, up to a limit, a part of it by chance', async () => {
    class Engine extends ModelEngine {
      override async write(request: WriteRequest): Promise<WriteResult> {
        return { kind: 'put', ok: false, revision: request.kind === 'put' ? 9 : 0 };
      }
    }
    const { sleeps, clock } = virtualTime();
    const kv = createKv(new Engine(), { clock, random: () => 0.5 });
    const error = await failure(kv.update('a', () => 'x', { maxAttempts: 12 }));
    expect([error.code, error.outcome]).toEqual(['ERR_CONFLICT', 'not-applied']);
    // Eleven misses to go on from: the first at once.
    expect(sleeps).toEqual([1, 2, 4, 8, 16, 32, 64, 100, 100, 100]);
  });

  it('gives all its attempts one time limit', async () => {
    const { advance, clock } = virtualTime();
    const limits: (number | undefined)[] = [];
    class Engine extends ModelEngine {
      override async get(...args: Parameters<ModelEngine['get']>) {
        limits.push(args[1].timeoutMs);
        return super.get(...args);
      }
      override async write(_request: WriteRequest, control: CallControl): Promise<WriteResult> {
        limits.push(control.timeoutMs);
        advance(40);
        return { kind: 'put', ok: false, revision: 9 };
      }
    }
    const kv = createKv(new Engine(), { clock, random: () => 0 });
    const error = await failure(kv.update('a', () => 'x', { timeoutMs: 100 }));
    expect([error.code, error.outcome]).toEqual(['ERR_TIMEOUT', 'not-applied']);
    expect(limits).toEqual([100, 100, 60, 20, 20]);
  });

  it('stops between attempts when its signal fires', async () => {
    const controller = new AbortController();
    let writes = 0;
    class Engine extends ModelEngine {
      override async write(): Promise<WriteResult> {
        if (++writes === 2) controller.abort();
        return { kind: 'put', ok: false, revision: 9 };
      }
    }
    const kv = createKv(new Engine());
    const error = await failure(kv.update('a', () => 'x', { signal: controller.signal }));
    expect([error.name, error.outcome, writes]).toEqual(['AbortError', 'not-applied', 2]);
  });

  it('leaves errors of fn as they are', async () => {
    const own = new CoterieError('ERR_CONFLICT', { message: 'the caller’s own' });
    const error = await failure(
      createKv(new ModelEngine()).update('a', () => {
        throw own;
      }),
    );
    expect(error).toBe(own);
    expect(error.outcome).toBeUndefined();
  });
});

describe('a watch over an engine that fails', () => {
  class Broken extends ModelEngine {
    constructor(readonly stream: () => EngineStream<RawBatch>) {
      super();
    }
    override watch() {
      return this.stream();
    }
  }
  const opened: RawBatch = { kind: 'opened', revision: 4, events: [] };
  const fault = new CoterieError('ERR_STORAGE', { message: 'the disk' });

  it('breaks when it cannot be opened', async () => {
    const watch = createKv(
      new Broken(() => {
        throw fault;
      }),
    ).watch('a');
    expect(await failure(watch.ready)).toBe(fault);
    expect(await failure(watch.next())).toBe(fault);
    expect((await watch.next()).done).toBe(true);
  });

  it('breaks once, and closes what is below', async () => {
    let closed = 0;
    const pages: (readonly RawBatch[])[] = [[opened], [{ kind: 'progress', revision: 5, events: [] }]];
    const watch = createKv(
      new Broken(() => ({
        async next() {
          const page = pages.shift();
          if (page === undefined) throw fault;
          return page;
        },
        close: () => {
          closed++;
        },
      })),
    ).watch('a');
    expect(await watch.ready).toEqual({ revision: 4 });
    expect((await watch.next()).value).toEqual({ kind: 'progress', revision: 5, events: [] });
    expect(watch.revision).toBe(5);
    expect(await failure(watch.next())).toBe(fault);
    expect((await watch.next()).done).toBe(true);
    expect(closed).toBe(1);
  });

  it('ends normally when the stream does', async () => {
    const pages: (readonly RawBatch[] | undefined)[] = [[opened], undefined];
    const watch = createKv(new Broken(() => ({ next: async () => pages.shift(), close: () => undefined }))).watch('a');
    expect((await watch.next()).done).toBe(true);
  });

  it('does not take the fault of being closed for its own', async () => {
    const lifecycle = new KvLifecycle();
    let reject: ((error: unknown) => void) | undefined;
    const stream: EngineStream<RawBatch> = {
      next: () => new Promise((_resolve, fail) => (reject = fail)),
      close: () => reject?.(fault),
    };
    const watch = createKv(new Broken(() => stream), { lifecycle }).watch('a');
    const pending = watch.next();
    await turn();
    lifecycle.close();
    expect((await pending).done).toBe(true);
  });

  it('hands out nothing after close, also what is at hand', async () => {
    const kv = createKv(new ModelEngine());
    await kv.put('a', '1');
    const watch = kv.watch('a', { initial: true });
    await watch.ready;
    await watch.close();
    expect((await watch.next()).done).toBe(true);
  });

  it('leaves no listener on its signal and nothing with the store', async () => {
    let listeners = 0;
    const signal = {
      aborted: false,
      addEventListener: () => listeners++,
      removeEventListener: () => listeners--,
    } as unknown as AbortSignal;
    const kv = createKv(new ModelEngine());
    await kv.put('a', '1');
    const watch = kv.watch('a', { signal });
    await watch.ready;
    expect(listeners).toBe(1);
    await watch.close();
    for await (const { key } of kv.iterate({ all: true }, { signal })) {
      expect(key).toBe('a');
      break;
    }
    expect(listeners).toBe(0);
  });
});

describe('the life of a store', () => {
  it('patience ends with the signal of the owner', async () => {
    const lifecycle = new KvLifecycle();
    const kv = createKv(new ModelEngine(), { lifecycle });
    const ran: string[] = [];
    kv.onClose(() => void ran.push('never begun'));
    kv.onClose(() => new Promise(() => ran.push('hangs')));
    const controller = new AbortController();
    const handlers = lifecycle.runHandlers(() => undefined, controller.signal);
    await turn();
    controller.abort();
    await handlers;
    expect(ran).toEqual(['hangs']);
  });

  it('tells the owner what handlers throw', async () => {
    const lifecycle = new KvLifecycle();
    const kv = createKv(new ModelEngine(), { lifecycle });
    const errors: unknown[] = [];
    kv.onClose(() => {
      throw new Error('first');
    });
    kv.onClose(() => Promise.reject(new Error('second')));
    await lifecycle.runHandlers((error) => errors.push((error as Error).message));
    expect(errors).toEqual(['second', 'first']);
  });

  it('runs a handler that comes while handlers run', async () => {
    const lifecycle = new KvLifecycle();
    const kv = createKv(new ModelEngine(), { lifecycle });
    const ran: number[] = [];
    kv.onClose(() => ran.push(1));
    kv.onClose(() => {
      ran.push(2);
      kv.onClose(() => ran.push(3));
    });
    await lifecycle.runHandlers(() => undefined);
    expect(ran).toEqual([2, 3, 1]);
  });

  it('can be had by what extends a Kv', async () => {
    class Peer extends KvRoot {
      readonly name = 'a';
      readonly #lifecycle: KvLifecycle;
      constructor(engine: ModelEngine, lifecycle: KvLifecycle) {
        super(engine, { lifecycle });
        this.#lifecycle = lifecycle;
      }
      close() {
        this.#lifecycle.close();
      }
    }
    const peer = new Peer(new ModelEngine(), new KvLifecycle());
    await peer.namespace('p/').put('a', '1');
    expect([peer.name, (await peer.get('p/a'))?.value]).toEqual(['a', '1']);
    peer.close();
    expect((await failure(peer.get('p/a'))).code).toBe('ERR_CLOSED');
  });
});

describe('limits', () => {
  it('are checked when a Kv is made', () => {
    const engine = new ModelEngine();
    for (const limits of [{ keyBytes: 0 }, { updateAttempts: 1.5 }, { keyBytes: 1 << 30 }]) {
      expect(() => createKv(engine, { limits })).toThrow(CoterieError);
    }
  });

  it('can be lowered', async () => {
    const kv = createKv(new ModelEngine(), { limits: { keyBytes: 3, valueBytes: 2, txnOps: 2, watchRanges: 1 } });
    await kv.put('abc', '12');
    expect((await failure(kv.put('abcd', ''))).limit).toBe(3);
    expect((await failure(kv.namespace('ab').put('cd', ''))).limit).toBe(3);
    expect((await failure(kv.put('a', '123'))).limit).toBe(2);
    expect((await failure(kv.put('a', 'éé'))).limit).toBe(2);
    expect((await failure(kv.txn({ success: [op.get('a'), op.get('b'), op.get('c')] }))).code).toBe('ERR_TOO_MANY_OPS');
    expect((await failure(kv.watch({ anyOf: ['a', 'b'] }).ready)).limit).toBe(1);
  });
});

describe('very many watches', () => {
  it('of one signal have one listener, and end with it, some turns later', async () => {
    const kv = createKv(new ModelEngine());
    const controller = new AbortController();
    let added = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      added++;
      add(...args);
    };
    const watches = Array.from({ length: 1_000 }, () => kv.watch('k', { signal }));
    await Promise.all(watches.map(({ ready }) => ready));
    const waiting = watches.map((watch) => watch.next());
    expect(added).toBe(1);
    await kv.put('k', '1');
    controller.abort();
    const ends = await Promise.all(watches.map((watch, i) => waiting[i]!.then(() => watch.next())));
    expect(ends.every(({ done }) => done)).toBe(true);
  });
});

describe('giving way', () => {
  it('is asked for only after a stretch; those who wait go on in order, a stretch at a time', async () => {
    let now = 0;
    const deferred: (() => void)[] = [];
    const pacer = new Pacer(
      { now: () => now, setInterval: () => undefined, clearInterval: () => undefined },
      { defer: (fn) => void deferred.push(fn) },
    );
    expect(pacer.pause()).toBeUndefined();
    now = 4;
    const woken: number[] = [];
    for (let i = 0; i < 200; i++) {
      const pause = pacer.pause();
      expect(pause).toBeDefined();
      // Each holds the loop for a tenth of a millisecond.
      void pause!.then(() => {
        now += 0.1;
        woken.push(i);
      });
    }
    for (let turns = 1; woken.length < 200; turns++) {
      const before = woken.length;
      expect(deferred).toHaveLength(turns);
      deferred[turns - 1]!();
      for (let i = 0; i < 20; i++) await Promise.resolve();
      expect(woken.length - before).toBeGreaterThan(0);
      expect(woken.length - before).toBeLessThanOrEqual(64);
    }
    expect(woken).toEqual(Array.from({ length: 200 }, (_, i) => i));
    now += 10;
    expect(pacer.pause()).toBeDefined();
  });

  it('happens within a large result', async () => {
    let now = 0;
    let turns = 0;
    const engine = new ModelEngine();
    const kv = createKv(engine, {
      clock: { now: () => (now += 1), setInterval: () => undefined, clearInterval: () => undefined },
      scheduler: { defer: (fn) => (turns++, void setImmediate(fn)) },
    });
    for (let i = 0; i < 640; i++) await kv.put(`k${i}`, '');
    turns = 0;
    expect((await kv.range({ all: true })).entries).toHaveLength(640);
    expect(turns).toBeGreaterThanOrEqual(4);
  });
});
