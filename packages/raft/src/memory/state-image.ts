import { CoterieError } from '@coterie/errors';
import type { MemberRecord } from '../ports/state-machine.js';

/** What a snapshot in memory holds besides its meta. */
export interface StateImage {
  readonly members: readonly MemberRecord[];
  readonly logTimeMs: number;
  readonly state: Uint8Array;
}

const headBytes = 8 + 4;
const memberHeadBytes = 8 + 4;

/** Layout, little-endian: f64 log time, u32 members, for each f64 id, u32 length and its record; then the state. */
export function encodeImage(members: readonly MemberRecord[], logTimeMs: number, state: Uint8Array): Uint8Array {
  const size = members.reduce((sum, { data }) => sum + memberHeadBytes + data.length, headBytes + state.length);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, logTimeMs, true);
  view.setUint32(8, members.length, true);
  let at = headBytes;
  for (const { id, data } of members) {
    view.setFloat64(at, id, true);
    view.setUint32(at + 8, data.length, true);
    bytes.set(data, at + memberHeadBytes);
    at += memberHeadBytes + data.length;
  }
  bytes.set(state, at);
  return bytes;
}

/** @throws CoterieError ERR_CORRUPT */
export function decodeImage(bytes: Uint8Array): StateImage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const members: MemberRecord[] = [];
  try {
    let at = headBytes;
    for (let left = view.getUint32(8, true); left > 0; left--) {
      const end = at + memberHeadBytes + view.getUint32(at + 8, true);
      if (end > bytes.length) throw new RangeError('a member record runs past the end');
      members.push({ id: view.getFloat64(at, true), data: bytes.slice(at + memberHeadBytes, end) });
      at = end;
    }
    return { members, logTimeMs: view.getFloat64(0, true), state: bytes.subarray(at) };
  } catch (cause) {
    throw new CoterieError('ERR_CORRUPT', { message: 'a snapshot is no image of a state in memory', cause });
  }
}
