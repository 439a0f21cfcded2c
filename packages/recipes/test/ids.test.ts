import { setImmediate as turn } from 'node:timers/promises';
import { CoterieError } from '@coterie/errors';
import { createKv, KvLifecycle, type CallControl, type Kv, type WriteRequest, type WriteResult } from '@coterie/mvcc';
import { ModelEngine } from '@coterie/mvcc/testing';
import { createIds, type IdBlock } from '@coterie/recipes';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

async function failure(promise: PromiseLike<unknown>): Promise<CoterieError> {
  return promise.then(
    () => expect.fail('should reject'),
    (error: unknown) => error as CoterieError,
  );
}
function thrown(fn: () => unknown): CoterieError {
  try {
    fn();
  } catch (error) {
    return error as CoterieError;
  }
  return expect.fail('should throw');
}

/** Counts its writes, holds them back, or loses their answers. */
class Engine extends ModelEngine {
  writes = 0;
  gate: Promise<void> | undefined;
  /** What becomes of the next writes: applied and answered, applied with the answer lost, or lost before. */
  readonly fates: ('answered' | 'answer-lost' | 'lost')[] = [];

  override async write(request: WriteRequest, control: CallControl): Promise<WriteResult> {
    this.writes++;
    await this.gate;
    const fate = this.fates.shift() ?? 'answered';
    if (fate === 'lost') throw unknown();
    const result = await super.write(request, control);
    if (fate === 'answer-lost') throw unknown();
    return result;
  }
}
function unknown(): CoterieError {
  return new CoterieError('ERR_TIMEOUT', { message: 'no answer', outcome: 'unknown' });
}

function setUp(): { engine: Engine; kv: Kv; lifecycle: KvLifecycle } {
  const engine = new Engine();
  const lifecycle = new KvLifecycle();
  return { engine, lifecycle, kv: createKv(engine, { lifecycle }) };
}
async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
}

