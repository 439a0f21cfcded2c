import { CoterieError } from '@coterie/errors';
import type { Entry, Message } from '@coterie/raft';
import { Packr } from 'msgpackr';
import { malformed, StrictReader } from './strict-reader.js';

/** First element of every frame; a frame of another format is refused. */
const formatVersion = 1;

/** Default of `limits.maxBytes` in {@link decodeMessages}: 64 MiB. */
const defaultMaxFrameBytes = 64 << 20;
/** Messages in one frame. A turn sends a peer a handful; this bounds what a frame of tiny ones costs to decode. */
const maxMessagesPerFrame = 65_536;

// The numbers on the wire are the positions here: new kinds go to the end, none is ever moved.
const kinds = [
  'append',
  'appendResponse',
  'heartbeat',
  'heartbeatResponse',
  'vote',
  'preVote',
  'voteResponse',
  'preVoteResponse',
  'propose',
  'readIndex',
  'readIndexResponse',
  'timeoutNow',
  'transferLeader',
] as const satisfies readonly Message['type'][];
const kindNumbers = new Map<Message['type'], number>(kinds.map((kind, i) => [kind, i]));

const entryKinds = ['normal', 'conf', 'empty'] as const satisfies readonly Entry['kind'][];
const entryKindNumbers = new Map<Entry['kind'], number>(entryKinds.map((kind, i) => [kind, i]));

const packr = new Packr({ useRecords: false, moreTypes: false });
// Large frames get a buffer of their own size: msgpackr grows its target by doubling and copying, and would keep the
// large one.
const largePackr = new Packr({ useRecords: false, moreTypes: false });
const nothing = Buffer.allocUnsafeSlow(64);
const largeBytes = 4 << 10;

type Packed = number | boolean | null | Uint8Array | Packed[];

/** An upper bound of the packed size: nine bytes a number, and the data. */
export function packedBytesMax(message: Message): number {
  let bytes = 128;
  if (message.type === 'append' || message.type === 'propose') {
    for (const { data } of message.entries) bytes += 32 + data.length;
  }
  return bytes;
}

/**
 * Encodes all messages of one turn for one peer as one frame: msgpackr positional arrays, no field names, entry data as
 * it is.
 *
 * The bytes are the caller's own, to send as they are. An empty list gives a valid frame.
 */
export function encodeMessages(messages: readonly Message[]): Uint8Array {
  const frame: Packed[] = [formatVersion];
  let bytesMax = 16;
  for (const message of messages) {
    bytesMax += packedBytesMax(message);
    frame.push(pack(message));
  }
  if (bytesMax <= largeBytes) return packr.pack(frame);
  largePackr.useBuffer(Buffer.allocUnsafeSlow(bytesMax));
  const packed = largePackr.pack(frame);
  largePackr.useBuffer(nothing);
  return packed;
}

/**
 * Decodes a frame of {@link encodeMessages} and checks all of it: size, shape, types and ranges.
 *
 * The messages are new plain objects. Entry data are views of `frame`: whoever keeps a small one for long copies it, so
 * that it does not hold the whole frame in memory.
 *
 * @param limits `maxBytes`: the longest frame taken, default 64 MiB
 * @throws CoterieError ERR_PROTOCOL; never anything else, whatever the bytes
 */
export function decodeMessages(
  frame: Uint8Array,
  limits: { readonly maxBytes?: number | undefined } = {},
): readonly Message[] {
  const maxBytes = limits.maxBytes ?? defaultMaxFrameBytes;
  if (frame.length > maxBytes) {
    throw new CoterieError('ERR_PROTOCOL', {
      message: `a frame of ${frame.length} bytes exceeds the limit of ${maxBytes}`,
    });
  }
  const reader = new StrictReader(frame);
  const length = reader.array();
  if (length === 0 || length > 1 + maxMessagesPerFrame) malformed(`${length} elements in a frame`);
  const version = reader.uint();
  if (version !== formatVersion) malformed(`format ${version}, this build knows ${formatVersion}`);
  const messages: Message[] = [];
  for (let i = 1; i < length; i++) messages.push(unpack(reader));
  reader.end();
  return messages;
}

