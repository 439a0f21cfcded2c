import type { NodeId, SnapshotMeta } from '@coterie/raft';
import type net from 'node:net';

/** What goes over a socket: u32 length of the body, u8 kind, body. */
export const kinds = { hello: 1, messages: 2, bytes: 3, chunk: 4, commit: 5, position: 6, committed: 7 } as const;
const headBytes = 5;
const frameBytesMax = 64 << 20;

/** One frame as it came; the body is a view. */
export interface Frame {
  readonly kind: number;
  readonly body: Buffer;
}

/** What comes in over a socket. */
export type Frames = AsyncGenerator<Frame, undefined>;

/** The first frame of every socket: who dials, and whether it brings a snapshot. */
export interface Hello {
  readonly id: NodeId;
  readonly cluster: string;
  readonly snapshot?: SnapshotMeta | undefined;
}

export function write(socket: net.Socket, kind: number, body: Uint8Array = new Uint8Array()): void {
  const head = Buffer.allocUnsafe(headBytes);
  head.writeUInt32LE(body.length);
  head[4] = kind;
  socket.cork();
  socket.write(head);
  socket.write(body);
  // At the end of the turn: what one turn sends is one packet.
  process.nextTick(() => socket.uncork());
}

/** The frames of a socket. Ends with it; throws for a frame that is too long. */
export async function* frames(socket: net.Socket): Frames {
  let [parts, have, need] = [[] as Buffer[], 0, headBytes];
  for await (const part of socket as AsyncIterable<Buffer>) {
    parts.push(part);
    have += part.length;
    while (have >= need) {
      const all = Buffer.concat(parts);
      const length = all.readUInt32LE();
      if (length > frameBytesMax) throw new RangeError(`a frame of ${length} bytes; up to ${frameBytesMax} are taken`);
      need = headBytes + length;
      parts = [all];
      if (have < need) break;
      yield { kind: all[4]!, body: all.subarray(headBytes, need) };
      parts = [all.subarray(need)];
      have -= need;
      need = headBytes;
    }
  }
  return undefined;
}

/** Where the far end stands. @throws TypeError when it says something else, or nothing any more */
export async function readPosition(answers: Frames): Promise<number> {
  const { value } = await answers.next();
  if (value?.kind !== kinds.position) throw new TypeError('the far end does not say where it stands');
  return value.body.readDoubleLE();
}

export function writePosition(socket: net.Socket, at: number): void {
  const body = Buffer.alloc(8);
  body.writeDoubleLE(at);
  write(socket, kinds.position, body);
}

export function writeHello(socket: net.Socket, hello: Hello): void {
  write(socket, kinds.hello, Buffer.from(JSON.stringify(hello)));
}

/** @throws TypeError, SyntaxError for what no member says */
export async function readHello(incoming: Frames): Promise<Hello> {
  const { value: frame } = await incoming.next();
  const hello = frame?.kind === kinds.hello ? (JSON.parse(frame.body.toString()) as Partial<Hello> | null) : undefined;
  const meta = hello?.snapshot;
  const numbers = [hello?.id, ...(meta === undefined ? [] : [meta.index, meta.term, meta.size, ...idsOf(meta)])];
  if (typeof hello?.cluster !== 'string' || !numbers.every((n) => Number.isSafeInteger(n) && n! >= 0)) {
    throw new TypeError('no hello');
  }
  return hello as Hello;
}

function idsOf({ conf }: SnapshotMeta): readonly NodeId[] {
  if (typeof conf.autoLeave !== 'boolean') throw new TypeError('no configuration');
  return [...conf.voters, ...conf.votersOutgoing, ...conf.learners, ...conf.learnersNext];
}
