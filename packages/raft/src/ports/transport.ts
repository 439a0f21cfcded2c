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

/**
 * What a transport calls, on the driver's thread; only `onUnreachable` may come from inside a call to the transport.
 * `from` is what the transport authenticated, not what the bytes say; nothing comes from a peer that is not listed, and
 * nothing after `close`. The methods do not throw.
 */
export interface TransportHandler {
  readonly self: TransportPeer;
  readonly clusterId: string;
  /** What one `send` gave, perhaps with gaps; the objects and their bytes are the handler's from here on. */
  onMessages(from: NodeId, messages: readonly Message[]): void;
  /** Messages of the layers above raft (forwarded commands, bootstrap): opaque bytes. */
  onBytes(from: NodeId, bytes: Uint8Array): void;
  /**
   * A peer offers a snapshot; rejects when it is not wanted now. `signal` fires when the transfer is over for any
   * reason but a commit.
   */
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
  /**
   * Best effort; may drop, never reorders within a connection, never blocks, never throws, not even before `start`, to
   * nobody, or after `close`. The messages are not changed and not kept once they are encoded. What waits for one peer
   * is bounded: beyond the bound it is dropped and reported as `overflow`.
   */
  send(to: NodeId, messages: readonly Message[]): void;
  /** As `send`, for opaque bytes; the bytes are the transport's from here on. */
  sendBytes(to: NodeId, bytes: Uint8Array): void;
  /**
   * Carries a snapshot on a way of its own, so that it never delays messages: asks the far end for a sink, goes on
   * where that stands, and resolves `ok` only after the sink has committed. Resolves `failed` for every other end, soon
   * after the abort of `signal` too; never rejects. The source is the caller's to close. A transport that carries no
   * snapshots resolves `failed` at once: a member that lags behind the others' logs then stays behind. (`ok` would be
   * believed: the leader sends entries that do not fit, is told so, and asks for the next snapshot, for ever.)
   */
  sendSnapshot(
    to: NodeId,
    meta: SnapshotMeta,
    source: SnapshotSource,
    opts: { signal: AbortSignal },
  ): Promise<'ok' | 'failed'>;
  /** Who may be talked to from now on. Links to others are closed. */
  setPeers(peers: readonly TransportPeer[]): void;
  /** Idempotent; nothing of it is left running, and its address is free. */
  close(): Promise<void>;
}
