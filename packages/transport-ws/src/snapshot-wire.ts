import { crc32 } from 'node:zlib';
import type { ConfState, SnapshotMeta } from '@coterie/raft';
import { Packr } from 'msgpackr';
import { malformed, StrictReader } from './strict-reader.js';

/** What the sender of a snapshot says. */
export type SenderNote =
  | { readonly type: 'begin'; readonly meta: SnapshotMeta; readonly size: number }
  | { readonly type: 'chunk'; readonly data: Uint8Array }
  | { readonly type: 'end' };

/** What its receiver says. `busy` only breaks the silence while the disk works. */
export type ReceiverNote =
  | { readonly type: 'go'; readonly offset: number; readonly windowBytes: number }
  | { readonly type: 'written'; readonly through: number }
  | { readonly type: 'busy' }
  | { readonly type: 'done' }
  | { readonly type: 'refused'; readonly reason: string };

/** Chunks that may be on the way at once, however small a source gives them; more break the transfer. */
export const maxChunksOnTheWay = 1024;

/** Longest note that is not a chunk: the configuration of a large cluster fits many times. */
const maxNoteBytes = 64 << 10;
const maxReasonLength = 200;

// First byte of a chunk; MessagePack never uses it, so it cannot begin another note.
const chunkMark = 0xc1;
const chunkHeadBytes = 5;

const packr = new Packr({ useRecords: false, moreTypes: false });
const senderKinds = ['begin', 'end'] as const;
const receiverKinds = ['go', 'written', 'busy', 'done', 'refused'] as const;

export function encodeChunk(data: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafeSlow(chunkHeadBytes + data.length);
  frame[0] = chunkMark;
  frame.writeUInt32BE(crc32(data), 1);
  frame.set(data, chunkHeadBytes);
  return frame;
}

export function encodeBegin(meta: SnapshotMeta, size: number): Uint8Array {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = meta.conf;
  return packr.pack([
    senderKinds.indexOf('begin'),
    [meta.index, meta.term, meta.size, [voters, votersOutgoing, learners, learnersNext, autoLeave]],
    size,
  ]);
}

export function encodeEnd(): Uint8Array {
  return packr.pack([senderKinds.indexOf('end')]);
}

/** @throws CoterieError ERR_PROTOCOL */
export function decodeSenderNote(frame: Buffer, maxChunkBytes: number): SenderNote {
  if (frame[0] === chunkMark) return decodeChunk(frame, maxChunkBytes);
  const reader = beginNote(frame);
  const length = reader.array();
  const type = senderKinds[reader.uint()] ?? malformed('unknown note of a sender');
  if (length !== (type === 'begin' ? 3 : 1)) malformed(`a note '${type}' of ${length} elements`);
  const note: SenderNote = type === 'begin' ? { type, meta: readMeta(reader), size: reader.uint() } : { type };
  reader.end();
  return note;
}

export function encodeReceiverNote(note: ReceiverNote): Uint8Array {
  const kind = receiverKinds.indexOf(note.type);
  if (note.type === 'go') return packr.pack([kind, note.offset, note.windowBytes]);
  if (note.type === 'written') return packr.pack([kind, note.through]);
  if (note.type === 'refused') return packr.pack([kind, note.reason.slice(0, maxReasonLength)]);
  return packr.pack([kind]);
}

/** @throws CoterieError ERR_PROTOCOL */
export function decodeReceiverNote(frame: Uint8Array): ReceiverNote {
  const reader = beginNote(frame);
  const length = reader.array();
  const type = receiverKinds[reader.uint()] ?? malformed('unknown note of a receiver');
  const expected = type === 'go' ? 3 : type === 'written' || type === 'refused' ? 2 : 1;
  if (length !== expected) malformed(`a note '${type}' of ${length} elements`);
  const note = readReceiverNote(type, reader);
  reader.end();
  return note;
}

function readReceiverNote(type: ReceiverNote['type'], reader: StrictReader): ReceiverNote {
  if (type === 'go') return { type, offset: reader.uint(), windowBytes: reader.uint() };
  if (type === 'written') return { type, through: reader.uint() };
  if (type === 'refused') return { type, reason: reader.text() };
  return { type };
}

function decodeChunk(frame: Buffer, maxChunkBytes: number): SenderNote {
  const length = frame.length - chunkHeadBytes;
  if (length < 1 || length > maxChunkBytes) malformed(`a chunk of ${length} bytes`);
  const data = new Uint8Array(frame.buffer, frame.byteOffset + chunkHeadBytes, length);
  // TCP's own 16-bit sum lets about one error in 65,536 pass (Stone and Partridge, SIGCOMM 2000); a snapshot is many
  // packets.
  if (crc32(data) !== frame.readUInt32BE(1)) malformed('a chunk whose checksum does not match');
  return { type: 'chunk', data };
}

function beginNote(frame: Uint8Array): StrictReader {
  if (frame.length > maxNoteBytes) malformed(`a note of ${frame.length} bytes`);
  return new StrictReader(frame);
}

function readMeta(reader: StrictReader): SnapshotMeta {
  reader.tuple(4);
  const [index, term, size] = [reader.uint(), reader.uint(), reader.uint()];
  reader.tuple(5);
  const conf: ConfState = {
    voters: readIds(reader),
    votersOutgoing: readIds(reader),
    learners: readIds(reader),
    learnersNext: readIds(reader),
    autoLeave: reader.bool(),
  };
  return { index, term, conf, size };
}

function readIds(reader: StrictReader): number[] {
  const ids: number[] = [];
  for (let left = reader.array(); left > 0; left--) ids.push(reader.uint());
  return ids;
}
