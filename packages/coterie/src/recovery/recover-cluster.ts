import { CoterieError } from '@coterie/errors';
import { diskStorage } from '../data-dir/disk-storage.js';
import { systemRandom } from '@coterie/raft';
import { inspectStorage, recoverStorage, type RecoveryReport } from './recover-storage.js';
import type { DataDirReport } from './survey.js';

/** What {@link recoverCluster} takes. */
export interface RecoverOptions {
  /** The survivor's data directory. No peer may run on it. */
  readonly dataDir: string;
  /** Recover a learner too. Default: refused, because a learner may lack acknowledged writes that a voter has. */
  readonly allowLearner?: boolean | undefined;
}

/**
 * Looks into the data directory of a member that is not running: the survivor to recover is the one with the highest
 * `lastTerm`, and of those the highest `lastIndex`.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT, ERR_DATA_DIR_IN_USE, ERR_CORRUPT, ERR_STORAGE
 */
export async function inspectDataDir(options: { readonly dataDir: string }): Promise<DataDirReport> {
  return inspectStorage(diskStorage(checkedDir(options), undefined));
}

/**
 * Makes a survivor of a lost quorum a cluster of its own: the last resort, offline, and never undone by itself.
 *
 * All that the survivor's log holds counts as committed from here on. What was acknowledged by others and never
 * reached it is lost: choose the survivor by {@link inspectDataDir}. Every other data directory of the old cluster must
 * be emptied before its peer is started again. `docs/recovery.md` goes through it step by step.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT, ERR_DATA_DIR_IN_USE, ERR_REMOVED, ERR_CORRUPT, ERR_STORAGE
 */
export async function recoverCluster(options: RecoverOptions): Promise<RecoveryReport> {
  const dataDir = checkedDir(options);
  const { allowLearner = false } = options;
  if (typeof allowLearner !== 'boolean') throw invalid('allowLearner', 'allowLearner is not a boolean');
  return recoverStorage(diskStorage(dataDir, undefined), systemRandom, { allowLearner });
}

function checkedDir(options: { readonly dataDir: string }): string {
  const dataDir: unknown = (options as { readonly dataDir?: unknown } | undefined)?.dataDir;
  if (typeof dataDir === 'string' && dataDir !== '' && !dataDir.includes('\0')) return dataDir;
  throw invalid('dataDir', 'dataDir is not the path of a directory');
}

function invalid(argument: string, message: string): CoterieError {
  return new CoterieError('ERR_INVALID_ARGUMENT', { message, argument });
}
