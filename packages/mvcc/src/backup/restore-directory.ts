import { CoterieError } from '@coterie/errors';
import type { ClusterState } from '@coterie/raft';
import type { DataDir } from '../data-dir/data-dir.js';
import { storageError } from '../files/storage-error.js';
import { invalid } from '../kv/arguments.js';
import { throwIfAborted } from '../kv/call-control.js';
import { encodeCluster } from '../state/cluster-codec.js';
import type { StoreBuilder } from '../store/store-builder.js';
import type { StoreState } from '../store/types.js';
import type { Wal } from '../wal/wal.js';
import type { BackupHeader } from './backup-format.js';
import { readBackup, type BackupPart } from './read-backup.js';

/** How far revisions go on behind those of the backup, unless told. */
export const defaultBumpRevisions = 1_000_000_000;
/** Revisions stay far below the largest safe integer after a restore. */
const revisionMax = 2 ** 52;

/** Whose the restored directory is to be. `at` is the first position of its log, behind everything in the backup. */
export interface RestoreOwner {
  /** What the directory says of itself once it is whole. */
  readonly identity: object;
  /** The name of the log, and whose it is. */
  readonly logName: string;
  readonly logOwner: Uint8Array;
  /** Left out: the store of one process. */
  readonly cluster?: ClusterState;
}

/** What a restore did. */
export interface RestoreReport {
  readonly backup: BackupHeader;
  readonly keys: number;
  /** The revision at which the restored store stands: the next write takes the one behind it. */
  readonly revision: number;
}

/** What is restored, where, and for whom. */
export interface RestoreRequest {
  readonly dir: DataDir;
  /** What the caller's options call it. */
  readonly dirArgument: string;
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly bumpRevisions: number;
  readonly signal: AbortSignal | undefined;
  owner(at: { readonly index: number; readonly term: number }): RestoreOwner;
}

/**
 * Makes a data directory of a backup.
 *
 * The directory first says that a restore is under way, and only at the very end, when everything was checked and is
 * durable, whose it is: whatever happens before, nothing opens it, and the restore can be run again. A restore that
 * fails empties it.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT for a directory that holds data; ERR_DATA_DIR_IN_USE, ERR_CORRUPT,
 *   ERR_STORAGE, ERR_ABORTED
 */
export async function restoreDirectory(request: RestoreRequest): Promise<RestoreReport> {
  const { dir } = request;
  throwIfAborted(request.signal);
  dir.checkUnlocked();
  await dir.open();
  try {
    refuseData(request);
    const parts = readBackup(request.chunks);
    // Its head first: what is no backup must not make a directory of anything.
    const first = await parts.next();
    if (first.done === true || first.value.kind !== 'state') throw new Error('a backup begins with its state');
    dir.saveIdentity({ format: 1, restoring: true });
    await dir.erase();
    try {
      return await build(request, first.value, parts);
    } catch (error) {
      await undo(dir);
      throw error;
    }
  } catch (error) {
    throw storageError('the backup cannot be restored', error);
  } finally {
    await dir.release();
  }
}

function refuseData({ dir, dirArgument }: RestoreRequest): void {
  const identity = dir.identity();
  if (identity === undefined ? !dir.holdsData() : identity['restoring'] === true) return;
  throw invalid(dirArgument, `${dir.path} holds data already: a backup is restored into a directory of its own`);
}

/** Where even this fails, the directory still says that it is not whole. */
async function undo(dir: DataDir): Promise<void> {
  try {
    await dir.erase();
    if (!dir.holdsData()) dir.removeIdentity();
  } catch {
    // What went wrong first is what counts.
  }
}

async function build(
  request: RestoreRequest,
  { header, state }: Extract<BackupPart, { kind: 'state' }>,
  parts: AsyncGenerator<BackupPart, void, undefined>,
): Promise<RestoreReport> {
  const { dir, bumpRevisions, signal } = request;
  const at = { index: state.appliedIndex + 1, term: Math.max(1, state.appliedTerm) };
  const { identity, logName, logOwner, cluster } = request.owner(at);
  const restored = restoredState(state, at, bumpRevisions, cluster);
  const builder = await dir.buildStore();
  let keys: number | undefined;
  try {
    for await (const part of parts) {
      throwIfAborted(signal);
      if (part.kind === 'keys') await builder.add(part.items);
      else if (part.kind === 'end') keys = part.keys;
    }
  } catch (error) {
    await closeQuietly(builder);
    throw error;
  }
  if (keys === undefined) throw new Error('a backup that was read has an end');
  await builder.finish(restored);
  await beginLog(dir.openLog(logName, logOwner, true), at, cluster);
  throwIfAborted(signal);
  // From here on it is a directory like any other.
  dir.saveIdentity(identity);
  return { backup: header, keys, revision: restored.revision };
}

/**
 * The state of the backup, moved on.
 *
 * Whoever saw the old cluster after the backup may know revisions that were never in it. The restored one therefore
 * goes on above all that the old one may have reached, and everything up to there counts as compacted: an old watch
 * ends with ERR_COMPACTED instead of reading another history (what etcd restores with `--bump-revision
 * --mark-compacted`).
 */
function restoredState(
  state: StoreState,
  at: { readonly index: number; readonly term: number },
  bumpRevisions: number,
  cluster: ClusterState | undefined,
): StoreState {
  const revision = state.revision + bumpRevisions;
  if (revision > revisionMax) {
    throw invalid('bumpRevisions', `would move the revision to ${revision}, above ${revisionMax}`);
  }
  return {
    ...state,
    appliedIndex: at.index,
    appliedTerm: at.term,
    revision,
    compactRevision: revision,
    cluster: cluster === undefined ? new Uint8Array(0) : encodeCluster(cluster),
    sessions: new Uint8Array(0),
  };
}

const nobody = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

/** A log that goes on behind the restored state. */
async function beginLog(
  wal: Wal,
  { index, term }: { readonly index: number; readonly term: number },
  cluster: ClusterState | undefined,
): Promise<void> {
  try {
    wal.load();
    const snapshot = { index, term, conf: cluster?.conf ?? nobody, size: 0 };
    const hardState = { term, vote: 0, commit: index };
    await new Promise<void>((resolve, reject) => {
      wal.append({ seq: 0, snapshot, entries: [], hardState, mustSync: true }, (error) =>
        error === undefined ? resolve() : reject(error),
      );
    });
  } finally {
    await wal.close();
  }
}

async function closeQuietly(builder: StoreBuilder): Promise<void> {
  await builder.close().catch(() => undefined);
}

/** The option as it was given. @throws CoterieError ERR_INVALID_ARGUMENT */
export function checkedBump(given: unknown): number {
  if (given === undefined) return defaultBumpRevisions;
  if (typeof given === 'number' && Number.isSafeInteger(given) && given >= 0 && given <= revisionMax) return given;
  throw new CoterieError('ERR_INVALID_ARGUMENT', {
    message: `bumpRevisions must be a whole number from 0 to ${revisionMax}`,
    argument: 'bumpRevisions',
  });
}
