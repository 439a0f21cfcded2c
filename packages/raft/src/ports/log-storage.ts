import type { ConfState, Entry, Index, Term } from '../core/messages.js';
import type { AppendBatch, HardState } from '../core/ready.js';

/** What a log storage found on its disk. */
export interface LoadedLog {
  /**
   * The newest one that was written; (0, 0, 0) in a new log. `commit` may lag behind what was once reported, because a
   * moved commit index is not synced by itself; it is never below `start` and never beyond the last entry.
   */
  readonly hardState: HardState;
  /** The last entry before the log's first: of a snapshot mark, or (0, 0). */
  readonly start: { readonly index: Index; readonly term: Term };
  /** Configuration of the newest snapshot mark, if there is one. */
  readonly conf?: ConfState;
  /** Everything durable behind `start`, contiguous. */
  readonly entries: readonly Entry[];
}

/**
 * The durable log: one ordered stream of entries, hard states and snapshot marks.
 *
 * Contract:
 *
 * - Batches become durable in the order in which they were given, each as a whole or, after a crash, as a prefix of its
 *   entries; many may share one sync. An acknowledged batch is there after any crash, with everything before it.
 * - `done` is called once for each batch, in that order, never from inside `append`, on the thread of the driver, and
 *   only when the batch is durable (for `mustSync` false: when it is written in its place in the stream).
 * - An entry replaces what the log holds at its index and everything behind it; a snapshot mark replaces the whole log
 *   and comes before the entries of its batch.
 * - After the first error every later batch fails too (fail-stop: a failed fsync is never retried, because the page may
 *   be clean and lost, https://wiki.postgresql.org/wiki/Fsync_Errors).
 *
 * The driver calls `load` once and first, then `append` and `release` in any order, all from one thread. It gives
 * batches without waiting for earlier ones: how much is on its way is bounded by the core (uncommitted and in-flight
 * bytes), not here.
 */
export interface LogStorage {
  /** Reads the durable log once, before the first append. @throws CoterieError ERR_CORRUPT, ERR_STORAGE */
  load(): LoadedLog;
  /**
   * Takes a batch; never blocks, never throws for what a disk does: errors come through `done`. The entries and their
   * bytes are never changed by anybody afterwards, so they need no copy.
   */
  append(batch: AppendBatch, done: (error?: Error) => void): void;
  /**
   * Entries up to and including `through` are no longer needed. Idempotent; the storage may keep more, and may take its
   * time. `through` is durable here, and what lies behind it stays.
   */
  release(through: { readonly index: Index; readonly term: Term }): void;
  /** How many syncs have been made: proof of grouping. */
  readonly syncCount: number;
  /** Writes what was given, calls what is left of `done`, then closes. Idempotent; a batch given later fails. */
  close(): Promise<void>;
}
