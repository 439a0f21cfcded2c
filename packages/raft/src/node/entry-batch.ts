import { CoterieError } from '@coterie/errors';

/**
 * The data of one normal entry: all commands that a leader gathered in one turn of its event loop, with the turn's
 * stamp.
 *
 * Layout, little-endian: u8 version, f64 stampMs, f64 wallMs, u32 count, then count times u32 length and the bytes. The
 * commands of a decoded batch are views into the entry's data, so nothing is copied between the wire and apply.
 */
export interface EntryBatch {
  readonly stampMs: number;
  readonly wallMs: number;
  readonly commands: readonly Uint8Array[];
}

const version = 1;
/** What a batch costs besides its commands. */
export const batchHeadBytes = 1 + 8 + 8 + 4;

/** What a command costs inside a batch besides its own bytes. */
export const commandOverheadBytes = 4;

export function encodeEntryBatch(batch: EntryBatch): Uint8Array {
  let size = batchHeadBytes;
  for (const command of batch.commands) size += commandOverheadBytes + command.length;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, version);
  view.setFloat64(1, batch.stampMs, true);
  view.setFloat64(9, batch.wallMs, true);
  view.setUint32(17, batch.commands.length, true);
  writeList(bytes, view, batchHeadBytes, batch.commands);
  return bytes;
}

/** @throws CoterieError ERR_CORRUPT when the bytes are not a whole batch */
export function decodeEntryBatch(data: Uint8Array): EntryBatch {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (data.length < batchHeadBytes || view.getUint8(0) !== version) {
    throw new CoterieError('ERR_CORRUPT', {
      message: `an entry of ${data.length} bytes is not a batch of version ${version}`,
    });
  }
  const commands = readList(data, view, batchHeadBytes, view.getUint32(17, true));
  return { stampMs: view.getFloat64(1, true), wallMs: view.getFloat64(9, true), commands };
}

/** Commands on their way from a follower to the leader: u32 count, then as in a batch. */
export function encodeCommandList(commands: readonly Uint8Array[]): Uint8Array {
  let size = 4;
  for (const command of commands) size += commandOverheadBytes + command.length;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, commands.length, true);
  writeList(bytes, view, 4, commands);
  return bytes;
}

/** @throws CoterieError ERR_CORRUPT */
export function decodeCommandList(data: Uint8Array): readonly Uint8Array[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (data.length < 4) throw new CoterieError('ERR_CORRUPT', { message: 'a command list without a count' });
  return readList(data, view, 4, view.getUint32(0, true));
}

function writeList(bytes: Uint8Array, view: DataView, start: number, items: readonly Uint8Array[]): void {
  let at = start;
  for (const item of items) {
    view.setUint32(at, item.length, true);
    bytes.set(item, at + 4);
    at += 4 + item.length;
  }
}

function readList(data: Uint8Array, view: DataView, start: number, count: number): Uint8Array[] {
  const items: Uint8Array[] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    const length = at + 4 <= data.length ? view.getUint32(at, true) : Infinity;
    if (at + 4 + length > data.length) {
      throw new CoterieError('ERR_CORRUPT', {
        message: `item ${i} of ${count} runs past the end of ${data.length} bytes`,
      });
    }
    items.push(data.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  if (at !== data.length)
    throw new CoterieError('ERR_CORRUPT', { message: `${data.length - at} bytes behind the last item` });
  return items;
}