describe('a block of ids', () => {
  it('costs nothing until an id is asked for', async () => {
    const { engine, kv } = setUp();
    const ids = createIds(kv).block('order');
    await settled();
    expect([engine.writes, ids.remaining, ids.name]).toEqual([0, 0, 'order']);
  });

  it('gives ids at once when it is ready, from 1 on', async () => {
    const { engine, kv } = setUp();
    const ids = createIds(kv).block('order', { size: 10 });
    await ids.ready();
    expect(Array.from({ length: 7 }, () => ids.next())).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect([ids.remaining, engine.writes]).toEqual([3, 1]);
  });

  it('says when none is at hand, and fetches', async () => {
    const { kv } = setUp();
    const ids = createIds(kv).block('order');
    expect(thrown(() => ids.next())).toMatchObject({ code: 'ERR_OVERLOADED', retryable: true });
    await settled();
    expect(ids.next()).toBe(1);
  });

  it('fetches the next block when a fifth is left, once', async () => {
    const { engine, kv } = setUp();
    const ids = createIds(kv).block('order', { size: 10 });
    await ids.ready();
    for (let i = 0; i < 7; i++) ids.next();
    await settled();
    expect(engine.writes).toBe(1);
    let open: (() => void) | undefined;
    engine.gate = new Promise((resolve) => (open = resolve));
    ids.next();
    ids.next();
    expect([engine.writes, ids.remaining]).toEqual([2, 1]);
    open?.();
    await settled();
    expect(ids.remaining).toBe(11);
    expect(Array.from({ length: 11 }, () => ids.next())).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
  });

  it('is shared by nobody: names, namespaces and peers are apart', async () => {
    const { engine, kv } = setUp();
    const other = createKv(engine);
    const take = (each: Kv, name: string) => createIds(each).block(name, { size: 5 }).take();
    expect(await take(kv, 'a')).toBe(1);
    expect(await take(other, 'a')).toBe(6);
    expect(await take(kv, 'a/b')).toBe(1);
    expect(await take(kv, 'a%2Fb')).toBe(1);
    expect(await take(kv.namespace('x/'), 'a')).toBe(1);
    expect(await take(kv, '名前 😀')).toBe(1);
    const json = kv.withEncoding<number>({ value: 'json' });
    expect(await createIds(json).block('a', { size: 5 }).take()).toBe(11);
  });

  it('serves many who wait, each id once', async () => {
    const { kv } = setUp();
    const ids = createIds(kv).block('order', { size: 7 });
    const taken = await Promise.all(Array.from({ length: 100 }, () => ids.take()));
    expect(new Set(taken).size).toBe(100);
  });

  it('ends at max, exactly', async () => {
    const { kv } = setUp();
    const a = createIds(kv).block('order', { size: 10, max: 25 });
    const b = createIds(kv).block('order', { size: 10, max: 25 });
    const taken: number[] = [];
    for (let i = 0; i < 25; i++) taken.push(await (i < 3 ? b : a).take().catch(() => b.take()));
    expect(taken.toSorted((x, y) => x - y)).toEqual(Array.from({ length: 25 }, (_, i) => i + 1));
    for (const ids of [a, b]) {
      expect(await failure(ids.take())).toMatchObject({ code: 'ERR_CONFLICT', retryable: false });
      expect(await failure(ids.ready())).toMatchObject({ code: 'ERR_CONFLICT', retryable: false });
      expect(thrown(() => ids.next())).toMatchObject({ code: 'ERR_CONFLICT', retryable: false });
    }
    expect((await kv.range({ prefix: '~recipes/ids/' })).entries[0]?.value).toBe('25');
  });

  it('refuses what cannot be', () => {
    const { block } = createIds(setUp().kv);
    const table: [() => unknown, string][] = [
      [() => block(''), 'name'],
      [() => block(7 as never), 'name'],
      [() => block('\ud800'), 'name'],
      [() => block('a', { size: 0 }), 'size'],
      [() => block('a', { size: 1.5 }), 'size'],
      [() => block('a', { size: 1e9 }), 'size'],
      [() => block('a', { max: 0 }), 'max'],
      [() => block('a', { max: 2 ** 53 }), 'max'],
    ];
    for (const [call, argument] of table) {
      expect(thrown(call)).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument });
    }
  });
});

