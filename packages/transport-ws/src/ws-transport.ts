import { CoterieError } from '@coterie/errors';
import type {
  Message,
  NodeId,
  SnapshotMeta,
  SnapshotSource,
  Transport,
  TransportHandler,
  TransportPeer,
} from '@coterie/raft';
import { parsePeerAddress } from './address.js';
import type { OpenSocket } from './connection.js';
import { dial, type DialHost } from './dial.js';
import { Heart } from './heart.js';
import { closeCodes, maxNameBytes, type HelloJudge, type Lane } from './hello.js';
import { completeOptions, type CompleteOptions, type WsTransportOptions } from './options.js';
import { PeerLinks, type LinkStatus } from './peer-links.js';
import { PeerServer, type Admitted } from './server.js';
import { SnapshotLane } from './snapshot-lane.js';
import { Sockets } from './sockets.js';

/** Everything that lives between `start` and `close`. */
interface Running {
  readonly heart: Heart;
  readonly links: PeerLinks;
  readonly lane: SnapshotLane;
  readonly server: PeerServer;
}

/**
 * Raft messages over WebSockets: one binary frame a peer and turn, snapshots on connections of their own.
 *
 * Every buffer, wait and number of connections is bounded ({@link WsTransportOptions.limits}). No fault of a socket or
 * a peer throws, and none ends the process: links come back by themselves, and `onUnreachable` tells when one is down.
 * Nothing is sent twice by itself, so what was on the way when a connection broke is lost; Raft repeats what matters.
 */
export class WsTransport implements Transport {
  readonly #options: CompleteOptions;
  readonly #sockets = new Sockets();
  #peers: ReadonlyMap<NodeId, TransportPeer> = new Map();
  #handler: TransportHandler | undefined;
  #running: Running | undefined;
  #starting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /** @throws CoterieError ERR_INVALID_ARGUMENT that names the option */
  constructor(options: WsTransportOptions) {
    this.#options = completeOptions(options);
  }

  /**
   * Binds, and dials the peers set so far.
   *
   * @throws CoterieError ERR_LISTEN when the port cannot be had, ERR_INVALID_ARGUMENT when a name is longer than 512
   *   bytes, ERR_CLOSED when it was closed or started before
   */
  async start(handler: TransportHandler): Promise<void> {
    if (this.#closing !== undefined || this.#starting !== undefined) {
      throw new CoterieError('ERR_CLOSED', { message: 'a transport starts once' });
    }
    checkName('clusterId', handler.clusterId);
    checkName('self.name', handler.self.name);
    this.#starting = this.#start(handler);
    await this.#starting;
  }

  /** Where peers can dial: known once it listens, so that `port: 0` can be told to others. */
  get address(): string | undefined {
    return this.#running?.server.address;
  }

  /** How the links to the listed peers stand. */
  status(): readonly LinkStatus[] {
    return this.#running?.links.status() ?? [];
  }

  send(to: NodeId, messages: readonly Message[]): void {
    if (messages.length > 0) this.#running?.links.link(to)?.send(messages);
  }

  sendBytes(to: NodeId, bytes: Uint8Array): void {
    this.#running?.links.link(to)?.sendBytes(bytes);
  }

