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

test('knows what is absent, forgets what is deleted in either generation, and takes nothing that is too large', () => {
  const cache = new RecordCache(2_000);
  cache.put('absent', undefined);
  expect(cache.get('absent')).toEqual({ record: undefined });
  expect(cache.get('unknown')).toBeUndefined();
  cache.put('key-1', record(1));
  cache.put('key-2', record(2));
  cache.put('key-3', record(3));
  for (const key of ['absent', 'key-1', 'key-2', 'key-3']) cache.delete(key);
  for (const key of ['absent', 'key-1', 'key-2', 'key-3']) expect(cache.get(key)).toBeUndefined();
  cache.put('key-4', record(4, new Uint8Array(5_000)));
  expect(cache.get('key-4')).toBeUndefined();
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
  expect(kept?.value.buffer.byteLength).toBe(10);
});
