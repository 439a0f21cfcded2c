import { replicatedLimits } from '../limits.js';
import { ByteReader, corrupt } from './byte-reader.js';
import { type Command, commandFormat, commandTag, nonceLength, sequencedHeadBytes } from './command.js';
import { readHandles } from './lease-codec.js';
import { readRequest } from './request-codec.js';

/**
 * The command in these bytes; its values are views into them.
 *
 * @throws CoterieError ERR_CORRUPT for any bytes that are no command; nothing else is ever thrown
 */
export function decodeCommand(bytes: Uint8Array): Command {
  const from = new ByteReader(bytes);
  const format = from.u8();
  if (format !== commandFormat) throw corrupt(`format ${format} of a command`);
  const command = readBody(from, from.u8());
  from.end();
  return command;
}

function readBody(from: ByteReader, tag: number): Command {
  switch (tag) {
    case commandTag.write: {
      const session = from.u48();
      const sequence = readSequence(from);
      const ackedBelow = from.u48();
      return { kind: 'write', session, sequence, ackedBelow, request: readRequest(from) };
    }
    case commandTag.skip: {
      const session = from.u48();
      const sequence = readSequence(from);
      return { kind: 'skip', session, sequence, ackedBelow: from.u48() };
    }
    case commandTag.touch: {
      const session = from.u48();
      return { kind: 'touch', session, ackedBelow: from.u48() };
    }
    case commandTag.endSession:
      return { kind: 'endSession', session: from.u48() };
    case commandTag.expireLeases:
      return { kind: 'expireLeases', leases: readHandles(from, replicatedLimits.expiriesPerEntry) };
    case commandTag.openSession: {
      const nonce = from.text(nonceLength);
      if (nonce.length !== nonceLength) throw corrupt('a nonce is too short');
      return { kind: 'openSession', nonce };
    }
    default:
      throw corrupt(`unknown command ${tag}`);
  }
}

/**
 * The place of a write whose request cannot be read, when at least its head can.
 *
 * Such a command (of a newer version, or of a fault in an encoder) must still take its sequence: were it a no-op, its
 * session would wait for that sequence for ever.
 */
export function decodeSequencedHead(
  bytes: Uint8Array,
): { session: number; sequence: number; ackedBelow: number } | undefined {
  if (bytes.length < sequencedHeadBytes || bytes[0] !== commandFormat || bytes[1] !== commandTag.write)
    return undefined;
  const from = new ByteReader(bytes.subarray(2, sequencedHeadBytes));
  const head = { session: from.u48(), sequence: from.u48(), ackedBelow: from.u48() };
  return head.sequence === 0 ? undefined : head;
}

function readSequence(from: ByteReader): number {
  const sequence = from.u48();
  if (sequence === 0) throw corrupt('sequences begin at 1');
  return sequence;
}
