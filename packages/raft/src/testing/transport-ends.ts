import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Message, NodeId, SnapshotMeta } from '../core/messages.js';
import type { SnapshotSink } from '../ports/snapshot-store.js';
import type { Transport, TransportHandler, TransportPeer, UnreachableReason } from '../ports/transport.js';

/** How an author's transport is made for one end: listening where `self.address` says, if it listens at all. */
export type MakeTransport = (self: TransportPeer) => Promise<Transport>;

/** A hang margin in ms, not a claim about speed. */
const marginMs = 10_000;
const pollMs = 10;
/**
 * Another process may take the port between its choice and the start; a transport that cannot start at all fails every
 * time.
 */
const startAttempts = 3;

let lastId = 0;

/** A started transport and everything it has told its handler. */
export class TransportEnd {
  readonly self: TransportPeer;
  readonly transport: Transport;
  readonly messages: { readonly from: NodeId; readonly message: Message }[] = [];
  readonly bytes: { readonly from: NodeId; readonly bytes: Uint8Array }[] = [];
  readonly unreachable: NodeId[] = [];
  /** The reasons that came with them. */
  readonly reasons: (UnreachableReason | undefined)[] = [];
  /** Answers `onSnapshot`; without one every snapshot is refused. */
  receiveSnapshot: ((meta: SnapshotMeta, signal: AbortSignal) => Promise<SnapshotSink>) | undefined;

  constructor(self: TransportPeer, transport: Transport) {
    this.self = self;
    this.transport = transport;
  }

  get handler(): TransportHandler {
    return {
      self: this.self,
      clusterId: 'transport-suite',
      onMessages: (from, messages) => {
        for (const message of messages) this.messages.push({ from, message });
      },
      onBytes: (from, bytes) => void this.bytes.push({ from, bytes: new Uint8Array(bytes) }),
      onSnapshot: (_from, meta, { signal }) =>
        this.receiveSnapshot?.(meta, signal) ?? Promise.reject(new Error('this end takes no snapshots')),
      onUnreachable: (id, reason) => {
        this.unreachable.push(id);
        this.reasons.push(reason);
      },
    };
  }

  /** The contexts of the heartbeats received from `from`, in order of arrival. */
  beatsFrom(from: TransportEnd): number[] {
    const beats: number[] = [];
    for (const { from: id, message } of this.messages) {
      if (id === from.self.id && message.type === 'heartbeat') beats.push(message.context);
    }
    return beats;
  }
}

/** The ends of one test; closes them all when it is over. */
export class TransportEnds {
  readonly #make: MakeTransport;
  readonly #opened: Transport[] = [];

  constructor(make: MakeTransport) {
    this.#make = make;
  }

  /** A peer that nobody has started, at an address where nothing listens. */
  async absent(): Promise<TransportPeer> {
    const id = ++lastId;
    return { id, name: `end-${id}`, address: `ws://127.0.0.1:${await freePort()}` };
  }

  /** A transport that has not started yet. */
  async make(self: TransportPeer): Promise<TransportEnd> {
    const transport = await this.#make(self);
    this.#opened.push(transport);
    return new TransportEnd(self, transport);
  }

  async open(): Promise<TransportEnd> {
    for (let attempt = 1; ; attempt++) {
      const end = await this.make(await this.absent());
      try {
        await end.transport.start(end.handler);
        return end;
      } catch (error) {
        if (attempt === startAttempts) throw error;
        await end.transport.close();
      }
    }
  }

  /** Two ends that list each other and have heard each other. */
  async pair(): Promise<readonly [TransportEnd, TransportEnd]> {
    const [a, b] = [await this.open(), await this.open()];
    a.transport.setPeers([b.self]);
    b.transport.setPeers([a.self]);
    await heard(a, b);
    await heard(b, a);
    return [a, b];
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.map((transport) => transport.close()));
  }
}

export function beat(from: TransportEnd, to: TransportPeer, context: number): Message {
  return { type: 'heartbeat', group: 0, from: from.self.id, to: to.id, term: 1, commit: 0, context };
}

/**
 * Sends until one message arrives: a transport may drop while it connects. Afterwards what was received is forgotten.
 */
export async function heard(from: TransportEnd, to: TransportEnd): Promise<void> {
  const before = to.beatsFrom(from).length;
  await until(`${to.self.name} hears ${from.self.name}`, () => {
    from.transport.send(to.self.id, [beat(from, to.self, 0)]);
    return to.beatsFrom(from).length > before;
  });
  await quiet(to);
}

/** Waits until nothing has arrived for a while, then forgets what had. */
export async function quiet(end: TransportEnd): Promise<void> {
  for (let seen = -1; seen !== end.messages.length;) {
    seen = end.messages.length;
    await pause(5 * pollMs);
  }
  end.messages.length = 0;
}

/** @throws Error when `holds` is still false after the margin */
export async function until(what: string, holds: () => boolean): Promise<void> {
  for (let waited = 0; !holds(); waited += pollMs) {
    if (waited >= marginMs) throw new Error(`waited ${marginMs} ms in vain: ${what}`);
    await pause(pollMs);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

/** A promise that must settle: a transport that hangs fails its test instead of the run. */
export async function settles<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${marginMs} ms in vain: ${what}`)), marginMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  return port;
}
