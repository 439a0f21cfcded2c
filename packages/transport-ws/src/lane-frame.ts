import { Buffer } from 'node:buffer';
import { malformed } from './strict-reader.js';

/**
 * First byte of a frame of opaque bytes. MessagePack never uses 0xc1, so it cannot begin a frame of messages, and those
 * go out exactly as `encodeMessages` makes them.
 */
const bytesMark = 0xc1;

const lengthBytes = 4;

/** Pieces in one frame; a turn that sends more uses more frames. */
export const maxPiecesPerFrame = 65_536;

/** Bytes that `bytesFrame` adds to each piece, and to all of them. */
export const pieceOverheadBytes = lengthBytes;

export function isBytesFrame(frame: Uint8Array): boolean {
  return frame[0] === bytesMark;
}

/** One frame of several pieces of opaque bytes, each with its length before it. */
export function bytesFrame(pieces: readonly Uint8Array[]): Uint8Array {
  let size = 1;
  for (const piece of pieces) size += lengthBytes + piece.length;
  const frame = Buffer.allocUnsafe(size);
  frame[0] = bytesMark;
  let at = 1;
  for (const piece of pieces) {
    frame.writeUInt32BE(piece.length, at);
    frame.set(piece, at + lengthBytes);
    at += lengthBytes + piece.length;
  }
  return frame;
}

/** The pieces, as views of the frame. @throws CoterieError ERR_PROTOCOL */
export function readBytesFrame(frame: Buffer): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 1; at < frame.length;) {
    if (pieces.length === maxPiecesPerFrame) malformed(`more than ${maxPiecesPerFrame} pieces`);
    if (frame.length - at < lengthBytes) malformed('it ends inside a length');
    const length = frame.readUInt32BE(at);
    at += lengthBytes;
    if (length > frame.length - at) malformed('a piece exceeds the frame');
    pieces.push(new Uint8Array(frame.buffer, frame.byteOffset + at, length));
    at += length;
  }
  return pieces;
}
