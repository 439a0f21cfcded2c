import type { RawEntry } from '../command/operation.js';
import { recordChecksum } from '../store/record-checksum.js';
import type { BinaryKey, KeyRecord } from '../store/types.js';

/** A buffer that is larger than its value by more than this holds other things too. */
const slackBytes = 256;

/** The version that a put makes, after the version that it finds. */
export function nextRecord(
  key: BinaryKey,
  value: Uint8Array,
  before: KeyRecord | undefined,
  revision: number,
): KeyRecord {
  const record = {
    value: ownedBytes(value),
    createRevision: before === undefined ? revision : before.createRevision,
    modRevision: revision,
    version: before === undefined ? 1 : before.version + 1,
    lease: 0,
    crc32c: 0,
  };
  record.crc32c = recordChecksum(key, record);
  return record;
}

/**
 * The value without the frame that it came in.
 *
 * A value stays in memory until a checkpoint and longer, as a view it would hold its whole frame: a value of ten bytes up to a megabyte.
 */
function ownedBytes(value: Uint8Array): Uint8Array {
  if (value.byteLength + slackBytes >= value.buffer.byteLength) return value;
  return new Uint8Array(value);
}

export function rawEntry(key: BinaryKey, record: KeyRecord): RawEntry {
  const { value, createRevision, modRevision, version, lease } = record;
  return { key, value, createRevision, modRevision, version, lease };
}

/** What an entry counts for in limits of bytes: its key, its value and its numbers. */
export function entryBytes(key: BinaryKey, record: { readonly value: Uint8Array }): number {
  return key.length + record.value.length + 64;
}
