import type { RawEntry } from '../command/operation.js';
import { recordChecksum } from '../store/record-checksum.js';
import type { BinaryKey, KeyRecord } from '../store/types.js';

/**
 * The version that a put makes, after the version that it finds.
 *
 * Its value still is a view of the frame that it came in: the store puts a copy in its place when it takes the change.
 */
export function nextRecord(
  key: BinaryKey,
  value: Uint8Array,
  before: KeyRecord | undefined,
  revision: number,
  lease: number,
): KeyRecord {
  const record = {
    value,
    createRevision: before === undefined ? revision : before.createRevision,
    modRevision: revision,
    version: before === undefined ? 1 : before.version + 1,
    lease,
    crc32c: 0,
  };
  record.crc32c = recordChecksum(key, record);
  return record;
}

export function rawEntry(key: BinaryKey, record: KeyRecord): RawEntry {
  const { value, createRevision, modRevision, version, lease } = record;
  return { key, value, createRevision, modRevision, version, lease };
}

/** What the numbers of a version count for in limits of bytes. */
export const recordOverheadBytes = 64;

/** What an entry counts for in limits of bytes: its key, its value and its numbers. */
export function entryBytes(key: BinaryKey, record: { readonly value: Uint8Array }): number {
  return key.length + record.value.length + recordOverheadBytes;
}
