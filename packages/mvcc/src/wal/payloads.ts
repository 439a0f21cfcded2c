import type { AppendBatch, ConfState, Entry, HardState, SnapshotMeta } from '@coterie/raft';
import { beginRecord, flags, formatVersion, headerBytes, payloadBytesMax, recordBytes, recordTypes } from './format.js';

/*
 * Payloads. Numbers are little-endian; terms, indices and ids are safe integers in 64 bits.
 *
 *   entry      group u32, kind u8, 0 u24, term u64, index u64, data
 *   hardState  group u32, 0 u32, term u64, vote u64, commit u64
 *   snapshot   group u32, autoLeave u8, 0 u24, index u64, term u64, size u64, four counts u32, ids u64
 *   release    group u32, 0 u32, index u64, term u64
 *   carry      "coterlog", version u32, length of the segment's head u32
 */
/** What stands before the data of an entry. */
export const entryHeadBytes = 24;
/** The most data one entry can have in the log, in bytes. */
export const entryDataBytesMax = payloadBytesMax - entryHeadBytes;
const hardStateBytes = 32;
const snapshotHeadBytes = 48;
const releaseBytes = 24;
export const carryBytes = 16;
const magic = Uint8Array.from([0x63, 0x6f, 0x74, 0x65, 0x72, 0x6c, 0x6f, 0x67]);

const kinds = ['normal', 'conf', 'empty'] as const;
const kindNumbers: Readonly<Record<Entry['kind'], number>> = { normal: 0, conf: 1, empty: 2 };

/** A position of the log. */
export interface LogPosition {
  readonly index: number;
  readonly term: number;
}

