import assert from 'node:assert/strict';
import { runInNewContext } from 'node:vm';
import type { Codec } from '../../kv/encoding.js';
import { collect, nextOf, rejection, utf8, type SuiteTests } from './suite-test.js';

/** Whole numbers as eight bytes in order, so that ranges of numbers are ranges of keys. */
const ordered: Codec<bigint> = {
  encode(value) {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value);
    return bytes;
  },
  decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0),
};

const dates: Codec<Date> = {
  encode: (date) => date.toISOString(),
  decode: (bytes) => new Date(new TextDecoder().decode(bytes)),
};

export const encodings: SuiteTests = {
  'bytes: any, keys too, and plain Uint8Arrays come out': async ({ kv }) => {
    const bytes = kv.withEncoding({ key: 'bytes', value: 'bytes' });
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    await bytes.put(all, all);
    const entry = await bytes.get(all);
    assert.deepEqual([entry?.key, entry?.value], [all, all]);
    assert.equal(Object.getPrototypeOf(entry?.value), Uint8Array.prototype);
    assert.equal(Object.getPrototypeOf(entry?.key), Uint8Array.prototype);
    await bytes.put(Buffer.from([0xff]), Buffer.from('x'));
    await bytes.put(Uint8Array.of(0xff, 0xff), new Uint8Array());
    const tail = await bytes.range({ prefix: Uint8Array.of(0xff) });
    assert.deepEqual(
      tail.entries.map(({ key, value }) => [...key, '=', ...value]),
      [
        [0xff, '=', 0x78],
        [0xff, 0xff, '='],
      ],
    );
  },
  'bytes of another realm are bytes': async ({ kv }) => {
    const foreign = runInNewContext('new Uint8Array([104, 105])') as Uint8Array;
    assert.equal(foreign instanceof Uint8Array, false);
    await kv.withEncoding({ value: 'bytes' }).put('a', foreign);
    await kv.withEncoding({ key: 'bytes' }).put(foreign, 'x');
    assert.deepEqual([(await kv.get('a'))?.value, (await kv.get('hi'))?.value], ['hi', 'x']);
  },
  'bytes handed in are copied before the call returns': async ({ kv }) => {
    const bytes = kv.withEncoding({ key: 'bytes', value: 'bytes' });
    const [key, value] = [utf8('a'), utf8('1')];
    const done = bytes.put(key, value);
    key[0] = 0;
    value[0] = 0;
    await done;
    assert.equal((await kv.get('a'))?.value, '1');
  },
  'bytes handed out are the receiver’s own': async ({ kv }) => {
    const bytes = kv.withEncoding({ value: 'bytes' });
    await kv.put('a', '1');
    (await bytes.get('a'))!.value.fill(0);
    (await bytes.range({ all: true })).entries[0]!.value.fill(0);
    for await (const entry of bytes.iterate({ all: true })) entry.value.fill(0);
    await using watch = bytes.watch('a', { initial: true });
    const event = (await nextOf(watch)).events[0]!;
    if (event.type === 'put') event.entry.value.fill(0);
    assert.equal((await kv.get('a'))?.value, '1');
  },
  'json: what goes in comes out': async ({ kv }) => {
    const json = kv.withEncoding<unknown>({ value: 'json' });
    for (const value of [0, '', null, false, [1, [2]], { a: { b: 'é😀\ud800' } }]) {
      await json.put('a', value);
      assert.deepEqual((await json.get('a'))?.value, value);
    }
    const shared = { n: 1 };
    const done = json.put('a', shared);
    shared.n = 2;
    await done;
    const [one, two] = [await json.get('a'), await json.get('a')];
    assert.deepEqual(one?.value, { n: 1 });
    assert.notEqual(one?.value, two?.value);
  },
  'json: what it has no text for is refused': async ({ kv }) => {
    const json = kv.withEncoding<unknown>({ value: 'json' });
    const ring: { self?: unknown } = {};
    ring.self = ring;
    for (const value of [undefined, () => 1, Symbol('s'), 1n, ring, { deep: 1n }]) {
      const error = await rejection(json.put('a', value), 'ERR_INVALID_ARGUMENT');
      assert.deepEqual([error['argument'], error.outcome], ['value', 'not-applied']);
    }
    assert.equal(await kv.get('a'), undefined);
  },
  'a codec of one’s own, for keys and values': async ({ kv }) => {
    const view = kv.withEncoding({ key: ordered, value: dates });
    const date = new Date(1_000_000);
    for (const key of [300n, 2n, 70_000n]) await view.put(key, date);
    const { entries } = await view.range({ gt: 2n, lte: 70_000n });
    assert.deepEqual(
      entries.map(({ key, value }) => [key, value.getTime()]),
      [
        [300n, 1_000_000],
        [70_000n, 1_000_000],
      ],
    );
    assert.equal((await view.delete(300n)).deleted, 1);
    const keyOnly = view.withEncoding({ key: 'bytes' });
    assert.deepEqual(
      (await collect(keyOnly.iterate({ all: true }))).map((entry) => entry.value),
      [date, date],
    );
  },
  'a codec may encode into a buffer that it uses again': async ({ kv }) => {
    const scratch = new Uint8Array(1);
    const view = kv.withEncoding({
      value: {
        encode(value: number) {
          scratch[0] = value;
          return scratch;
        },
        decode: (bytes: Uint8Array) => bytes[0]!,
      },
    });
    await Promise.all([view.put('a', 1), view.put('b', 2)]);
    assert.deepEqual([(await view.get('a'))?.value, (await view.get('b'))?.value], [1, 2]);
  },
  'what a codec throws is the cause': async ({ kv }) => {
    const own = new RangeError('mine');
    const fail = (): never => {
      throw own;
    };
    const view = kv.withEncoding({ key: { encode: fail, decode: fail }, value: { encode: fail, decode: fail } });
    const refused = await rejection(view.put('a' as never, 'b' as never), 'ERR_INVALID_ARGUMENT');
    assert.deepEqual([refused.cause, refused['argument']], [own, 'key']);
    const { revision } = await kv.put('a', '1');
    const undecodable = await rejection(view.range({ all: true }), 'ERR_DECODING');
    assert.deepEqual([undecodable.cause, undecodable['key'], undecodable['revision']], [own, utf8('a'), revision]);
  },
  'what does not decode names its key as the view has it': async ({ kv }) => {
    const { revision } = await kv.put('p/a', 'not json');
    const json = kv.namespace('p/').withEncoding<unknown>({ value: 'json' });
    const calls = [() => json.get('a'), () => json.range({ all: true }), () => collect(json.iterate({ all: true }))];
    for (const call of calls) {
      const error = await rejection(call(), 'ERR_DECODING');
      assert.deepEqual([error['key'], error['revision']], [utf8('a'), revision]);
    }
    assert.equal((await json.range({ all: true }, { keysOnly: true })).entries[0]?.key, 'a');
    await kv.withEncoding({ value: 'bytes' }).put('u', Uint8Array.of(0xff));
    await rejection(kv.get('u'), 'ERR_DECODING');
    const bytesKey = kv.withEncoding({ key: 'bytes' });
    await bytesKey.put(Uint8Array.of(0xc3), 'x');
    await rejection(kv.range({ gt: 'u' }), 'ERR_DECODING');
  },
  'a write whose result does not decode was applied': async ({ kv }) => {
    await kv.put('a', '{');
    const json = kv.withEncoding<number>({ value: 'json' });
    const error = await rejection(json.put('a', 1, { prev: true }), 'ERR_DECODING');
    assert.equal(error.outcome, 'applied');
    assert.equal((await json.get('a'))?.value, 1);
  },
  'a byte order mark is data': async ({ kv }) => {
    await kv.put('\ufeffa', '\ufeffb');
    assert.equal((await kv.get('\ufeffa'))?.value, '\ufeffb');
    const { entries } = await kv.range({ all: true });
    assert.equal(entries[0]?.key, '\ufeffa');
  },
  'namespace: keys are written with it and read without it': async ({ kv }) => {
    const inner = kv.namespace('a/').namespace('b/');
    await inner.put('x', '1');
    await kv.put('a/c', '2');
    assert.equal((await kv.get('a/b/x'))?.value, '1');
    assert.equal((await inner.get('x'))?.key, 'x');
    assert.deepEqual(
      (await kv.namespace('a/').range({ all: true })).entries.map((entry) => entry.key),
      ['b/x', 'c'],
    );
    await using watch = inner.watch({ all: true }, { initial: true });
    assert.equal((await nextOf(watch)).events[0]?.entry.key, 'x');
  },
  'namespace: nothing reaches beyond it': async ({ kv }) => {
    const inner = kv.namespace('b');
    for (const key of ['a', 'b', 'bx', 'by', 'c']) await kv.put(key, key);
    const keys = async (range: Parameters<typeof kv.range>[0]) =>
      (await inner.range(range)).entries.map((entry) => entry.key).join(' ');
    // The key that is the prefix itself has no name in it.
    assert.equal(await keys({ all: true }), 'x y');
    assert.equal(await keys({ gte: 'x' }), 'x y');
    assert.equal(await keys({ lt: 'y' }), 'x');
    assert.equal((await inner.delete({ all: true })).deleted, 2);
    assert.deepEqual(
      (await kv.range({ all: true })).entries.map((entry) => entry.key),
      ['a', 'b', 'c'],
    );
  },
};