describe('a block of ids when things go wrong', () => {
  it('tells who waits, and goes on with the next call', async () => {
    const { engine, kv } = setUp();
    const ids = createIds(kv).block('order', { size: 10 });
    engine.fates.push('lost');
    expect(await failure(ids.ready())).toMatchObject({ code: 'ERR_TIMEOUT', outcome: 'unknown' });
    await ids.ready();
    expect(ids.next()).toBe(1);
  });

  it('passes over a block whose taking is unknown', async () => {
    const { engine, kv } = setUp();
    const ids = createIds(kv).block('order', { size: 10 });
    engine.fates.push('answer-lost');
    expect((await failure(ids.take())).outcome).toBe('unknown');
    expect(await ids.take()).toBe(11);
  });

  it('keeps what is at hand when fetching ahead fails, and rejects nothing that nobody was given', async () => {
    const { engine, kv } = setUp();
    const ids = createIds(kv).block('order', { size: 10 });
    await ids.ready();
    engine.fates.push('lost', 'lost', 'answer-lost');
    const taken: number[] = [];
    for (let i = 0; i < 13; i++) {
      taken.push(await ids.take().catch(() => ids.take()));
      await settled();
    }
    expect(new Set(taken).size).toBe(13);
    expect(taken.slice(0, 10)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(taken[10]).toBe(21);
  });

  it('never gives an id twice, whatever happens to any write', async () => {
    const fate = fc.constantFrom('answered', 'answer-lost', 'lost');
    const step = fc.record({ who: fc.nat(2), count: fc.integer({ min: 1, max: 9 }), renew: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(fate), fc.array(step, { maxLength: 20 }), async (fates, steps) => {
        const { engine, kv } = setUp();
        engine.fates.push(...fates);
        const make = (): IdBlock => createIds(kv).block('order', { size: 4 });
        const blocks = [make(), make(), make()];
        const given: number[] = [];
        for (const { who, count, renew } of steps) {
          if (renew) {
            await blocks[who]!.close();
            blocks[who] = make();
          }
          const taken = await Promise.allSettled(Array.from({ length: count }, () => blocks[who]!.take()));
          for (const each of taken) if (each.status === 'fulfilled') given.push(each.value);
        }
        expect(new Set(given).size).toBe(given.length);
        expect(given.every((id) => Number.isSafeInteger(id) && id > 0)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it('waits as long as it is told', async () => {
    const { engine, kv } = setUp();
    engine.gate = new Promise(() => undefined);
    const ids = createIds(kv).block('order');
    expect(await failure(ids.ready({ timeoutMs: 5 }))).toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(await failure(ids.take({ timeoutMs: 5 }))).toMatchObject({ code: 'ERR_TIMEOUT' });
    const controller = new AbortController();
    const reason = new Error('why');
    const waiting = failure(ids.take({ signal: controller.signal, timeoutMs: 30_000 }));
    controller.abort(reason);
    const error = await waiting;
    expect([error.code, error.name, error.cause]).toEqual(['ERR_ABORTED', 'AbortError', reason]);
    expect(await failure(ids.ready({ signal: controller.signal }))).toMatchObject({ code: 'ERR_ABORTED' });
    for (const opts of [{ signal: {} }, { timeoutMs: -1 }, { timeoutMs: NaN }]) {
      expect((await failure(ids.ready(opts as never))).code).toBe('ERR_INVALID_ARGUMENT');
    }
    expect(engine.writes).toBe(1);
  });

  it('leaves no listener on a signal', async () => {
    let listeners = 0;
    const signal = {
      aborted: false,
      addEventListener: () => listeners++,
      removeEventListener: () => listeners--,
    } as unknown as AbortSignal;
    const { kv } = setUp();
    await createIds(kv).block('order').take({ signal, timeoutMs: 30_000 });
    expect(listeners).toBe(0);
  });
});

describe('closing', () => {
  it('refuses everything afterwards, and loses what is left', async () => {
    const { engine, kv } = setUp();
    let open: (() => void) | undefined;
    engine.gate = new Promise((resolve) => (open = resolve));
    const ids = createIds(kv).block('order', { size: 10 });
    const waiting = failure(ids.take());
    await settled();
    await ids.close();
    await ids.close();
    open?.();
    expect((await waiting).code).toBe('ERR_CLOSED');
    expect(ids.remaining).toBe(0);
    expect(thrown(() => ids.next()).code).toBe('ERR_CLOSED');
    expect((await failure(ids.ready())).code).toBe('ERR_CLOSED');
    const later = await createIds(kv).block('order', { size: 10 }).take();
    expect([1, 11]).toContain(later);
  });

  it('comes with the store', async () => {
    const { kv, lifecycle } = setUp();
    const ids = createIds(kv).block('order');
    await ids.ready();
    await lifecycle.runHandlers((error) => expect.fail(String(error)));
    lifecycle.close();
    expect(thrown(() => ids.next()).code).toBe('ERR_CLOSED');
    const late = createIds(kv).block('order');
    expect((await failure(late.ready())).code).toBe('ERR_CLOSED');
  });

  it('is what `await using` does, and leaves no handler with the store', async () => {
    const { kv, lifecycle } = setUp();
    let ids: IdBlock;
    {
      await using block = createIds(kv).block('order');
      await block.ready();
      ids = block;
    }
    expect(thrown(() => ids.next()).code).toBe('ERR_CLOSED');
    const errors: unknown[] = [];
    await lifecycle.runHandlers((error) => errors.push(error));
    expect(errors).toEqual([]);
  });
});
