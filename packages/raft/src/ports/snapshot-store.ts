import type { SnapshotMeta } from '../core/messages.js';

/** A point-in-time snapshot that can be read at any offset, so that a transfer can resume. */
export interface SnapshotSource {
  /** In bytes; equal to the `size` of the snapshot's meta. It does not change while the source is open. */
  readonly size: number;
  /**
   * `length` bytes from `offset` on, fewer only at the end. The bytes may be a view of a buffer that the next call uses
   * again. One call at a time. @throws CoterieError ERR_CORRUPT, ERR_STORAGE, ERR_CLOSED
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Lets go of what the snapshot pinned. Idempotent. */
  close(): Promise<void>;
}

/**
 * Where a received snapshot goes. `offset` is where the sender goes on.
 *
 * A transport calls `write` one at a time, and then exactly one of `commit` and `abort`, once: `abort` ends this use of
 * the sink, and whether the part received so far is kept for the next transfer of the same snapshot is the receiver's
 * business.
 */
export interface SnapshotSink {
  /** How many bytes of this very snapshot are here already; fixed when the sink is made. */
  readonly offset: number;
  /** Takes the next bytes; they are the caller's again when the promise settles. @throws CoterieError ERR_STORAGE */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Everything was written: checks it, makes it durable, and does not make it current. Rejects when bytes are missing,
   * superfluous or damaged; nothing that failed here is ever installed, and the next transfer begins at 0.
   *
   * @throws CoterieError ERR_CORRUPT, ERR_STORAGE
   */
  commit(): Promise<void>;
  /** Ends this use without a snapshot. Idempotent with itself, never called after `commit`. */
  abort(): Promise<void>;
}

/**
 * Snapshots of the state machine: the newest one to send, and one that is received.
 *
 * It belongs to the {@link StateMachine} of the same node, and one object may implement both. The driver opens as many
 * sources as it has members to send to, and one sink at a time.
 *
 * The order in which a received snapshot becomes the state is the driver's: `commit` of the sink (data durable), then
 * the snapshot mark in the log (durable), then `installSnapshot`, and only then the next apply. A crash between two of
 * them leaves either the old state with its log, or the new one; what a crash between mark and install leaves behind
 * must come up as the *new* state, because the log now begins behind it (etcd issue 10219 is the opposite order).
 */
export interface SnapshotStore {
  /**
   * A point-in-time snapshot to send to a member that lags too far. It does not move while applies go on, and its index
   * is one that the log still continues from: that of the last checkpoint or later, never beyond what is applied.
   *
   * @throws CoterieError ERR_STORAGE when there is nothing to send yet; the driver probes on and asks again
   */
  openSnapshot(): Promise<{ readonly meta: SnapshotMeta; readonly source: SnapshotSource }>;
  /**
   * Where a received snapshot is built, beside the running state, which goes on applying. The sink stands where an
   * earlier transfer of the very same snapshot (index, term, size) ended, if that part was kept.
   *
   * @throws CoterieError ERR_STORAGE
   */
  receiveSnapshot(meta: SnapshotMeta): Promise<SnapshotSink>;
  /**
   * Makes the committed snapshot the state, synchronously and all at once: when this returns, `applied()`, `cluster()`
   * and `logTimeMs()` of the state machine are those of the snapshot, and nothing of the old state shows in the next
   * apply. Called between applies, once for a committed snapshot. A throw stops the node.
   */
  installSnapshot(meta: SnapshotMeta): void;
}