function setInteger(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

function integerAt(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

/** How many bytes the records of a batch take. */
export function batchBytes(batch: AppendBatch): number {
  let total = 0;
  if (batch.snapshot !== undefined) total += recordBytes(snapshotBytes(batch.snapshot.conf));
  for (const entry of batch.entries) total += recordBytes(entryHeadBytes + entry.data.length);
  if (batch.hardState !== undefined) total += recordBytes(hardStateBytes);
  return total === 0 ? recordBytes(0) : total;
}

/** Writes the records of a batch, unsealed, into exactly {@link batchBytes} bytes. */
export function encodeBatch(batch: AppendBatch, group: number, into: Uint8Array, view: DataView): void {
  const { snapshot, entries, hardState } = batch;
  const flag = batch.mustSync ? flags.mustSync : 0;
  const lastFlag = flag | flags.batchEnd;
  let at = 0;
  if (snapshot !== undefined) {
    at = encodeSnapshot(snapshot, group, view, at, entries.length + (hardState ? 1 : 0) === 0 ? lastFlag : flag);
  }
  for (let i = 0; i < entries.length; i++) {
    const last = i === entries.length - 1 && hardState === undefined;
    at = encodeEntry(entries[i] as Entry, group, into, view, at, last ? lastFlag : flag);
  }
  if (hardState !== undefined) at = encodeHardState(hardState, group, view, at, lastFlag);
  if (at === 0) beginRecord(view, 0, recordTypes.nothing, lastFlag, 0);
}

function encodeEntry(entry: Entry, group: number, into: Uint8Array, view: DataView, at: number, flag: number): number {
  const end = beginRecord(view, at, recordTypes.entry, flag, entryHeadBytes + entry.data.length);
  const payload = at + headerBytes;
  view.setUint32(payload, group, true);
  view.setUint32(payload + 4, kindNumbers[entry.kind], true);
  setInteger(view, payload + 8, entry.term);
  setInteger(view, payload + 16, entry.index);
  into.set(entry.data, payload + entryHeadBytes);
  return end;
}

function encodeHardState(state: HardState, group: number, view: DataView, at: number, flag: number): number {
  const end = beginRecord(view, at, recordTypes.hardState, flag, hardStateBytes);
  const payload = at + headerBytes;
  view.setUint32(payload, group, true);
  view.setUint32(payload + 4, 0, true);
  setInteger(view, payload + 8, state.term);
  setInteger(view, payload + 16, state.vote);
  setInteger(view, payload + 24, state.commit);
  return end;
}

const halves = ({ voters, votersOutgoing, learners, learnersNext }: ConfState): readonly (readonly number[])[] => [
  voters,
  votersOutgoing,
  learners,
  learnersNext,
];

function snapshotBytes(conf: ConfState): number {
  return snapshotHeadBytes + 8 * halves(conf).reduce((sum, ids) => sum + ids.length, 0);
}

function encodeSnapshot(meta: SnapshotMeta, group: number, view: DataView, at: number, flag: number): number {
  const end = beginRecord(view, at, recordTypes.snapshot, flag, snapshotBytes(meta.conf));
  const payload = at + headerBytes;
  view.setUint32(payload, group, true);
  view.setUint32(payload + 4, meta.conf.autoLeave ? 1 : 0, true);
  setInteger(view, payload + 8, meta.index);
  setInteger(view, payload + 16, meta.term);
  setInteger(view, payload + 24, meta.size);
  let id = payload + snapshotHeadBytes;
  halves(meta.conf).forEach((ids, i) => {
    view.setUint32(payload + 32 + 4 * i, ids.length, true);
    for (const member of ids) {
      setInteger(view, id, member);
      id += 8;
    }
  });
  return end;
}

/** How many bytes the batch of {@link encodeRelease} takes. */
export const releaseBatchBytes = recordBytes(releaseBytes);

/** A batch that says from where on the log is needed. It forces no sync: losing it only keeps more of the log. */
export function encodeRelease(through: LogPosition, group: number, view: DataView): void {
  beginRecord(view, 0, recordTypes.release, flags.batchEnd, releaseBytes);
  view.setUint32(headerBytes, group, true);
  view.setUint32(headerBytes + 4, 0, true);
  setInteger(view, headerBytes + 8, through.index);
  setInteger(view, headerBytes + 16, through.term);
}

export function encodeCarry(into: Uint8Array, view: DataView, headLength: number): number {
  const end = beginRecord(view, 0, recordTypes.carry, 0, carryBytes);
  into.set(magic, headerBytes);
  view.setUint32(headerBytes + 8, formatVersion, true);
  view.setUint32(headerBytes + 12, headLength, true);
  return end;
}

/**
 * Payload decoders: `payload` has been checked against its checksum, so that what fails here is another format, not
 * damage.
 */
export function decodeCarry(
  payload: Uint8Array,
  view: DataView,
): { readonly version: number; readonly headLength: number } | undefined {
  if (payload.length !== carryBytes || magic.some((byte, i) => payload[i] !== byte)) return undefined;
  return { version: view.getUint32(8, true), headLength: view.getUint32(12, true) };
}

/** Undefined where there is no room for one. */
export function groupOf(view: DataView): number | undefined {
  return view.byteLength < 8 ? undefined : view.getUint32(0, true);
}

/** The index of an entry, from its payload at `at`. */
export function entryIndexAt(view: DataView, at: number): number {
  return integerAt(view, at + 16);
}

/** Index and term of an entry; undefined where its payload is none. */
export function entryPosition(view: DataView): LogPosition | undefined {
  if (view.byteLength < entryHeadBytes || kinds[view.getUint8(4)] === undefined) return undefined;
  return { index: integerAt(view, 16), term: integerAt(view, 8) };
}

/** Copies the data: an entry must not keep the segment that it was read from. */
export function decodeEntry(payload: Uint8Array, view: DataView): Entry | undefined {
  if (payload.length < entryHeadBytes) return undefined;
  const kind = kinds[view.getUint8(4)];
  if (kind === undefined) return undefined;
  return { term: integerAt(view, 8), index: integerAt(view, 16), kind, data: payload.slice(entryHeadBytes) };
}

/** @returns undefined for a payload of another shape, as all that follow */
export function decodeHardState(view: DataView): HardState | undefined {
  if (view.byteLength !== hardStateBytes) return undefined;
  return { term: integerAt(view, 8), vote: integerAt(view, 16), commit: integerAt(view, 24) };
}

export function decodeSnapshot(view: DataView): (LogPosition & { readonly conf: ConfState }) | undefined {
  if (view.byteLength < snapshotHeadBytes) return undefined;
  const members = [32, 36, 40, 44].reduce((sum, at) => sum + view.getUint32(at, true), 0);
  if (view.byteLength !== snapshotHeadBytes + 8 * members) return undefined;
  let id = snapshotHeadBytes;
  const [voters, votersOutgoing, learners, learnersNext] = [0, 1, 2, 3].map((half) =>
    Array.from({ length: view.getUint32(32 + 4 * half, true) }, () => integerAt(view, (id += 8) - 8)),
  ) as [number[], number[], number[], number[]];
  const conf = { voters, votersOutgoing, learners, learnersNext, autoLeave: view.getUint8(4) === 1 };
  return { index: integerAt(view, 8), term: integerAt(view, 16), conf };
}

/** Of a `release` payload at `at`. */
export function decodeRelease(view: DataView, at = 0): LogPosition | undefined {
  if (view.byteLength < at + releaseBytes) return undefined;
  return { index: integerAt(view, at + 8), term: integerAt(view, at + 16) };
}
