import { CoterieError } from '@coterie/errors';
import type { Clock, Random, TurnScheduler } from '@coterie/raft';
import type { DataDir } from '../data-dir/data-dir.js';
import type { MvccLimits } from '../limits.js';
import { MvccStateMachine } from '../machine.js';
import type { Store } from '../store/store.js';
import type { LogToReplay, Wal } from '../wal/wal.js';
import { freshLocalIdentity, localLogOwner, type LocalIdentity } from './local-identity.js';
import { replayLog } from './local-log.js';

export const localLogName = 'wal';

/** Log and state of one process, the log replayed. */
export interface LocalReplica {
  readonly identity: LocalIdentity;
  readonly wal: Wal;
  readonly machine: MvccStateMachine;
  readonly lastIndex: number;
  /** Hears of durable checkpoints and of the end. */
  attach(failed: (error: Error) => void): void;
  /**
   * Lets go of the log up to the last checkpoint, which is durable. While it runs a store keeps the log from the one
   * before; at its end there is nothing to keep it for, and the next start would read all of it.
   */
  releaseLog(): void;
}

export interface OpenReplicaOptions {
  readonly dir: DataDir;
  readonly clock: Clock;
  readonly turns: TurnScheduler;
  readonly random: Random;
  readonly limits: Partial<MvccLimits>;
}

/**
 * Opens or makes the store of a directory and replays its log.
 *
 * A new directory says first whose it is, then gets its log, then says that the log is there: a crash in between begins
 * again, and later on a missing log is damage.
 *
 * @param found what the directory says of itself
 * @throws CoterieError ERR_CORRUPT, ERR_STORAGE
 */
export async function openReplica(
  options: OpenReplicaOptions,
  found: LocalIdentity | undefined,
): Promise<LocalReplica> {
  const { dir, random } = options;
  const identity = found ?? freshLocalIdentity(random);
  if (identity.ready !== true) {
    dir.saveIdentity(identity);
    await dir.erase();
  }
  if (identity.ready === true && !dir.hasLog(localLogName)) {
    throw new CoterieError('ERR_CORRUPT', { message: `the log of the store in ${dir.path} is missing` });
  }
  const wal = dir.openLog(localLogName, localLogOwner(identity), identity.ready !== true);
  let store: Store | undefined;
  try {
    const loaded = wal.loadToReplay();
    if (identity.ready !== true) dir.saveIdentity({ ...identity, ready: true });
    store = await dir.openStore(loaded.start.index);
    return { identity, ...(await replayed(options, wal, loaded, store)) };
  } catch (error) {
    await store?.close();
    await wal.close();
    throw error;
  }
}

async function replayed(
  options: OpenReplicaOptions,
  wal: Wal,
  loaded: LogToReplay,
  store: Store,
): Promise<Omit<LocalReplica, 'identity'>> {
  const { clock, turns, limits } = options;
  const { appliedIndex, appliedTerm } = store.recovered();
  const { lastIndex } = loaded;
  if (appliedIndex > lastIndex) {
    const message = `the store stands at entry ${appliedIndex}, and the log ends at ${lastIndex}: a part of it is missing`;
    throw new CoterieError('ERR_CORRUPT', { message });
  }
  const machine = new MvccStateMachine({ store, clock, scheduler: turns, limits });
  let failed: ((error: Error) => void) | undefined;
  let fault: Error | undefined;
  // The log behind the checkpoint before the last one goes, as on every member of a cluster.
  let previous = { index: appliedIndex, term: appliedTerm };
  machine.attach({
    checkpointed: (at) => {
      wal.release(previous);
      previous = at;
    },
    failed: (error) => {
      fault = error;
      failed?.(error);
    },
  });
  await replayLog(loaded, { machine, clock, turns });
  if (fault !== undefined) throw fault;
  const attach = (listener: (error: Error) => void): void => {
    failed = listener;
    if (fault !== undefined) listener(fault);
  };
  return { wal, machine, lastIndex, attach, releaseLog: () => wal.release(previous) };
}
