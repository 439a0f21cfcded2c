import { pbkdf2 } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { classicOrderedStores } from '../../src/store/classic-ordered-store.js';
import { completion } from '../../src/store/completion.js';
import { ModelOrderedStores } from '../../src/store/model-ordered-store.js';
import type { OrderedCursor, OrderedEntry, OrderedStore, OrderedStores } from '../../src/store/ordered-store.js';
import { bytes, seeded, text } from './fixture.js';

const root = mkdtempSync(join(tmpdir(), 'ordered-store-'));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const implementations: readonly (readonly [string, () => OrderedStores])[] = [
  ['LevelDB', () => classicOrderedStores],
  ['model', () => new ModelOrderedStores((fn) => setImmediate(fn))],
];

let count = 0;

describe.each(implementations)('an ordered store: %s', (_, make) => {
  let stores: OrderedStores;
  let directory: string;
  let store: OrderedStore;

  beforeEach(async () => {
    stores = make();
    directory = join(root, String(++count));
    store = await stores.open(directory);
  });
  afterEach(() => closed(store));

  test('holds what a batch wrote, and nothing of a batch that was discarded', async () => {
    await put(store, { a: '1', b: '2' });
    const discarded = store.batch();
    discarded.put('a', bytes('x'));
    discarded.discard();
    const batch = store.batch();
    batch.delete('a');
    batch.put('c', bytes(''));
    expect(text(store.getSync('a', undefined))).toBe('1');
    await completion((done) => {
      batch.write({ sync: true }, done);
    });
    expect(await many(store, ['c', 'a', 'b'])).toEqual(['', undefined, '2']);
    expect(store.getSync('a', undefined)).toBeUndefined();
  });

  test('the last change of a key in a batch counts', async () => {
    const batch = store.batch();
    batch.put('a', bytes('1'));
    batch.delete('a');
    batch.put('a', bytes('2'));
    await completion((done) => {
      batch.write({ sync: false }, done);
    });
    expect(text(store.getSync('a', undefined))).toBe('2');
  });

  test('a batch can be filled over many turns', async () => {
    const batch = store.batch();
    for (let at = 0; at < 50; at++) {
      batch.put(`k${at}`, bytes(String(at)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(store.getSync('k0', undefined)).toBeUndefined();
    await completion((done) => {
      batch.write({ sync: true }, done);
    });
    expect((await all(store.iterate({ start: 'k', end: 'l', reverse: false, pageBytes: 100 }))).length).toBe(50);
  });

  test('keys keep the order of their bytes, each byte one character', async () => {
    const keys = Array.from({ length: 256 }, (_unused, code) => `x${String.fromCharCode(code)}`);
    await put(store, Object.fromEntries(keys.map((key) => [key, key])));
    const found = await all(store.iterate({ start: 'x', end: 'y', reverse: false, pageBytes: 64 }));
    expect(found.map(([key]) => key)).toEqual(keys);
    const back = await all(store.iterate({ start: 'x\u007f', end: 'x\u00f0', reverse: true, pageBytes: 64 }));
    expect(back.map(([key]) => key)).toEqual(keys.slice(0x7f, 0xf0).reverse());
  });

  test('finds keys of any length and any bytes, in both ways of reading', async () => {
    const random = seeded(5);
    const keys = Array.from({ length: 300 }, (_unused, at) =>
      String.fromCharCode(...Array.from({ length: at + 1 }, () => random.nextInt(256))),
    );
    await put(store, Object.fromEntries(keys.map((key, at) => [key, String(at)])));
    expect(keys.map((key) => text(store.getSync(key, undefined)))).toEqual(keys.map((_unused, at) => String(at)));
    expect(await many(store, keys)).toEqual(keys.map((_unused, at) => String(at)));
  });

  test('a range takes its start and not its end, and none at all when it is empty', async () => {
    await put(store, { a: '1', b: '2', c: '3' });
    const keys = async (start: string, end: string, reverse: boolean): Promise<string[]> =>
      (await all(store.iterate({ start, end, reverse, pageBytes: 1 }))).map(([key]) => key);
    expect(await keys('a', 'c', false)).toEqual(['a', 'b']);
    expect(await keys('a', 'c', true)).toEqual(['b', 'a']);
    expect(await keys('a\0', 'z', true)).toEqual(['c', 'b']);
    expect(await keys('b', 'b', false)).toEqual([]);
    expect(await keys('c', 'a', false)).toEqual([]);
  });

  test('a page holds no more records than were asked for', async () => {
    await put(store, { a: '1', b: '2', c: '3' });
    const cursor = store.iterate({ start: '', end: 'z', reverse: false, pageBytes: 1000, pageRecords: 2 });
    const sizes: number[] = [];
    do sizes.push((await completion<readonly OrderedEntry[]>((done) => cursor.next(done))).length);
    while (sizes.at(-1) !== 0);
    cursor.close();
    expect(sizes).toEqual([2, 1, 0]);
  });

  test('a snapshot stays what it was, for every way of reading', async () => {
    await put(store, { a: '1', b: '2' });
    const snapshot = store.snapshot();
    const batch = store.batch();
    batch.put('a', bytes('9'));
    batch.delete('b');
    await completion((done) => {
      batch.write({ sync: true }, done);
    });
    expect(text(store.getSync('b', snapshot))).toBe('2');
    expect(await many(store, ['a', 'b'], snapshot)).toEqual(['1', '2']);
    const found = await all(store.iterate({ start: '', end: 'z', reverse: false, pageBytes: 10, snapshot }));
    expect(found.map(([key, value]) => `${key}${text(value) ?? ''}`)).toEqual(['a1', 'b2']);
    snapshot.release();
    snapshot.release();
    expect(text(store.getSync('a', undefined))).toBe('9');
  });

  test('a cursor without a snapshot sees the contents when it was opened', async () => {
    await put(store, { a: '1', b: '2' });
    const cursor = store.iterate({ start: '', end: 'z', reverse: false, pageBytes: 1 });
    const first = await page(cursor);
    await put(store, { c: '3' });
    const rest = await all(cursor);
    expect([...first, ...rest].map(([key]) => key)).toEqual(['a', 'b']);
  });

  test('is there again after a restart, and is open only once at a time', async () => {
    await put(store, { a: '1' });
    await expect(stores.open(directory)).rejects.toMatchObject({ code: 'ERR_DATA_DIR_IN_USE' });
    await closed(store);
    store = await stores.open(directory);
    expect(text(store.getSync('a', undefined))).toBe('1');
    await closed(store);
    await stores.destroy(directory);
    store = await stores.open(directory);
    expect(store.getSync('a', undefined)).toBeUndefined();
  });

  test('behind close every call says ERR_CLOSED in its own way', async () => {
    await put(store, { a: '1' });
    const batch = store.batch();
    await closed(store);
    const gone = { code: 'ERR_CLOSED' };
    expect(() => store.getSync('a', undefined)).toThrow(expect.objectContaining(gone));
    expect(() => store.batch()).toThrow(expect.objectContaining(gone));
    expect(() => store.snapshot()).toThrow(expect.objectContaining(gone));
    await expect(many(store, ['a'])).rejects.toMatchObject(gone);
    await expect(all(store.iterate({ start: '', end: 'z', reverse: false, pageBytes: 1 }))).rejects.toMatchObject(gone);
    batch.put('b', bytes('2'));
    await expect(
      completion((done) => {
        batch.write({ sync: true }, done);
      }),
    ).rejects.toMatchObject(gone);
  });

  test('completions never come from inside the call', async () => {
    let inside = true;
    const calls = [
      completion((done) => {
        store.getMany(['a'], undefined, (error, values) => {
          expect(inside).toBe(false);
          done(error, values);
        });
      }),
      completion((done) => {
        store.batch().write({ sync: false }, (error) => {
          expect(inside).toBe(false);
          done(error);
        });
      }),
      completion((done) => {
        store.approximateBytes('a', 'z', (error, size) => {
          expect(inside).toBe(false);
          done(error, size);
        });
      }),
    ];
    inside = false;
    await Promise.all(calls);
  });
});

test('the model loses any unsynced batch in a crash, also one before another that stays, and no synced one', async () => {
  const outcomes = new Set<string>();
  for (let pattern = 0; pattern < 8; pattern++) {
    const stores = new ModelOrderedStores((fn) => setImmediate(fn));
    const store = await stores.open('/data');
    for (const key of ['a', 'b', 'c']) await put(store, { [key]: '1' }, false);
    await put(store, { kept: '1' }, true);
    let draw = 0;
    stores.crash(() => ((pattern >>> draw++) & 1) === 1);
    const again = await stores.open('/data');
    expect(text(again.getSync('kept', undefined))).toBe('1');
    outcomes.add(['a', 'b', 'c'].filter((key) => again.getSync(key, undefined) !== undefined).join(''));
  }
  expect(outcomes.size).toBe(8);
});

async function put(store: OrderedStore, records: Readonly<Record<string, string>>, sync = true): Promise<void> {
  const batch = store.batch();
  for (const [key, value] of Object.entries(records)) batch.put(key, bytes(value));
  await completion((done) => {
    batch.write({ sync }, done);
  });
}

async function many(
  store: OrderedStore,
  keys: readonly string[],
  snapshot?: ReturnType<OrderedStore['snapshot']>,
): Promise<(string | undefined)[]> {
  const values = await completion<readonly (Uint8Array | undefined)[]>((done) => {
    store.getMany(keys, snapshot, done);
  });
  return values.map(text);
}

function page(cursor: OrderedCursor): Promise<readonly OrderedEntry[]> {
  return completion((done) => {
    cursor.next(done);
  });
}

async function all(cursor: OrderedCursor): Promise<OrderedEntry[]> {
  const entries: OrderedEntry[] = [];
  for (let next = await page(cursor); next.length > 0; next = await page(cursor)) entries.push(...next);
  cursor.close();
  cursor.close();
  return entries;
}

function closed(store: OrderedStore): Promise<void> {
  return completion((done) => {
    store.close(done);
  });
}

test('LevelDB: a read does not wait for a shared pool that is occupied, and is as good', async () => {
  const store = await classicOrderedStores.open(join(root, String(++count)));
  await put(store, { a: '1', b: '2' });
  const finished: string[] = [];
  const snapshot = store.snapshot();
  // More jobs than the pool has threads: what is queued behind them waits for several of them.
  const jobs = Array.from({ length: 12 }, () =>
    promisify(pbkdf2)('secret', 'salt', 200_000, 64, 'sha512').then(() => finished.push('job')),
  );
  const reading = completion<readonly (Uint8Array | undefined)[]>((done) => {
    store.getMany(['b', 'none', 'a'], snapshot, done);
  }).then((values) => {
    finished.push('read');
    return values.map((value) => (value === undefined ? undefined : text(value)));
  });
  expect(await reading).toEqual(['2', undefined, '1']);
  await Promise.all(jobs);
  expect(finished.indexOf('read')).toBeLessThan(4);
  snapshot.release();
  await closed(store);
});
