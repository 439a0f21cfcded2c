import { CoterieError } from '@coterie/errors';
import { crc32c } from '../../files/crc32c.js';
import { readRecord, recordHeadBytes, writeRecordHead } from '../record-codec.js';
import type { KeyedRecord } from '../types.js';

/**
 * A snapshot is a sequence of blocks: one `state`, then `keys` in order of key, then `events` in order of revision from
 * the compact revision on, then one `end`. A block is
 *
 * | bytes | what |
 * | --- | --- |
 * | 4 | bytes of the content, uint32 little-endian as all numbers |
 * | 4 | CRC32C of kind and content |
 * | 1 | kind |
 * | … | content |
 *
 * `state` is the record of the checkpoint, naming no history files. `keys` are records {key bytes uint32, value bytes
 * uint32, head of the record, key, value}. `events` are frames as in the history files. `end` counts keys and events as
 * float64.
 *
 * A block is closed by the item that fills it, so the bytes are a function of the replicated state alone: every member
 * exports the same ones for one index, and a transfer that broke goes on at its offset whoever sends.
 */
export const blockKinds = { state: 1, keys: 2, events: 3, end: 4 } as const;
export type BlockKind = (typeof blockKinds)[keyof typeof blockKinds];

/** Content that closes a block. */
export const blockBytes = 64 * 1024;
export const blockHeadBytes = 9;
const itemHeadBytes = 8 + recordHeadBytes;

export interface Block {
  readonly kind: BlockKind;
  readonly content: Uint8Array;
}

export function encodeBlock(kind: BlockKind, content: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(blockHeadBytes + content.length);
  bytes.writeUInt32LE(content.length, 0);
  bytes[8] = kind;
  bytes.set(content, blockHeadBytes);
  bytes.writeUInt32LE(crc32c(bytes, 0, 8), 4);
  return bytes;
}

/** The block at the front of `bytes`; undefined when not all of it is there. @throws CoterieError ERR_CORRUPT */
export function decodeBlock(bytes: Uint8Array): Block | undefined {
  if (bytes.length < blockHeadBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = blockHeadBytes + view.getUint32(0, true);
  if (bytes.length < end) return undefined;
  if (crc32c(bytes, 0, 8, end) !== view.getUint32(4, true))
    throw corruptSnapshot('the checksum of a block does not match');
  const kind = bytes[8] as number;
  if (kind < blockKinds.state || kind > blockKinds.end) throw corruptSnapshot(`it has a block of kind ${kind}`);
  return { kind: kind as BlockKind, content: bytes.subarray(blockHeadBytes, end) };
}

export function encodeItem({ key, record }: KeyedRecord): Uint8Array {
  const bytes = Buffer.allocUnsafe(itemHeadBytes + key.length + record.value.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint32(0, key.length, true);
  view.setUint32(4, record.value.length, true);
  writeRecordHead(view, 8, record);
  bytes.write(key, itemHeadBytes, 'latin1');
  bytes.set(record.value, itemHeadBytes + key.length);
  return bytes;
}

/** @throws CoterieError ERR_CORRUPT */
export function decodeItems(content: Uint8Array): KeyedRecord[] {
  const buffer = Buffer.from(content.buffer, content.byteOffset, content.length);
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const items: KeyedRecord[] = [];
  for (let at = 0; at < content.length;) {
    if (content.length - at < itemHeadBytes) throw corruptSnapshot('a block ends inside a record');
    const keyAt = at + itemHeadBytes;
    const valueAt = keyAt + view.getUint32(at, true);
    const end = valueAt + view.getUint32(at + 4, true);
    if (end > content.length) throw corruptSnapshot('a block ends inside a record');
    const key = buffer.toString('latin1', keyAt, valueAt);
    items.push({ key, record: readRecord(view, at + 8, key, content.subarray(valueAt, end)) });
    at = end;
  }
  return items;
}

export interface SnapshotTotals {
  readonly keys: number;
  readonly events: number;
}

export function encodeTotals({ keys, events }: SnapshotTotals): Uint8Array {
  const content = new Uint8Array(16);
  const view = new DataView(content.buffer);
  view.setFloat64(0, keys, true);
  view.setFloat64(8, events, true);
  return content;
}

/** @throws CoterieError ERR_CORRUPT */
export function decodeTotals(content: Uint8Array): SnapshotTotals {
  if (content.length !== 16) throw corruptSnapshot('its last block is damaged');
  const view = new DataView(content.buffer, content.byteOffset, 16);
  return { keys: view.getFloat64(0, true), events: view.getFloat64(8, true) };
}

export function corruptSnapshot(why: string): Error {
  return new CoterieError('ERR_CORRUPT', { message: `the snapshot is damaged: ${why}` });
}
