import { CoterieError } from '@coterie/errors';
import { crc32c } from '../../files/crc32c.js';
import { readRecord, recordHeadBytes, writeRecordHead } from '../record-codec.js';
import type { KeyEvent, KeyRecord, RevisionEvents } from '../types.js';

/**
 * One event in a history file or a snapshot, all numbers little-endian:
 *
 * | at | bytes | what |
 * | --- | --- | --- |
 * | 0 | 4 | bytes of the whole frame |
 * | 4 | 4 | CRC32C of the frame up to the values, without this field |
 * | 8 | 4 | flags: 1 there is a version after it, 2 one before it, 4 it is the last event of its revision, 8 its lease
 * expired, 16 its lease was revoked |
 * | 12 | 4 | position in its revision, from 0 |
 * | 16 | 8 | revision, float64 |
 * | 24 | 12 | bytes of the key, of the value after, of the value before |
 * | 36 | 36 each | head of the record after, of the record before, where there is one |
 * | … | | key, value after, value before |
 *
 * The values are covered by the checksums in their records' heads, which apply has computed: nothing is summed twice on
 * the way here.
 */
const frameHeadBytes = 36;

const hasAfter = 1;
const hasBefore = 2;
const isLast = 4;
const isExpired = 8;
const isRevoked = 16;

/** A frame as it stands in a buffer, its values not yet looked at. */
export interface EventFrame {
  readonly revision: number;
  readonly sub: number;
  readonly last: boolean;
  readonly bytes: number;
}

/** Where an encoder stands: event `sub` of change `at`. */
export interface EventPosition {
  readonly at: number;
  readonly sub: number;
}

function sizeOf(event: KeyEvent): number {
  const after = event.after === undefined ? 0 : recordHeadBytes + event.after.value.length;
  const before = event.before === undefined ? 0 : recordHeadBytes + event.before.value.length;
  return frameHeadBytes + event.key.length + after + before;
}

/** Encodes events from a position on: about `maxBytes` of them, one at least. */
export function encodeEvents(
  changes: readonly RevisionEvents[],
  from: EventPosition,
  maxBytes: number,
): { readonly bytes: Uint8Array; readonly next: EventPosition } {
  const chosen: { readonly change: RevisionEvents; readonly sub: number }[] = [];
  let { at, sub } = from;
  let size = 0;
  for (; at < changes.length && (chosen.length === 0 || size < maxBytes);) {
    const change = changes[at] as RevisionEvents;
    size += sizeOf(change.events[sub] as KeyEvent);
    chosen.push({ change, sub });
    if (++sub === change.events.length) {
      at++;
      sub = 0;
    }
  }
  const bytes = Buffer.allocUnsafe(size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  let offset = 0;
  for (const { change, sub: position } of chosen) offset = writeEvent(bytes, view, offset, change, position);
  return { bytes, next: { at, sub } };
}

function writeEvent(bytes: Buffer, view: DataView, start: number, change: RevisionEvents, sub: number): number {
  const event = change.events[sub] as KeyEvent;
  const { key, after, before } = event;
  const last = sub === change.events.length - 1;
  const size = sizeOf(event);
  view.setUint32(start, size, true);
  const flags =
    (after === undefined ? 0 : hasAfter) |
    (before === undefined ? 0 : hasBefore) |
    (last ? isLast : 0) |
    reasonFlag(event);
  view.setUint32(start + 8, flags, true);
  view.setUint32(start + 12, sub, true);
  view.setFloat64(start + 16, change.revision, true);
  view.setUint32(start + 24, key.length, true);
  view.setUint32(start + 28, after?.value.length ?? 0, true);
  view.setUint32(start + 32, before?.value.length ?? 0, true);
  let at = start + frameHeadBytes;
  for (const record of [after, before]) {
    if (record === undefined) continue;
    writeRecordHead(view, at, record);
    at += recordHeadBytes;
  }
  at += bytes.write(key, at, 'latin1');
  view.setUint32(start + 4, headChecksum(bytes, start, at), true);
  for (const record of [after, before]) {
    if (record === undefined) continue;
    bytes.set(record.value, at);
    at += record.value.length;
  }
  return start + size;
}

/**
 * The frame at a position.
 *
 * @returns undefined when not all of it is there
 * @throws CoterieError ERR_CORRUPT
 */
export function peekFrame(bytes: Uint8Array, at: number): EventFrame | { readonly need: number } {
  const there = bytes.length - at;
  if (there < frameHeadBytes) return { need: frameHeadBytes };
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, there);
  const size = view.getUint32(0, true);
  const flags = view.getUint32(8, true);
  const heads = recordHeadBytes * ((flags & hasAfter ? 1 : 0) + (flags & hasBefore ? 1 : 0));
  const valueStart = frameHeadBytes + heads + view.getUint32(24, true);
  if (size !== valueStart + view.getUint32(28, true) + view.getUint32(32, true))
    throw corruptHistory('its lengths disagree');
  if (there < size) return { need: size };
  if (view.getUint32(4, true) !== headChecksum(bytes, at, at + valueStart))
    throw corruptHistory('its checksum does not match');
  return {
    revision: view.getFloat64(16, true),
    sub: view.getUint32(12, true),
    last: (flags & isLast) !== 0,
    bytes: size,
  };
}

/**
 * The event of a frame that {@link peekFrame} has accepted. Its values are views of `bytes`.
 *
 * @throws CoterieError ERR_CORRUPT
 */
export function readEvent(bytes: Uint8Array, at: number): KeyEvent {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
  const flags = view.getUint32(8, true);
  const keyBytes = view.getUint32(24, true);
  const heads = recordHeadBytes * ((flags & hasAfter ? 1 : 0) + (flags & hasBefore ? 1 : 0));
  const keyStart = frameHeadBytes + heads;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
  const key = buffer.toString('latin1', keyStart, keyStart + keyBytes);
  let valueAt = keyStart + keyBytes;
  let headAt = frameHeadBytes;
  const next = (length: number): KeyRecord => {
    const value = new Uint8Array(buffer.buffer, buffer.byteOffset + valueAt, length);
    const record = readRecord(view, headAt, key, value);
    valueAt += length;
    headAt += recordHeadBytes;
    return record;
  };
  const after = flags & hasAfter ? next(view.getUint32(28, true)) : undefined;
  const before = flags & hasBefore ? next(view.getUint32(32, true)) : undefined;
  const reason = flags & isExpired ? 'expired' : flags & isRevoked ? 'revoked' : undefined;
  return reason === undefined ? { key, after, before } : { key, after, before, reason };
}

function reasonFlag({ reason }: KeyEvent): number {
  return reason === 'expired' ? isExpired : reason === 'revoked' ? isRevoked : 0;
}

function headChecksum(bytes: Uint8Array, start: number, valueStart: number): number {
  return crc32c(bytes, crc32c(bytes, 0, start, start + 4), start + 8, valueStart);
}

export function corruptHistory(why: string): Error {
  return new CoterieError('ERR_CORRUPT', { message: `a record of the history is damaged: ${why}` });
}
