// A transport over node:net: each member dials a socket to each other one for what it sends, and one for a snapshot.
import { CoterieError } from '@coterie/errors';
import type * as raft from '@coterie/raft';
import { decodeMessages, encodeMessages } from '@coterie/transport-ws';
import { once } from 'node:events';
import net from 'node:net';
import { placeOf } from './address.js';
import { type Frames, frames, kinds, readHello, readPosition, write, writeHello, writePosition } from './frames.js';

/** What may wait for one peer; raft sends again what is dropped beyond it. */
const waitingBytesMax = 32 << 20;
const chunkBytes = 256 << 10;
/** A connection that has not said who it is by then is closed. */
const helloMs = 5_000;

/** No secret and no encryption: whoever can dial the port can be a member. For networks where that is all right. */
export class NetTransport implements raft.Transport {
  readonly #sockets = new Set<net.Socket>();
  readonly #links = new Map<raft.NodeId, net.Socket>();
  readonly #server = net.createServer((socket) => void this.#serve(this.#keep(socket))).on('error', () => {});
  #peers: ReadonlyMap<raft.NodeId, raft.TransportPeer> = new Map();
  #handler: raft.TransportHandler | undefined;
  #closing: Promise<void> | undefined;

  async start(handler: raft.TransportHandler): Promise<void> {
    if (this.#closing !== undefined) throw new CoterieError('ERR_CLOSED', { message: 'the transport is closed' });
    const { address } = handler.self;
    await once(this.#server.listen(placeOf(address)), 'listening').catch((cause: unknown) => {
      throw new CoterieError('ERR_LISTEN', { message: `cannot listen on ${address}`, cause });
    });
    this.#handler = handler;
  }

  setPeers(peers: readonly raft.TransportPeer[]): void {
    this.#peers = new Map(peers.map((peer) => [peer.id, peer]));
    for (const [id, link] of this.#links) if (!this.#peers.has(id) && this.#links.delete(id)) link.destroy();
  }

  send(to: raft.NodeId, messages: readonly raft.Message[]): void {
    if (messages.length > 0) this.#send(to, kinds.messages, () => encodeMessages(messages));
  }

  sendBytes(to: raft.NodeId, bytes: Uint8Array): void {
    this.#send(to, kinds.bytes, () => bytes);
  }

  readonly sendSnapshot: raft.Transport['sendSnapshot'] = async (to, meta, source, { signal }) => {
    const socket = signal.aborted ? undefined : this.#dial(to, meta);
    if (socket === undefined) return 'failed';
    const abort = (): void => void socket.resetAndDestroy();
    signal.addEventListener('abort', abort, { once: true });
    try {
      const answers = frames(socket);
      // Each chunk waits for its answer: so the far end always reads, and hears at once that this socket was reset.
      for (let at = await readPosition(answers); at < source.size; at = await readPosition(answers)) {
        write(socket, kinds.chunk, await source.read(at, Math.min(chunkBytes, source.size - at)));
      }
      write(socket, kinds.commit);
      return (await answers.next()).value?.kind === kinds.committed ? 'ok' : 'failed';
    } catch {
      return 'failed';
    } finally {
      signal.removeEventListener('abort', abort);
      socket.destroy();
    }
  };

  close(): Promise<void> {
    this.#handler = undefined;
    for (const socket of this.#sockets) socket.destroy();
    return (this.#closing ??= new Promise((resolve) => void this.#server.close(() => resolve())));
  }

  #send(to: raft.NodeId, kind: number, body: () => Uint8Array): void {
    const link = this.#links.get(to) ?? this.#link(to);
    if (link === undefined) return;
    if (link.writableLength > waitingBytesMax) this.#handler?.onUnreachable(to, 'overflow');
    else write(link, kind, body());
  }

  #link(to: raft.NodeId): net.Socket | undefined {
    const link = this.#dial(to);
    if (link === undefined) return undefined;
    this.#links.set(to, link);
    let reason: raft.UnreachableReason = 'unreachable';
    link.once('connect', () => (reason = 'lost')).resume();
    link.on('error', (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED' && (reason = 'refused'));
    // The next message dials again. One that setPeers has dropped is nobody's loss.
    link.on('close', () => {
      if (this.#links.get(to) === link && this.#links.delete(to)) this.#handler?.onUnreachable(to, reason);
    });
    return link;
  }

  #dial(to: raft.NodeId, snapshot?: raft.SnapshotMeta): net.Socket | undefined {
    const [peer, handler] = [this.#peers.get(to), this.#handler];
    if (peer === undefined || handler === undefined) return undefined;
    const socket = this.#keep(net.connect({ ...placeOf(peer.address), noDelay: true }));
    writeHello(socket, { id: handler.self.id, cluster: handler.clusterId, snapshot });
    return socket;
  }

  #keep(socket: net.Socket): net.Socket {
    this.#sockets.add(socket);
    return socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
  }

  /** A socket that another member has dialed. Whatever is wrong with it closes it, and nothing else. */
  async #serve(socket: net.Socket): Promise<void> {
    socket.setTimeout(helloMs, () => socket.destroy());
    try {
      const incoming = frames(socket);
      const { id, cluster, snapshot } = await readHello(incoming);
      if (cluster !== this.#handler?.clusterId || !this.#peers.has(id)) return;
      socket.setTimeout(0);
      // Behind a snapshot nothing comes any more: the loop ends at once.
      if (snapshot !== undefined) await this.#receive(id, snapshot, socket, incoming);
      for await (const { kind, body } of incoming) {
        if (!this.#peers.has(id)) return;
        if (kind === kinds.messages) this.#handler?.onMessages(id, decodeMessages(body));
        else if (kind === kinds.bytes) this.#handler?.onBytes(id, body);
      }
    } catch {
      // Not one of us, or gone: a member dials again.
    } finally {
      socket.destroy();
    }
  }

  async #receive(from: raft.NodeId, meta: raft.SnapshotMeta, socket: net.Socket, incoming: Frames): Promise<void> {
    const over = new AbortController();
    let committing = false;
    socket.once('close', () => committing || over.abort());
    const sink = await this.#handler!.onSnapshot(from, meta, { signal: over.signal });
    try {
      let at = sink.offset;
      writePosition(socket, at);
      for await (const { kind, body } of incoming) {
        if (committing) return;
        committing = kind === kinds.commit;
        await (committing ? sink.commit() : sink.write(body));
        if (committing) write(socket, kinds.committed);
        else writePosition(socket, (at += body.length));
      }
    } finally {
      if (!committing) await sink.abort();
    }
  }
}
