import { CoterieError } from '@coterie/errors';
import { recordChecksum } from './record-checksum.js';
import type { BinaryKey, KeyRecord } from './types.js';

/**
 * The metadata of a record: createRevision, modRevision, version and lease as little-endian float64 (exact for safe
 * integers), then the checksum of `recordChecksum` as little-endian uint32. In LevelDB the value follows at once.
 */
export const recordHeadBytes = 36;

export function writeRecordHead(view: DataView, at: number, record: KeyRecord): void {
  view.setFloat64(at, record.createRevision, true);
  view.setFloat64(at + 8, record.modRevision, true);
  view.setFloat64(at + 16, record.version, true);
  view.setFloat64(at + 24, record.lease, true);
  view.setUint32(at + 32, record.crc32c, true);
}

/** @throws CoterieError ERR_CORRUPT when head, key and value do not belong together */
export function readRecord(view: DataView, at: number, key: BinaryKey, value: Uint8Array): KeyRecord {
  const record: KeyRecord = {
    value,
    createRevision: view.getFloat64(at, true),
    modRevision: view.getFloat64(at + 8, true),
    version: view.getFloat64(at + 16, true),
    lease: view.getFloat64(at + 24, true),
    crc32c: view.getUint32(at + 32, true),
  };
  checkRecord(key, record);
  return record;
}

/** @throws CoterieError ERR_CORRUPT */
export function checkRecord(key: BinaryKey, record: KeyRecord): void {
  if (recordChecksum(key, record) !== record.crc32c) throw corruptRecord(key, 'its checksum does not match');
}

/** The value of a key in LevelDB. */
export function encodeRecord(record: KeyRecord): Uint8Array {
  const bytes = Buffer.allocUnsafe(recordHeadBytes + record.value.length);
  writeRecordHead(new DataView(bytes.buffer, bytes.byteOffset, recordHeadBytes), 0, record);
  bytes.set(record.value, recordHeadBytes);
  return bytes;
}

/** @throws CoterieError ERR_CORRUPT */
export function decodeRecord(key: BinaryKey, bytes: Uint8Array): KeyRecord {
  if (bytes.length < recordHeadBytes) throw corruptRecord(key, `it has only ${bytes.length} bytes`);
  const { buffer, byteOffset, length } = bytes;
  const value = new Uint8Array(buffer, byteOffset + recordHeadBytes, length - recordHeadBytes);
  return readRecord(new DataView(buffer, byteOffset, recordHeadBytes), 0, key, value);
}

function corruptRecord(key: BinaryKey, why: string): Error {
  const shown = JSON.stringify(key.length > 64 ? `${key.slice(0, 64)}…` : key);
  return new CoterieError('ERR_CORRUPT', { message: `the stored record of key ${shown} is damaged: ${why}` });
}
