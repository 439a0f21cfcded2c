import { ByteWriter, putU48, uintSize } from './byte-writer.js';
import { commandFormat, commandTag, sequencedHeadBytes } from './command.js';
import { writeHandles } from './lease-codec.js';
import type { LeaseHandle, PutOperation, WriteRequest } from './operation.js';
import { flag, operationTag, writeRequest } from './request-codec.js';

const smallCommandBytes = 256;
/** Tag and flags of a put, and what it may say of a lease. */
const putHeadBytes = 10;

/** @param nonce 16 characters, one byte each, drawn at random */
export function encodeOpenSession(nonce: string): Uint8Array {
  const out = begin(commandTag.openSession, 2 + 1 + nonce.length);
  out.text(nonce);
  return out.finish();
}

/** One allocation for a put, the command that is nearly all of them. */
export function encodeWrite(session: number, sequence: number, ackedBelow: number, request: WriteRequest): Uint8Array {
  const out = begin(commandTag.write, sequencedHeadBytes + bodySizeHint(request));
  out.u48(session);
  out.u48(sequence);
  out.u48(ackedBelow);
  if (isPlainPut(request)) {
    out.u8(operationTag.put);
    out.u8(request.prev ? flag.prev : 0);
    out.text(request.key);
    out.bytes(request.value);
  } else {
    writeRequest(out, request);
  }
  return out.finish();
}

/** Takes the place of a command that was given up before it was sent, so that later ones are not held back. */
export function encodeSkip(session: number, sequence: number, ackedBelow: number): Uint8Array {
  const out = begin(commandTag.skip, sequencedHeadBytes);
  out.u48(session);
  out.u48(sequence);
  out.u48(ackedBelow);
  return out.finish();
}

/** Keeps a session alive and lets go of results below `ackedBelow`. */
export function encodeTouch(session: number, ackedBelow: number): Uint8Array {
  const out = begin(commandTag.touch, 14);
  out.u48(session);
  out.u48(ackedBelow);
  return out.finish();
}

/** Ends a session, if apply finds that it had no contact for the TTL. */
export function encodeEndSession(session: number): Uint8Array {
  const out = begin(commandTag.endSession, 8);
  out.u48(session);
  return out.finish();
}

/**
 * Sets session, sequence and ackedBelow of an encoded write or skip, in place.
 *
 * Only for a command that was never handed out: bytes on their way belong to whoever carries them.
 */
export function readdress(command: Uint8Array, session: number, sequence: number, ackedBelow: number): void {
  putU48(command, 2, session);
  putU48(command, 8, sequence);
  putU48(command, 14, ackedBelow);
}

/**
 * Ends leases, if apply finds that they are past their deadlines.
 *
 * @param leases at most the limit `expiriesPerEntry` of them
 */
export function encodeExpireLeases(leases: readonly LeaseHandle[]): Uint8Array {
  const out = begin(commandTag.expireLeases, 16 + leases.length * 16);
  writeHandles(out, leases);
  return out.finish();
}

function isPlainPut(request: WriteRequest): request is PutOperation {
  return (
    request.kind === 'put' &&
    request.ifRevision === undefined &&
    request.lease === undefined &&
    request.ttlMs === undefined
  );
}

function begin(tag: number, sizeHint: number): ByteWriter {
  const out = new ByteWriter(sizeHint);
  out.u8(commandFormat);
  out.u8(tag);
  return out;
}

function bodySizeHint(request: WriteRequest): number {
  if (request.kind === 'renewLeases') return 16 + request.leases.length * 16;
  if (request.kind !== 'put') return smallCommandBytes;
  const { key, value } = request;
  const condition = request.ifRevision === undefined ? 0 : uintSize(request.ifRevision);
  return putHeadBytes + condition + uintSize(key.length) + key.length + uintSize(value.length) + value.length;
}
