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

/** Bytes of the frame of an event. */
export function frameBytes({ key, after, before }: KeyEvent): number {
  const heads = (after === undefined ? 0 : recordHeadBytes) + (before === undefined ? 0 : recordHeadBytes);
  return frameHeadBytes + key.length + heads + (after?.value.length ?? 0) + (before?.value.length ?? 0);
}

/** What frames are written to. */
export interface FrameTarget {
  readonly bytes: Buffer;
  /** Of the same bytes: to make one takes longer than to write a frame. */
  readonly view: DataView;
}

export function frameTarget(bytes: Buffer): FrameTarget {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}

/**
 * Writes event `sub` of a change.
 *
 * @returns where the frame ends
 */
export function writeFrame({ bytes, view }: FrameTarget, start: number, change: RevisionEvents, sub: number): number {
  const event = change.events[sub] as KeyEvent;
  const { key, after, before } = event;
  const last = sub === change.events.length - 1;
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
  if (after !== undefined) at = writeHead(view, at, after);
  if (before !== undefined) at = writeHead(view, at, before);
  at += bytes.write(key, at, 'latin1');
  const valuesAt = at;
  if (after !== undefined) at = writeValue(bytes, at, after);
  if (before !== undefined) at = writeValue(bytes, at, before);
  view.setUint32(start, at - start, true);
  view.setUint32(start + 4, headChecksum(bytes, start, valuesAt), true);
  return at;
}

function writeHead(view: DataView, at: number, record: KeyRecord): number {
  writeRecordHead(view, at, record);
  return at + recordHeadBytes;
}

function writeValue(bytes: Buffer, at: number, { value }: KeyRecord): number {
  bytes.set(value, at);
  return at + value.length;
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
