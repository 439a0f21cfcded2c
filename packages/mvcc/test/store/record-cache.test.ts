import { SeededRandom } from '@coterie/raft/testing';
import { expect, test } from 'vitest';
import { RecordCache } from '../../src/store/record-cache.js';
import type { KeyRecord } from '../../src/store/types.js';
import { bytes, makeRecord } from './fixture.js';

function record(at: number, value = bytes(`value ${at}`)): KeyRecord {
  return makeRecord(`key-${at}`, value, at + 2, undefined);
}

test('keeps a bounded number, the newest, and those that are asked for', () => {
  const cache = new RecordCache(30_000);
  for (let at = 0; at < 5_000; at++) {
    cache.put(`key-${at}`, record(at));
    expect(cache.get('key-0')?.record?.modRevision).toBe(2);
    expect(cache.get(`key-${at}`)?.record?.modRevision).toBe(at + 2);
  }
  const kept = Array.from({ length: 5_000 }, (_, at) => at).filter((at) => cache.get(`key-${at}`) !== undefined);
  expect(kept.length).toBeGreaterThan(40);
  expect(kept.length).toBeLessThan(130);
  expect(kept[0]).toBe(0);
  expect(kept.at(-1)).toBe(4_999);
});

test('knows what is absent, and the newest of what was put in either generation', () => {
  const cache = new RecordCache(2_000);
  cache.put('absent', undefined);
  expect(cache.get('absent')).toHaveProperty('record', undefined);
  expect(cache.get('unknown')).toBeUndefined();
  for (let at = 1; at <= 4; at++) cache.put(`key-${at}`, record(at));
  // The first ones stand in the old generation by now; what is put hides them, also when they move on.
  cache.put('key-1', record(11));
  expect(cache.get('key-1')?.record?.modRevision).toBe(13);
  cache.put('key-4', undefined);
  expect(cache.get('key-4')).toHaveProperty('record', undefined);
  for (let at = 20; at < 60; at++) {
    cache.put(`key-${at}`, record(at));
    if (at % 2 === 0) expect(cache.get('key-1')?.record?.modRevision).toBe(13);
  }
  expect(cache.get('key-4')).toBeUndefined();
});

test('what grows in place counts for what it has become', () => {
  const cache = new RecordCache(20_000);
  for (let at = 0; at < 10; at++) cache.put(`key-${at}`, record(at));
  for (let at = 0; at < 10; at++) cache.put(`key-${at}`, record(at, new Uint8Array(4_000)));
  cache.put('one more', record(10));
  cache.put('large', record(11, new Uint8Array(9_000)));
  cache.put('larger', record(12, new Uint8Array(30_000)));
  cache.put('last', record(13));
  const kept = Array.from({ length: 10 }, (_, at) => cache.get(`key-${at}`)).filter((known) => known !== undefined);
  expect(kept).toEqual([]);
});

test('a fixed set of keys that grow in place is bounded too', () => {
  const cache = new RecordCache(30_000);
  const keys = Array.from({ length: 50 }, (_, at) => at);
  for (const at of keys) cache.put(`key-${at}`, record(at));
  for (const at of keys) {
    cache.put(`key-${at}`, record(at, new Uint8Array(4_000)));
    expect(cache.get(`key-${at}`)?.record?.value.length).toBe(4_000);
  }
  const kept = keys.filter((at) => cache.get(`key-${at}`)?.record?.value.length === 4_000);
  expect(kept.length).toBeGreaterThan(1);
  expect(kept.length * 4_000).toBeLessThan(30_000);
});

test('a record that is kept longer does not keep the buffer that its neighbours shared', () => {
  const cache = new RecordCache(3_000);
  const slab = new Uint8Array(16_384);
  cache.put('key-0', record(0, slab.subarray(0, 10)));
  for (let at = 1; at < 40; at++) {
    cache.put(`key-${at}`, record(at));
    cache.get('key-0');
  }
  const kept = cache.get('key-0')?.record;
  expect(kept?.value.length).toBe(10);
  expect(kept?.value.buffer).not.toBe(slab.buffer);
});

