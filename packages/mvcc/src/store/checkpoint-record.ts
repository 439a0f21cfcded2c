import { CoterieError } from '@coterie/errors';
import { firstFeatureLevel } from '../features.js';
import { crc32c } from '../files/crc32c.js';
import { emptyManifest, type HistoryManifest, type HistorySegment } from './history/manifest.js';
import type { StoreState } from './types.js';

/** What a checkpoint says of itself, in the same batch as its keys. */
export interface CheckpointRecord {
  readonly state: StoreState;
  readonly history: HistoryManifest;
}

/**
 * Nothing has been applied. The first change makes revision 2, as in etcd (§1.1 of its API reference: a fresh store is
 * at revision 1).
 */
export const initialState: StoreState = {
  appliedIndex: 0,
  appliedTerm: 0,
  revision: 1,
  compactRevision: 0,
  logTimeMs: 0,
  chain: 0,
  contentSum: 0,
  keys: 0,
  featureLevel: firstFeatureLevel,
  quotas: new Uint8Array(0),
  cluster: new Uint8Array(0),
  sessions: new Uint8Array(0),
  leases: new Uint8Array(0),
};

export const initialCheckpoint: CheckpointRecord = { state: initialState, history: emptyManifest };

const formatVersion = 2;
/** Numbers of the state, and the next ordinal. */
const numbersCount = 10;
/** Behind the version and the numbers: the lengths of the parts and of the segments. */
const lengthsAt = 4 + numbersCount * 8;
const headBytes = lengthsAt + 5 * 4;
const segmentInfoBytes = 4 * 8;
const checksumBytes = 4;

/**
 * Little-endian: version uint32; the state's numbers and the next ordinal as float64; five lengths; bytes; segments;
 * CRC32C of it all.
 */
export function encodeCheckpoint(record: CheckpointRecord): Uint8Array {
  const sealing = new CheckpointSealing(record);
  while (!sealing.step(Number.POSITIVE_INFINITY));
  return sealing.bytes;
}

/** A record that is encoded, and gets its checksum a slice at a time. */
export class CheckpointSealing {
  readonly bytes: Uint8Array;
  #at = 0;
  #crc = 0;

  constructor(record: CheckpointRecord) {
    this.bytes = layOut(record);
  }

  /** Sums so many bytes more. @returns whether it is done */
  step(slice: number): boolean {
    const { bytes } = this;
    const end = bytes.length - checksumBytes;
    const to = Math.min(end, this.#at + slice);
    this.#crc = crc32c(bytes, this.#crc, this.#at, to);
    this.#at = to;
    if (to < end) return false;
    new DataView(bytes.buffer).setUint32(end, this.#crc, true);
    return true;
  }
}

function layOut({ state, history }: CheckpointRecord): Uint8Array {
  const parts = [state.cluster, state.sessions, state.leases, state.quotas];
  const partBytes = parts.reduce((sum, part) => sum + part.length, 0);
  const size = headBytes + partBytes + history.segments.length * segmentInfoBytes + checksumBytes;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, formatVersion, true);
  const numbers = [
    state.appliedIndex,
    state.appliedTerm,
    state.revision,
    state.compactRevision,
    state.logTimeMs,
    state.chain,
    state.contentSum,
    state.keys,
    state.featureLevel,
    history.nextOrdinal,
  ];
  numbers.forEach((number, position) => {
    view.setFloat64(4 + position * 8, number, true);
  });
  let at = headBytes;
  parts.forEach((part, position) => {
    view.setUint32(lengthsAt + position * 4, part.length, true);
    bytes.set(part, at);
    at += part.length;
  });
  view.setUint32(lengthsAt + parts.length * 4, history.segments.length, true);
  for (const { ordinal, firstRevision, lastRevision, bytes: length } of history.segments) {
    [ordinal, firstRevision, lastRevision, length].forEach((number, position) => {
      view.setFloat64(at + position * 8, number, true);
    });
    at += segmentInfoBytes;
  }
  return bytes;
}

/** @throws CoterieError ERR_CORRUPT */
export function decodeCheckpoint(given: Uint8Array): CheckpointRecord {
  // Copied: the parts live as long as the store does, and so would what else is in the buffer.
  const bytes = Uint8Array.from(given);
  const view = new DataView(bytes.buffer);
  const end = bytes.length - checksumBytes;
  if (end < headBytes || view.getUint32(end, true) !== crc32c(bytes, 0, 0, end))
    throw damaged('its checksum does not match');
  const version = view.getUint32(0, true);
  if (version !== formatVersion) throw damaged(`it has format ${version}, this build reads ${formatVersion}`);
  const length = (position: number): number => view.getUint32(lengthsAt + position * 4, true);
  const clusterEnd = headBytes + length(0);
  const sessionsEnd = clusterEnd + length(1);
  const leasesEnd = sessionsEnd + length(2);
  const quotasEnd = leasesEnd + length(3);
  const count = length(4);
  if (quotasEnd + count * segmentInfoBytes !== end) throw damaged('its lengths disagree');
  const number = (position: number): number => view.getFloat64(4 + position * 8, true);
  const state: StoreState = {
    appliedIndex: number(0),
    appliedTerm: number(1),
    revision: number(2),
    compactRevision: number(3),
    logTimeMs: number(4),
    chain: number(5),
    contentSum: number(6),
    keys: number(7),
    featureLevel: number(8),
    quotas: bytes.subarray(leasesEnd, quotasEnd),
    cluster: bytes.subarray(headBytes, clusterEnd),
    sessions: bytes.subarray(clusterEnd, sessionsEnd),
    leases: bytes.subarray(sessionsEnd, leasesEnd),
  };
  const segments: HistorySegment[] = [];
  for (let at = quotasEnd; at < end; at += segmentInfoBytes) {
    segments.push({
      ordinal: view.getFloat64(at, true),
      firstRevision: view.getFloat64(at + 8, true),
      lastRevision: view.getFloat64(at + 16, true),
      bytes: view.getFloat64(at + 24, true),
    });
  }
  return { state, history: { nextOrdinal: number(9), segments } };
}

function damaged(why: string): Error {
  return new CoterieError('ERR_CORRUPT', { message: `the state of the checkpoint is damaged: ${why}` });
}