function pack(message: Message): Packed {
  const { type, group, from, to, term } = message;
  const head = [kindNumbers.get(type) ?? -1, group, from, to, term];
  switch (message.type) {
    case 'append':
      return [...head, message.prevIndex, message.prevTerm, message.commit, message.entries.map(packEntry)];
    case 'appendResponse':
      return [...head, message.index, message.reject, message.rejectHint ?? null, message.logTerm ?? null];
    case 'heartbeat':
      return [...head, message.commit, message.context];
    case 'heartbeatResponse':
      return [...head, message.context, message.promiseMs ?? null, message.priority ?? null];
    case 'vote':
    case 'preVote':
      return [...head, message.lastIndex, message.lastTerm, message.transfer ?? null];
    case 'voteResponse':
    case 'preVoteResponse':
      return [...head, message.reject];
    case 'propose':
      return [...head, message.entries.map(packEntry)];
    case 'readIndex':
    case 'readIndexResponse':
      return [...head, message.context, message.index ?? null];
    case 'transferLeader':
      return [...head, message.target];
    case 'timeoutNow':
      return head;
  }
}

function packEntry({ term, index, kind, data }: Entry): Packed {
  return [term, index, entryKindNumbers.get(kind) ?? -1, data];
}

function unpack(reader: StrictReader): Message {
  const length = reader.array();
  const type = kinds[reader.uint()] ?? malformed('unknown kind of message');
  if (length !== lengths[type]) malformed(`${length} elements in a message of kind ${type}`);
  const head = { group: reader.uint(), from: reader.uint(), to: reader.uint(), term: reader.uint() };
  switch (type) {
    case 'append': {
      const [prevIndex, prevTerm, commit] = [reader.uint(), reader.uint(), reader.uint()];
      return { type, ...head, prevIndex, prevTerm, commit, entries: unpackEntries(reader) };
    }
    case 'appendResponse': {
      const [index, reject] = [reader.uint(), reader.bool()];
      const rejectHint = reader.nil() ? {} : { rejectHint: reader.uint() };
      return { type, ...head, index, reject, ...rejectHint, ...(reader.nil() ? {} : { logTerm: reader.uint() }) };
    }
    case 'heartbeat':
      return { type, ...head, commit: reader.uint(), context: reader.uint() };
    case 'heartbeatResponse': {
      const context = reader.uint();
      const promise = reader.nil() ? {} : { promiseMs: reader.uint() };
      return { type, ...head, context, ...promise, ...(reader.nil() ? {} : { priority: reader.uint() }) };
    }
    case 'vote':
    case 'preVote': {
      const [lastIndex, lastTerm] = [reader.uint(), reader.uint()];
      return { type, ...head, lastIndex, lastTerm, ...(reader.nil() ? {} : { transfer: reader.bool() }) };
    }
    case 'voteResponse':
    case 'preVoteResponse':
      return { type, ...head, reject: reader.bool() };
    case 'propose':
      return { type, ...head, entries: unpackEntries(reader) };
    case 'readIndex':
    case 'readIndexResponse': {
      const context = reader.uint();
      return { type, ...head, context, ...(reader.nil() ? {} : { index: reader.uint() }) };
    }
    case 'transferLeader':
      return { type, ...head, target: reader.uint() };
    case 'timeoutNow':
      return { type, ...head };
  }
}

/** Elements of each kind's array, the five of the head included. */
const lengths: Readonly<Record<Message['type'], number>> = {
  append: 9,
  appendResponse: 9,
  heartbeat: 7,
  heartbeatResponse: 8,
  vote: 8,
  preVote: 8,
  voteResponse: 6,
  preVoteResponse: 6,
  propose: 6,
  readIndex: 7,
  readIndexResponse: 7,
  timeoutNow: 5,
  transferLeader: 6,
};

function unpackEntries(reader: StrictReader): Entry[] {
  const entries: Entry[] = [];
  for (let left = reader.array(); left > 0; left--) {
    reader.tuple(4);
    const [term, index] = [reader.uint(), reader.uint()];
    const kind = entryKinds[reader.uint()] ?? malformed('unknown kind of entry');
    entries.push({ term, index, kind, data: reader.bin() });
  }
  return entries;
}
