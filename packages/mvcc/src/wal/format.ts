import { invariant } from '@coterie/errors';
import { crc32c } from '../files/crc32c.js';

/*
 * The layout of a record; `docs/wal-format.md` has the whole picture. All numbers are little-endian.
 *
 *    0  u32  length of the payload
 *    4  u8   type
 *    5  u8   flags
 *    6  u16  0
 *    8  u32  synced:   how many bytes of this segment were known to be durable when this record was written
 *   12  u32  previous: the running CRC-32C before this record
 *   16  u32  running:  the running CRC-32C of bytes 0-12 and the payload of this record and of all before it
 *   20  u32  check:    CRC-32C of bytes 0-20 and of the place (segment, offset), highest bit set
 *   24       payload, then 1 to 8 bytes of padding to a multiple of 8: zeros and at the end 0xa5
 *
 * A header never is all zeros and a record never ends in a zero, so free space (zeros) and a write that stopped inside
 * a record can be told from damage. Bytes 0-6 are filled in by whoever encodes the record, the others by the one writer
 * that knows the place.
 */
export const headerBytes = 24;
export const alignmentBytes = 8;
export const formatVersion = 1;
/** The unit that a disk writes whole or not at all. Larger units (4096) are multiples of it. */
export const sectorBytes = 512;
const endMark = 0xa5;

export const recordTypes = {
  /** First record of a segment: carries the running checksum over from the segment before. */
  carry: 1,
  metadata: 2,
  entry: 3,
  hardState: 4,
  /** A received snapshot became the start of the log. */
  snapshot: 5,
  /** Entries up to here are no longer needed. */
  release: 6,
  /** Keeps the place of a batch that holds nothing. */
  nothing: 7,
} as const;

export const flags = {
  /** The last record of its batch: a batch counts whole or not at all. */
  batchEnd: 1,
  /** The batch waits for a sync. */
  mustSync: 2,
} as const;

/** The largest payload that is written, in bytes. */
export const payloadBytesMax = 64 * 1024 * 1024;
/**
 * The largest payload that is read: above what is written, or a log could be written that cannot be read (etcd issue
 * #14025).
 */
export const payloadBytesReadMax = 2 * payloadBytesMax;
/** The smallest segment. */
export const segmentBytesMin = 4096;
/** Offsets are 32-bit, and a segment may exceed its size by one batch. */
export const segmentBytesMax = 1024 * 1024 * 1024;

/** How long a record with such a payload is, with header and padding. */
export function recordBytes(payloadBytes: number): number {
  return (headerBytes + payloadBytes + alignmentBytes) & ~(alignmentBytes - 1);
}

/**
 * Begins a record at `at`, all but what the writer seals. The caller fills the payload behind the header.
 * @returns its end
 */
export function beginRecord(view: DataView, at: number, type: number, flag: number, payloadBytes: number): number {
  invariant(payloadBytes <= payloadBytesMax, 'a record is within the limit of the writer', { payloadBytes });
  view.setUint32(at, payloadBytes, true);
  view.setUint32(at + 4, type | (flag << 8), true);
  const end = at + recordBytes(payloadBytes);
  for (let pad = at + headerBytes + payloadBytes; pad < end - 1; pad++) view.setUint8(pad, 0);
  view.setUint8(end - 1, endMark);
  return end;
}

export const lengthAt = (view: DataView, at: number): number => view.getUint32(at, true);
export const typeAt = (view: DataView, at: number): number => view.getUint8(at + 4);
export const flagsAt = (view: DataView, at: number): number => view.getUint8(at + 5);
export const syncedAt = (view: DataView, at: number): number => view.getUint32(at + 8, true);
export const previousAt = (view: DataView, at: number): number => view.getUint32(at + 12, true);
export const runningAt = (view: DataView, at: number): number => view.getUint32(at + 16, true);

/**
 * Where a record lies. It is part of the header's check, so that a record found in another place is not taken for one.
 */
export interface Place {
  readonly sequence: number;
  readonly offset: number;
}

function headerCheck(bytes: Uint8Array, at: number, { sequence, offset }: Place): number {
  return (crc32c(bytes, (Math.imul(sequence, 0x9e3779b1) ^ offset) >>> 0, at, at + 20) | 0x80000000) >>> 0;
}

function runningOf(bytes: Uint8Array, view: DataView, at: number, previous: number): number {
  const payload = at + headerBytes;
  return crc32c(bytes, crc32c(bytes, previous, at, at + 12), payload, payload + lengthAt(view, at));
}

/** Completes a record in place. @returns the running checksum behind it */
export function sealRecord(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  place: Place,
  synced: number,
  previous: number,
): number {
  view.setUint32(at + 8, synced, true);
  view.setUint32(at + 12, previous, true);
  const running = runningOf(bytes, view, at, previous);
  view.setUint32(at + 16, running, true);
  view.setUint32(at + 20, headerCheck(bytes, at, place), true);
  return running;
}

/** Whether a header stands here that was written for this place: its length and its other fields can be believed. */
export function headerIsSound(bytes: Uint8Array, view: DataView, at: number, place: Place): boolean {
  return view.getUint32(at + 20, true) === headerCheck(bytes, at, place);
}

/** Whether payload and padding are what the (sound) header says. */
export function contentIsSound(bytes: Uint8Array, view: DataView, at: number): boolean {
  const end = at + recordBytes(lengthAt(view, at));
  for (let pad = at + headerBytes + lengthAt(view, at); pad < end - 1; pad++) if (bytes[pad] !== 0) return false;
  return bytes[end - 1] === endMark && runningOf(bytes, view, at, previousAt(view, at)) === runningAt(view, at);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The end of the batch that begins at `at`. */
export function batchEndFrom(view: DataView, at: number): number {
  let next = at;
  for (;;) {
    const last = (flagsAt(view, next) & flags.batchEnd) !== 0;
    next += recordBytes(lengthAt(view, next));
    if (last) return next;
    invariant(next < view.byteLength, 'a region holds whole batches', { at, next });
  }
}

export function segmentName(sequence: number): string {
  return `${sequence.toString(16).padStart(16, '0')}.wal`;
}

/** @returns the sequence number in a segment's name; undefined for any other name */
export function sequenceOf(name: string): number | undefined {
  return /^[0-9a-f]{16}\.wal$/.test(name) ? Number.parseInt(name.slice(0, 16), 16) : undefined;
}

/** The segment that is being prepared. What it holds is never read. */
export const nextSegmentName = 'next.tmp';
