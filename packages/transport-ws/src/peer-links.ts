import type { Message, TransportPeer } from '@coterie/raft';
import { Connection, type OpenSocket } from './connection.js';
import { decodeMessages } from './frame.js';
import { closeCodes, type CloseCode } from './hello.js';
import { isBytesFrame, readBytesFrame } from './lane-frame.js';
import { PeerLink, type LinkHost, type LinkState } from './peer-link.js';

/** What the links tell. Neither may throw. */
export interface LinksHost extends LinkHost {
  onMessages(from: number, messages: readonly Message[]): void;
  onBytes(from: number, bytes: Uint8Array): void;
}

/** One peer, as its links stand. */
export interface LinkStatus {
  readonly id: number;
  readonly name: string;
  /** Of the connection on which we send. */
  readonly state: LinkState;
  /** Whether the peer has a connection on which it sends to us. */
  readonly heard: boolean;
  /** Bytes handed in for this peer and not yet taken by the operating system. */
  readonly backlogBytes: number;
}

/** The raft lane: for each listed peer the connection we send on and the one it sends on. */
export class PeerLinks {
  readonly #host: LinksHost;
  readonly #outgoing = new Map<number, PeerLink>();
  readonly #incoming = new Map<number, Connection>();
  readonly #open = new Set<Connection>();

  constructor(host: LinksHost) {
    this.#host = host;
  }

  setPeers(peers: ReadonlyMap<number, TransportPeer>): void {
    for (const [id, link] of this.#outgoing) {
      const peer = peers.get(id);
      if (peer !== undefined && peer.name === link.peer.name && peer.address === link.peer.address) continue;
      link.close('no longer listed');
      this.#outgoing.delete(id);
      if (peer?.name !== link.peer.name) this.#dismiss(id, closeCodes.removed, 'no longer listed');
    }
    for (const [id, peer] of peers) {
      if (this.#outgoing.has(id)) continue;
      const link = new PeerLink(peer, this.#host);
      this.#outgoing.set(id, link);
      link.open();
    }
  }

  link(id: number): PeerLink | undefined {
    return this.#outgoing.get(id);
  }

  /**
   * A peer has dialled. Its older connection is replaced: from here a peer that came back looks like one that has two.
   */
  accept(peer: TransportPeer, socket: OpenSocket): void {
    const connection: Connection = new Connection(socket, {
      message: (frame) => {
        // What a replaced connection still holds is older than what the new one brings.
        if (this.#incoming.get(peer.id) === connection) this.#receive(peer, frame);
      },
      closed: (why) => {
        this.#host.heart.remove(connection);
        this.#open.delete(connection);
        if (this.#incoming.get(peer.id) !== connection) return;
        this.#incoming.delete(peer.id);
        this.#host.logger.debug({ peer: peer.name, why }, 'peer hung up');
      },
    });
    this.#dismiss(peer.id, closeCodes.replaced, 'replaced by a newer connection');
    this.#incoming.set(peer.id, connection);
    this.#open.add(connection);
    this.#host.heart.add(connection);
  }

  beat(): void {
    for (const link of this.#outgoing.values()) link.beat();
  }

  status(): LinkStatus[] {
    return [...this.#outgoing.values()].map((link) => ({
      id: link.peer.id,
      name: link.peer.name,
      state: link.state,
      heard: this.#incoming.has(link.peer.id),
      backlogBytes: link.backlogBytes,
    }));
  }

  /** Ends every connection politely; what has not ended when the caller's patience has is the caller's to destroy. */
  close(): void {
    for (const link of this.#outgoing.values()) link.close('closing');
    this.#outgoing.clear();
    this.#incoming.clear();
    for (const connection of this.#open) connection.close(closeCodes.closing, 'closing');
  }

  #receive(peer: TransportPeer, frame: Buffer): void {
    try {
      if (isBytesFrame(frame)) {
        for (const piece of readBytesFrame(frame)) this.#host.onBytes(peer.id, piece);
      } else {
        const messages = decodeMessages(frame, { maxBytes: this.#host.limits.maxFrameBytes });
        if (messages.length > 0) this.#host.onMessages(peer.id, messages);
      }
    } catch (error) {
      // Only decoding throws here. Nothing of a frame is delivered before all of it has been checked.
      this.#host.logger.warn({ peer: peer.name, error: String(error) }, 'connection closed for a malformed frame');
      this.#dismiss(peer.id, closeCodes.malformed, 'malformed frame');
    }
  }

  /** Hears no more from this connection, as of now and not only when the other side has agreed to close it. */
  #dismiss(id: number, code: CloseCode, reason: string): void {
    const connection = this.#incoming.get(id);
    this.#incoming.delete(id);
    connection?.close(code, reason);
  }
}
