import { CoterieError } from '@coterie/errors';

const KiB = 1024;
const MiB = 1024 * KiB;

/** What bounds the memory, the files and the turns of one store. All of it is local: members may differ. */
export interface StoreLimits {
  /**
   * Bytes of changes in memory, or of entries in the log, that begin a checkpoint; default 64 MiB. At twice this many
   * the store is overloaded.
   */
  readonly checkpointBytes: number;
  /** Changes and entries that begin a checkpoint: about 2 s of replay after a restart; default 200,000. */
  readonly checkpointOperations: number;
  /**
   * Bytes of records in one batch of a checkpoint; default 2 MiB. What is filled is one string that moves as it grows,
   * in one call: at 32 MiB that held the loop for 12 ms, and one sync of it held up those of the log.
   */
  readonly checkpointBatchBytes: number;
  /** Records that one turn of a checkpoint, a snapshot or a scan handles; default 512, about a millisecond. */
  readonly sliceRecords: number;
  /** Bytes that one turn handles, and that one read or write of a file moves; default 512 KiB. */
  readonly sliceBytes: number;
  /** Bytes of clean records kept for reading; default 64 MiB. */
  readonly cacheBytes: number;
  /** Bytes of ranges loaded for entries that will be applied; default 32 MiB. One range is always taken. */
  readonly prefetchBytes: number;
  /** Bytes of history kept in memory behind a checkpoint, for watches; default 8 MiB. */
  readonly recentBytes: number;
  /** Bytes of one history file, beyond which the next revision goes to a new one; default 4 MiB. */
  readonly segmentBytes: number;
  /** Open views; default 10,000, beyond it ERR_OVERLOADED. */
  readonly views: number;
  /** Bytes of memory that old views may hold back, beyond which the oldest end with ERR_OVERLOADED; default 256 MiB. */
  readonly viewBytes: number;
  /** Bytes of undone changes that one view of the past holds; default 64 MiB, beyond it ERR_TOO_LARGE. */
  readonly undoBytes: number;
  /** Reads that wait for the disk; default 100,000, beyond it ERR_OVERLOADED. */
  readonly pendingReads: number;
}

const defaultStoreLimits: StoreLimits = {
  checkpointBytes: 64 * MiB,
  checkpointOperations: 200_000,
  checkpointBatchBytes: 2 * MiB,
  sliceRecords: 512,
  sliceBytes: 512 * KiB,
  cacheBytes: 64 * MiB,
  prefetchBytes: 32 * MiB,
  recentBytes: 8 * MiB,
  segmentBytes: 4 * MiB,
  views: 10_000,
  viewBytes: 256 * MiB,
  undoBytes: 64 * MiB,
  pendingReads: 100_000,
};

/** The defaults with what the caller sets. @throws CoterieError ERR_INVALID_ARGUMENT for what is no positive integer */
export function resolveStoreLimits(given: Partial<StoreLimits> = {}): StoreLimits {
  const limits: Record<string, number> = { ...defaultStoreLimits };
  for (const name of Object.keys(defaultStoreLimits) as (keyof StoreLimits)[]) {
    const value = given[name];
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value) || value < 1) {
      const argument = `store.limits.${name}`;
      throw new CoterieError('ERR_INVALID_ARGUMENT', {
        message: `${argument} must be a positive integer, not ${String(value)}`,
        argument,
      });
    }
    limits[name] = value;
  }
  return limits as unknown as StoreLimits;
}
