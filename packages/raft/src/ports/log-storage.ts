import type { ConfState, Entry, Index, Term } from '../core/messages.js';
import type { AppendBatch, HardState } from '../core/ready.js';

/** What a log storage found on its disk. */
export interface LoadedLog {
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
 * Contract: batches become durable in the order in which they were given; `done` is called once for each, in that
 * order, never from inside `append`; after the first error every later batch fails too (fail-stop: a failed fsync is
 * never retried, because the page may be clean and lost, https://wiki.postgresql.org/wiki/Fsync_Errors). Many batches
 * may share one sync.
 */
export interface LogStorage {
  /** Reads the durable log once, before the first append. @throws CoterieError ERR_CORRUPT, ERR_STORAGE */
  load(): LoadedLog;
  append(batch: AppendBatch, done: (error?: Error) => void): void;
  /** Entries up to and including `through` are no longer needed. Idempotent; the storage may keep more. */
  release(through: { readonly index: Index; readonly term: Term }): void;
  /** How many syncs have been made: proof of grouping. */
  readonly syncCount: number;
  /** Writes what was given, then closes. Idempotent. */
  close(): Promise<void>;
}
