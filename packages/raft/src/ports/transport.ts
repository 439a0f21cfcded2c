import type { Message, NodeId, SnapshotMeta } from '../core/messages.js';
import type { SnapshotSink, SnapshotSource } from './snapshot-store.js';

/** The far end of a link: an id that the transport authenticates, a name for people, an address it can dial. */
export interface TransportPeer {
  readonly id: NodeId;
  readonly name: string;
  readonly address: string;
}

/**
 * Why a peer cannot be reached: an established link broke (`lost`), the peer's host answered that nothing listens there
 * (`refused`: the process is gone), no link could be made (`unreachable`), or messages were dropped because the peer
 * takes them too slowly (`overflow`).
 */
export type UnreachableReason = 'lost' | 'refused' | 'unreachable' | 'overflow';

/** What a transport calls. `from` is what the transport authenticated, not what the bytes say. */
export interface TransportHandler {
  readonly self: TransportPeer;
  readonly clusterId: string;
  onMessages(from: NodeId, messages: readonly Message[]): void;
  /** Messages of the layers above raft (forwarded commands, bootstrap): opaque bytes. */
  onBytes(from: NodeId, bytes: Uint8Array): void;
  onSnapshot(from: NodeId, meta: SnapshotMeta, opts: { signal: AbortSignal }): Promise<SnapshotSink>;
  /** Messages to this peer were or will be lost. A transport that cannot tell why leaves the reason out. */
  onUnreachable(id: NodeId, reason?: UnreachableReason): void;
}

/**
 * Carries messages between members. See `@coterie/transport-ws` for one over WebSockets, `MemoryNetwork` for one in
 * memory.
 */
export interface Transport {
  /** Binds and begins to accept. @throws CoterieError ERR_LISTEN when it cannot. */
  start(handler: TransportHandler): Promise<void>;
  /** Best effort; may drop, never reorders within a connection, never blocks, never throws. */
  send(to: NodeId, messages: readonly Message[]): void;
  /** As `send`, for opaque bytes; the bytes are the transport's from here on. */
  sendBytes(to: NodeId, bytes: Uint8Array): void;
  sendSnapshot(
    to: NodeId,
    meta: SnapshotMeta,
    source: SnapshotSource,
    opts: { signal: AbortSignal },
  ): Promise<'ok' | 'failed'>;
  /** Who may be talked to from now on. Links to others are closed. */
  setPeers(peers: readonly TransportPeer[]): void;
  /** Idempotent; nothing of it is left running. */
  close(): Promise<void>;
}
