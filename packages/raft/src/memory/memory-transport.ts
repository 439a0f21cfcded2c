import { CoterieError } from '@coterie/errors';
import type { Message, NodeId, SnapshotMeta } from '../core/messages.js';
import type { SnapshotSource } from '../ports/snapshot-store.js';
import type { Transport, TransportHandler, TransportPeer } from '../ports/transport.js';
import type { Frame } from './frame-copy.js';
import type { MemoryNetwork, MemoryNode } from './memory-network.js';

/** One member's end of a {@link MemoryNetwork}. */
export class MemoryTransport implements Transport {
  readonly #network: MemoryNetwork;
  readonly #closing = new AbortController();
  #peers: ReadonlySet<NodeId> = new Set();
  #node: MemoryNode | undefined;

  constructor(network: MemoryNetwork) {
    this.#network = network;
  }

  start(handler: TransportHandler): Promise<void> {
    if (this.#closing.signal.aborted || this.#node !== undefined) {
      const state = this.#node === undefined ? 'closed' : 'started already';
      return Promise.reject(new CoterieError('ERR_CLOSED', { message: `the transport is ${state}` }));
    }
    const node: MemoryNode = { handler, lists: (id) => this.#peers.has(id), links: new Map() };
    try {
      this.#network.join(node);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
    this.#node = node;
    return Promise.resolve();
  }

  setPeers(peers: readonly TransportPeer[]): void {
    this.#peers = new Set(peers.map((peer) => peer.id));
  }

  send(to: NodeId, messages: readonly Message[]): void {
    if (messages.length > 0) this.#send(to, { messages });
  }

  sendBytes(to: NodeId, bytes: Uint8Array): void {
    this.#send(to, { bytes });
  }

  async sendSnapshot(
    to: NodeId,
    meta: SnapshotMeta,
    source: SnapshotSource,
    opts: { signal: AbortSignal },
  ): Promise<'ok' | 'failed'> {
    if (this.#node === undefined) return 'failed';
    const signal = AbortSignal.any([opts.signal, this.#closing.signal]);
    return this.#network.sendSnapshot(this.#node, to, meta, source, signal);
  }

  close(): Promise<void> {
    this.#closing.abort();
    if (this.#node !== undefined) this.#network.leave(this.#node);
    this.#node = undefined;
    return Promise.resolve();
  }

  #send(to: NodeId, frame: Frame): void {
    if (this.#node !== undefined && this.#peers.has(to)) this.#network.send(this.#node, to, frame);
  }
}
