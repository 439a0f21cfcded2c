import { CoterieError } from '@coterie/errors';
import { everybodyIn, forcedBatch, type AppendBatch, type Entry, type LoadedLog, type Random } from '@coterie/raft';
import type { Identity } from '../data-dir/identity.js';
import type { MemberLog, PeerStorage } from '../data-dir/storage.js';
import { survey, type DataDirReport, type Survey } from './survey.js';

/** Entries are copied in batches of about this size: the log takes no more than its backlog at once. */
const copyBytes = 1 << 20;

/** What a recovery by force did. */
export interface RecoveryReport {
  /** What the directory held before. */
  readonly before: DataDirReport;
  /** The uid of the cluster that this member now is alone. */
  readonly uid: number;
  /** The entry that made it so; every entry before it counts as committed. */
  readonly index: number;
  readonly term: number;
  /** Directory of the log that counted before, kept for a second thought; it may be deleted. */
  readonly formerLog: string;
}

/**
 * Looks into a member's directory.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT when it is of no member; ERR_DATA_DIR_IN_USE, ERR_CORRUPT, ERR_STORAGE
 */
export async function inspectStorage(storage: PeerStorage): Promise<DataDirReport> {
  return (await whileHeld(storage, (identity) => survey(storage, identity))).report;
}

/**
 * Makes the member of this directory a cluster of its own.
 *
 * The new log is written whole and synced beside the old one; then one atomic replacement of the identity makes the
 * new log and the new uid count. A crash before it leaves the old member, one after it the new one.
 *
 * @throws CoterieError as {@link inspectStorage}; ERR_REMOVED when the cluster had removed this member;
 *   ERR_INVALID_ARGUMENT for a learner without `allowLearner`
 */
export async function recoverStorage(
  storage: PeerStorage,
  random: Random,
  { allowLearner }: { readonly allowLearner: boolean },
): Promise<RecoveryReport> {
  return whileHeld(storage, async (identity) => {
    const found = await survey(storage, identity);
    refuseUnlessMember(found, allowLearner);
    const batch = forcedBatch(found.loaded, identity.memberId!);
    // A new uid: members of the old cluster speak of another one, so none of their votes and entries is ever taken.
    const next = { ...identity, uid: anotherUid(identity.uid!, random), log: (identity.log ?? 1) + 1 };
    await writeLog(storage, next, found, batch);
    storage.saveIdentity(next);
    const { index, term } = batch.entries[0];
    const formerLog = identity.log === undefined ? 'wal' : `wal-${identity.log}`;
    return { before: found.report, uid: next.uid, index, term, formerLog };
  });
}

async function whileHeld<T>(storage: PeerStorage, work: (identity: Identity) => Promise<T>): Promise<T> {
  const identity = storage.inspect();
  if (identity?.memberId === undefined) {
    const what = identity === undefined ? 'is empty or not there' : 'is of a peer that never became a member';
    throw new CoterieError('ERR_INVALID_ARGUMENT', { message: `the data directory ${what}`, argument: 'dataDir' });
  }
  await storage.open();
  try {
    return await work(identity);
  } finally {
    await storage.release();
  }
}

function refuseUnlessMember({ identity, cluster, report }: Survey, allowLearner: boolean): void {
  if (!everybodyIn(cluster).includes(identity.memberId!)) {
    throw new CoterieError('ERR_REMOVED', {
      message: `'${identity.name}' was removed from the cluster it would recover`,
    });
  }
  const me = report.members.find((member) => member.id === identity.memberId);
  if (me?.voter !== false || allowLearner) return;
  throw new CoterieError('ERR_INVALID_ARGUMENT', {
    message: `'${identity.name}' is a learner and may lack what voters acknowledged; allow it only if no voter is left`,
    argument: 'allowLearner',
  });
}

function anotherUid(uid: number, random: Random): number {
  const drawn = 1 + random.nextInt(2 ** 47);
  return drawn === uid ? drawn + 1 : drawn;
}

async function writeLog(storage: PeerStorage, identity: Identity, { loaded, cluster }: Survey, end: AppendBatch) {
  storage.eraseLog(identity);
  const log = storage.openLog(identity);
  try {
    log.load();
    let seq = 0;
    if (loaded.start.index > 0) {
      // The mark says where the log begins. Its configuration counts only without a checkpoint, and there is one: the
      // log behind a start is released by checkpoints alone.
      const snapshot = { ...loaded.start, conf: loaded.conf ?? cluster.conf, size: 0 };
      await append(log, { seq: seq++, snapshot, entries: [], mustSync: false });
    }
    for (const entries of portions(loaded)) await append(log, { seq: seq++, entries, mustSync: false });
    await append(log, { ...end, seq });
  } finally {
    await log.close();
  }
}

function* portions({ entries }: LoadedLog): Iterable<readonly Entry[]> {
  let from = 0;
  let bytes = 0;
  for (let i = 0; i < entries.length; i++) {
    bytes += entries[i]!.data.length;
    if (bytes < copyBytes && i + 1 < entries.length) continue;
    yield entries.slice(from, i + 1);
    from = i + 1;
    bytes = 0;
  }
}

function append(log: MemberLog, batch: AppendBatch): Promise<void> {
  return new Promise((resolve, reject) => {
    log.append(batch, (error) => (error === undefined ? resolve() : reject(error)));
  });
}
