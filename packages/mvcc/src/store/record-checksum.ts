import { crc32c } from '../files/crc32c.js';
import type { BinaryKey, KeyRecord } from './types.js';

/** Four numbers and the length of the key stand before the key, so that no two records share one byte string. */
const headBytes = 36;

let scratch = new Uint8Array(headBytes + 1024);
let head = new DataView(scratch.buffer);

/**
 * The checksum of a live version, over everything that its reader relies on: key, metadata and value.
 *
 * The bytes that it covers, in this order: createRevision, modRevision, version and lease as little-endian float64
 * (exact for safe integers), the length of the key as little-endian uint32, the key one byte a character, the value. It
 * is computed once, by apply, and travels with the record to disk, history and snapshots, so that damage anywhere on
 * the way is seen where the record is read.
 *
 * @param key latin1, one byte a character
 * @returns an unsigned 32-bit integer
 */
export function recordChecksum(key: BinaryKey, record: Omit<KeyRecord, 'crc32c'>): number {
  const length = key.length;
  if (headBytes + length > scratch.length) {
    scratch = new Uint8Array(headBytes + length);
    head = new DataView(scratch.buffer);
  }
  head.setFloat64(0, record.createRevision, true);
  head.setFloat64(8, record.modRevision, true);
  head.setFloat64(16, record.version, true);
  head.setFloat64(24, record.lease, true);
  head.setUint32(32, length, true);
  for (let at = 0; at < length; at++) scratch[headBytes + at] = key.charCodeAt(at);
  return crc32c(record.value, crc32c(scratch, 0, 0, headBytes + length));
}