  /**
   * One transfer to a peer at a time; a second one fails at once. On abort it waits for a read of the source that is
   * under way.
   */
  async sendSnapshot(
    to: NodeId,
    meta: SnapshotMeta,
    source: SnapshotSource,
    opts: { signal: AbortSignal },
  ): Promise<'ok' | 'failed'> {
    const peer = this.#peers.get(to);
    if (this.#running === undefined || peer === undefined) return 'failed';
    return this.#running.lane.send(peer, meta, source, opts.signal);
  }

  /**
   * Who may be talked to from now on; this end itself is skipped. Changes nothing when it throws.
   *
   * @throws CoterieError ERR_INVALID_ARGUMENT when an address is not a `ws:` or `wss:` URL, or lies beyond loopback
   *   without `insecure`
   */
  setPeers(peers: readonly TransportPeer[]): void {
    const next = new Map<NodeId, TransportPeer>();
    for (const { id, name, address } of peers) {
      checkName('peer.name', name);
      parsePeerAddress(address, this.#options.insecure, 'peer.address');
      next.set(id, { id, name, address });
    }
    const before = this.#peers;
    this.#peers = next;
    this.#usePeers();
    for (const [id, { name }] of before) if (next.get(id)?.name !== name) this.#running?.lane.drop(id);
  }

  /** An open transport holds the process; after this it does not. */
  unref(): void {
    this.#sockets.unref();
    this.#running?.server.unref();
  }

  ref(): void {
    this.#sockets.ref();
    this.#running?.server.ref();
  }

  /**
   * Sends what was handed in, within `limits.closeGraceMs`, then ends every connection and frees the port. An
   * application's own server stays open. Transfers under way end as `failed`.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #start(handler: TransportHandler): Promise<void> {
    const { limits } = this.#options;
    this.#handler = handler;
    const heart: Heart = new Heart(limits.pingIntervalMs, limits.missedPings, () => links.beat());
    const links = this.#makeLinks(heart, handler);
    const lane = this.#makeLane(heart, handler);
    const server = new PeerServer({
      options: this.#options,
      sockets: this.#sockets,
      judge: this.#judge(handler),
      accepted: (socket, admitted) => this.#accepted(socket, admitted),
    });
    try {
      await server.start();
    } catch (error) {
      heart.stop();
      throw error;
    }
    this.#running = { heart, links, lane, server };
    this.#usePeers();
  }

  #makeLinks(heart: Heart, handler: TransportHandler): PeerLinks {
    const { limits, random, logger } = this.#options;
    return new PeerLinks({
      limits,
      random,
      logger,
      heart,
      dial: (peer, signal) => this.#dial(handler, peer, 'raft', signal),
      unreachable: (id, reason) => this.#guard(() => handler.onUnreachable(id, reason)),
      onMessages: (from, messages) => this.#guard(() => handler.onMessages(from, messages)),
      onBytes: (from, bytes) => this.#guard(() => handler.onBytes(from, bytes)),
    });
  }

  #makeLane(heart: Heart, handler: TransportHandler): SnapshotLane {
    return new SnapshotLane({
      options: this.#options,
      heart,
      dial: (peer, signal) => this.#dial(handler, peer, 'snapshot', signal),
      onSnapshot: async (peer, meta, signal) => handler.onSnapshot(peer.id, meta, { signal }),
    });
  }

  #judge(handler: TransportHandler): HelloJudge {
    return {
      self: { id: handler.self.id, name: handler.self.name },
      clusterId: handler.clusterId,
      peer: (id) => this.#peers.get(id),
      admit: (peer, incarnation) => {
        try {
          return this.#options.admit(peer, incarnation);
        } catch (error) {
          this.#options.logger.error({ peer: peer.name, error: String(error) }, 'admit threw');
          return false;
        }
      },
    };
  }

  #dial(handler: TransportHandler, peer: TransportPeer, lane: Lane, signal: AbortSignal): Promise<OpenSocket> {
    const { limits, tls, incarnation } = this.#options;
    const host: DialHost = { ...limits, judge: this.#judge(handler), tls, incarnation, sockets: this.#sockets };
    return dial(host, peer, lane, signal);
  }

  #accepted(socket: OpenSocket, { peer, lane }: Admitted): void {
    const running = this.#running;
    if (running === undefined || this.#closing !== undefined) socket.ws.close(closeCodes.closing, 'closing');
    else if (lane === 'raft') running.links.accept(peer, socket);
    else running.lane.receive(peer, socket);
  }

  #usePeers(): void {
    if (this.#closing !== undefined || this.#running === undefined) return;
    const self = this.#handler?.self.id;
    const others = new Map([...this.#peers].filter(([id]) => id !== self));
    this.#running.links.setPeers(others);
  }

  /** A handler must not throw; one that does breaks neither the link nor the process. */
  #guard(call: () => void): void {
    if (this.#closing !== undefined) return;
    try {
      call();
    } catch (error) {
      this.#options.logger.error({ error }, 'a transport handler threw');
    }
  }

  async #close(): Promise<void> {
    // A start under way ends first, one way or the other: a port is never left behind.
    await this.#starting?.catch(() => undefined);
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    const { heart, links, lane, server } = running;
    const closed = server.close();
    links.close();
    await this.#patience(lane.close());
    await this.#patience(this.#sockets.drained());
    heart.stop();
    await this.#sockets.destroyAll();
    await closed;
  }

  /** Waits, but not longer than the grace of a close. */
  async #patience(work: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.limits.closeGraceMs);
    });
    await Promise.race([work, enough]);
    clearTimeout(timer);
  }
}

function checkName(argument: string, name: string): void {
  if (typeof name === 'string' && name !== '' && Buffer.byteLength(name) <= maxNameBytes) return;
  throw new CoterieError('ERR_INVALID_ARGUMENT', {
    message: `${argument} must be text of 1 to ${maxNameBytes} bytes`,
    argument,
  });
}