test('records that are kept longer share buffers, a few of them', () => {
  const cache = new RecordCache(400_000);
  const slab = new Uint8Array(1 << 20);
  const size = 200;
  const keys = Array.from({ length: 200 }, (_, at) => at);
  for (const at of keys) cache.put(`key-${at}`, record(at, slab.subarray(at * size, (at + 1) * size)));
  for (let at = keys.length; at < 3_000; at++) {
    cache.put(`key-${at}`, record(at));
    if (at % 100 === 0) for (const kept of keys) cache.get(`key-${kept}`);
  }
  const buffers = new Set(keys.map((at) => cache.get(`key-${at}`)?.record?.value.buffer));
  expect(buffers).not.toContain(slab.buffer);
  expect(buffers).not.toContain(undefined);
  // 200 values of 200 bytes in slabs of 16 KiB, of this generation and, for some, of the one before.
  expect(buffers.size).toBeLessThan(10);
});

test('what fits stays, however often and in whatever order it is asked for', () => {
  const count = 1_000;
  const cache = new RecordCache(count * 280);
  const random = new SeededRandom(7);
  for (let at = 0; at < count; at++) cache.put(`key-${at}`, record(at));
  for (let i = 0; i < 50 * count; i++) {
    const at = random.nextInt(count);
    if (i % 3 === 0) cache.put(`key-${at}`, record(at));
    else expect(cache.get(`key-${at}`)?.record?.modRevision).toBe(at + 2);
  }
  for (let at = 0; at < count; at++) expect(cache.get(`key-${at}`)).toBeDefined();
});

test('what is not asked for goes before what is', () => {
  const cache = new RecordCache(1_000 * 280);
  for (let at = 0; at < 1_000; at++) cache.put(`key-${at}`, record(at));
  for (let at = 1_000; at < 20_000; at++) {
    cache.put(`key-${at}`, record(at));
    for (const wanted of [at % 100, 900 + (at % 100)]) expect(cache.get(`key-${wanted}`)).toBeDefined();
  }
  const kept = Array.from({ length: 1_000 }, (_, at) => at).filter((at) => cache.get(`key-${at}`) !== undefined);
  expect(kept).toEqual([
    ...Array.from({ length: 100 }, (_, i) => i),
    ...Array.from({ length: 100 }, (_, i) => 900 + i),
  ]);
});

test('against a plain map: an entry is the newest version of its key, or is gone, and the bytes are bounded', () => {
  const limit = 40_000;
  const cache = new RecordCache(limit);
  const random = new SeededRandom(11);
  const newest = new Map<string, KeyRecord | undefined>();
  for (let i = 0; i < 30_000; i++) {
    const key = `key-${random.nextInt(400)}`;
    if (random.nextInt(3) > 0) {
      const put = random.nextInt(10) === 0 ? undefined : record(i, new Uint8Array(random.nextInt(600)));
      cache.put(key, put);
      newest.set(key, put);
      expect(cache.get(key)?.record).toEqual(put);
    } else {
      const known = cache.get(key);
      if (known !== undefined) expect(known.record).toEqual(newest.get(key));
    }
    if (i % 1_000 !== 0) continue;
    const kept = [...newest].filter(([one]) => cache.get(one) !== undefined);
    const bytesKept = kept.reduce((sum, [one, put]) => sum + 250 + one.length + (put?.value.length ?? 0), 0);
    expect(bytesKept).toBeLessThanOrEqual(limit);
  }
  cache.clear();
  for (const key of newest.keys()) expect(cache.get(key)).toBeUndefined();
});

test('counts the keys that it knows to be there', () => {
  const random = new SeededRandom(5);
  const cache = new RecordCache(6_000);
  for (let step = 0; step < 3_000; step++) {
    const at = random.nextInt(60);
    if (random.nextInt(3) === 0) cache.get(`key-${at}`);
    else cache.put(`key-${at}`, random.nextInt(4) === 0 ? undefined : record(at, new Uint8Array(random.nextInt(300))));
    if (step % 50 > 0) continue;
    const { live } = cache;
    const known = Array.from({ length: 60 }, (_, key) => cache.get(`key-${key}`)?.record);
    // What is asked for may drive others out.
    expect(live).toBeGreaterThanOrEqual(known.filter((one) => one !== undefined).length);
    expect(cache.live).toBeLessThanOrEqual(live);
    expect(live).toBeLessThan(60);
  }
  cache.clear();
  expect(cache.live).toBe(0);
});
