import { beginRecord, flags, headerBytes, recordBytes, recordTypes, sealRecord, viewOf } from './format.js';
import { carryBytes, encodeCarry } from './payloads.js';

/** What every segment repeats at its head, so that the segments before it can go. Payloads, as they were written. */
export interface HeadState {
  readonly metadata: Uint8Array;
  hardState?: Uint8Array | undefined;
  snapshot?: Uint8Array | undefined;
  release?: Uint8Array | undefined;
}

/** The head of a segment, sealed: one batch. `running` is the checksum behind it. */
export interface SegmentHead {
  readonly bytes: Uint8Array;
  readonly running: number;
}

/**
 * @param running the running checksum at the end of the segment before; 0 for the first
 */
export function encodeHead(sequence: number, running: number, state: HeadState): SegmentHead {
  const records: { readonly type: number; readonly payload: Uint8Array }[] = [
    { type: recordTypes.metadata, payload: state.metadata },
  ];
  if (state.snapshot !== undefined) records.push({ type: recordTypes.snapshot, payload: state.snapshot });
  if (state.release !== undefined) records.push({ type: recordTypes.release, payload: state.release });
  if (state.hardState !== undefined) records.push({ type: recordTypes.hardState, payload: state.hardState });

  const length = records.reduce((sum, { payload }) => sum + recordBytes(payload.length), recordBytes(carryBytes));
  const bytes = new Uint8Array(length);
  const view = viewOf(bytes);
  let at = encodeCarry(bytes, view, length);
  records.forEach(({ type, payload }, i) => {
    const end = beginRecord(view, at, type, i === records.length - 1 ? flags.batchEnd : 0, payload.length);
    bytes.set(payload, at + headerBytes);
    at = end;
  });

  let sum = running;
  for (let record = 0; record < length;) {
    sum = sealRecord(bytes, view, record, { sequence, offset: record }, 0, sum);
    record += recordBytes(view.getUint32(record, true));
  }
  return { bytes, running: sum };
}
