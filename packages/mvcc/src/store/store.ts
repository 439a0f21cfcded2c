import type { CoterieError } from '@coterie/errors';
import type { SnapshotMeta, SnapshotSink, SnapshotSource } from '@coterie/raft';
import type { StoreStatistics } from './store-statistics.js';
import type {
  BinaryKey,
  FrozenState,
  KeyedRecord,
  KeyRange,
  KeyRecord,
  RevisionEvents,
  StoreState,
  StoreView,
  Wanted,
} from './types.js';

/** What the store tells its machine. */
export interface StoreHost {
  /** The state to freeze into a checkpoint, as of the last applied entry. Called between two applies. */
  freeze(): FrozenState;
  /** The checkpoint of this state is durable. */
  checkpointed(state: StoreState): void;
  failed(error: Error): void;
}

/**
 * The newest version of each key on disk, the versions since the last checkpoint in memory, and the history of changes
 * beside them.
 *
 * The apply side is synchronous. The log is redo only: after a restart the machine replays what lies behind
 * `recovered()`.
 */
export interface Store {
  /** The state of the checkpoint that the store stands on. */
  recovered(): StoreState;
  attach(host: StoreHost): void;

  // ------------------------------------------------------------------------------------------ apply, synchronous
  /**
   * Loads what an apply will read.
   *
   * @returns true when it is in memory already; otherwise `ready` is called once, later.
   */
  prefetch(wanted: Wanted, ready: () => void): boolean;
  /** The newest version. A key that was not prefetched is read from disk synchronously: correct, only slower. */
  lookup(key: BinaryKey): KeyRecord | undefined;
  /**
   * The first `limit` live records of a range, in key order.
   * @returns undefined when the range is not in memory: prefetch it (again) and come back
   */
  scan(range: KeyRange, limit: number): readonly KeyedRecord[] | undefined;
  /**
   * Takes the changes of one revision: memory, caches and history. They are the store's from here on: the value of a
   * new version that is a part of a larger buffer is replaced, in its record, by a copy.
   */
  commit(change: RevisionEvents): void;
  /** Called after every entry of so many bytes, with or without changes; may begin a checkpoint. */
  entryApplied(index: number, bytes: number): void;
  /**
   * Brings everything applied so far to disk, unless it is there. Resolves too when the store is closed or fails first.
   */
  checkpointNow(): Promise<void>;
  /**
   * As {@link checkpointNow}, and lets go of what is in memory only to be read faster. For between two entries, while
   * nothing is prefetched: a replay would fill that memory with what nobody has asked for.
   */
  unload(): Promise<void>;
  /** Moves the compact revision; history below it may be dropped after the next checkpoint. */
  compact(revision: number): void;
  /**
   * Where to compact to so that the files of history take at most so many bytes; 0 when they do. Files of this member:
   * another one's may be cut elsewhere.
   */
  historyFrom(maxBytes: number): number;
  /**
   * Resolves when the files that hold nothing but changes below a compacted revision are gone from this disk. Begins a
   * checkpoint if none has been taken since the compaction; waits for reads and exports that hold files.
   *
   * @throws CoterieError ERR_CLOSED, ERR_STORAGE
   */
  deleteCompacted(revision: number): Promise<void>;
  /** The own log is durable up to this index. */
  logDurable(index: number): void;
  /**
   * Begins a checkpoint of everything applied, unless one is under way: another member needs a newer one than there is.
   */
  checkpointSoon(): void;
  /** Why a checkpoint was given up: the disk is full. None is begun before that one was written. */
  readonly noSpace: CoterieError | undefined;
  /** Writes the checkpoint again that was given up, if there is one. */
  retryCheckpoint(): void;
  /** True while memtable and frozen memtable are both full: proposals get ERR_OVERLOADED. */
  readonly overloaded: boolean;
  /**
   * While `prefetch` is loading, or the store is overloaded until its checkpoint is written: a number that changes with
   * every operation of the disk for that which ends. Otherwise undefined, also while `noSpace` tells that a checkpoint
   * is given up for now.
   */
  readonly diskWait: number | undefined;

  // ------------------------------------------------------------------------------------------ reads
  /** The newest version when it is known without a disk; 'on-disk' when only a disk read can tell. */
  peek(key: BinaryKey): KeyRecord | undefined | 'on-disk';
  /** @throws CoterieError ERR_CORRUPT */
  get(key: BinaryKey): Promise<KeyRecord | undefined>;
  /** The state at this moment, pinned. */
  view(): StoreView;
  /**
   * The state at an earlier revision, from history. The caller has checked compaction.
   *
   * @throws CoterieError ERR_COMPACTED
   */
  viewAt(revision: number): Promise<StoreView>;
  /** Changes from this revision on are in memory, so that `changes` needs no file for them. */
  readonly recentFrom: number;
  /**
   * Changes of consecutive revisions from `from` on, about `maxBytes` of them and at least one revision if there is
   * one. `next` is where to go on. Calls back at once where memory holds them, later where files do.
   */
  changes(
    from: number,
    maxBytes: number,
    done: (error: Error | undefined, changes: readonly RevisionEvents[], next: number) => void,
  ): void;

  // ------------------------------------------------------------------------------------------ snapshots
  openSnapshot(): Promise<{
    readonly state: StoreState;
    readonly meta: Omit<SnapshotMeta, 'conf'>;
    readonly source: SnapshotSource;
  }>;
  receiveSnapshot(meta: SnapshotMeta): Promise<SnapshotSink>;
  /** Makes the committed snapshot current: after it `recovered()` is the snapshot's state and every cache is new. */
  installSnapshot(meta: SnapshotMeta): void;

  /** An order-independent sum over all live records, read from disk and memory: equal on members at equal revision. */
  contentHash(): Promise<{ readonly revision: number; readonly hash: string; readonly keys: number }>;
  readonly statistics: StoreStatistics;
  close(): Promise<void>;
}
