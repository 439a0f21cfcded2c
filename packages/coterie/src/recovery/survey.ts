import { MvccStateMachine } from '@coterie/mvcc';
import { clusterAtEnd, everybodyIn, SystemClock, systemTurns, type ClusterState, type LoadedLog } from '@coterie/raft';
import { CoterieError } from '@coterie/errors';
import type { Identity } from '../data-dir/identity.js';
import type { PeerStorage } from '../data-dir/storage.js';
import { checkFit } from '../engine/replica.js';
import { decodeMember, type Member } from '../membership/member-record.js';

/** A voter or learner as a data directory knows it. */
export interface SurveyedMember extends Member {
  readonly voter: boolean;
}

/**
 * What a member's data directory holds: which of several survivors knows most is seen from `lastTerm`, then
 * `lastIndex`.
 */
export interface DataDirReport {
  readonly clusterId: string;
  /** The random number that tells two clusters of one id apart. */
  readonly uid: number;
  readonly name: string;
  readonly memberId: number;
  /** Term of the last entry of the log. */
  readonly lastTerm: number;
  readonly lastIndex: number;
  /** How far this member knew the log to be committed; it may lag behind what others acknowledged. */
  readonly commitIndex: number;
  /** Where the last durable checkpoint stands. */
  readonly checkpointIndex: number;
  /** Everybody in the configuration at the end of the log. */
  readonly members: readonly SurveyedMember[];
}

/** A directory's content, taken into memory. */
export interface Survey {
  readonly identity: Identity;
  readonly loaded: LoadedLog;
  readonly cluster: ClusterState;
  readonly report: DataDirReport;
}

/**
 * Reads a member's log and store the way a start does: what is damaged is refused, a torn tail of the log is cut.
 *
 * @param storage opened by the caller
 * @throws CoterieError ERR_CORRUPT, ERR_STORAGE
 */
export async function survey(storage: PeerStorage, identity: Identity): Promise<Survey> {
  if (!storage.hasLog(identity)) {
    throw new CoterieError('ERR_CORRUPT', { message: 'the data directory is of a member, and its log is missing' });
  }
  const condemned = storage.condemned();
  if (condemned !== undefined) {
    const message = `the store of this member is condemned and not rebuilt yet: ${condemned.reason}`;
    throw new CoterieError('ERR_CORRUPT', { message });
  }
  const log = storage.openLog(identity);
  try {
    const loaded = log.load();
    const store = await storage.openStore(loaded.start.index);
    const machine = new MvccStateMachine({ store, clock: new SystemClock(), scheduler: systemTurns });
    try {
      checkFit(loaded, store.recovered());
      const checkpoint = machine.applied();
      const cluster = clusterAtEnd(loaded, machine.cluster(), checkpoint.index);
      return { identity, loaded, cluster, report: reportOf(identity, loaded, cluster, checkpoint.index) };
    } finally {
      await machine.close();
    }
  } finally {
    await log.close();
  }
}

function reportOf(
  identity: Identity,
  loaded: LoadedLog,
  cluster: ClusterState,
  checkpointIndex: number,
): DataDirReport {
  const last = loaded.entries.at(-1) ?? loaded.start;
  const voters = new Set([...cluster.conf.voters, ...cluster.conf.votersOutgoing]);
  const everybody = new Set(everybodyIn(cluster));
  return {
    clusterId: identity.clusterId,
    uid: identity.uid!,
    name: identity.name,
    memberId: identity.memberId!,
    lastTerm: last.term,
    lastIndex: last.index,
    commitIndex: Math.max(loaded.hardState.commit, checkpointIndex),
    checkpointIndex,
    members: cluster.members
      .filter(({ id }) => everybody.has(id))
      .map(decodeMember)
      .map((member) => ({ ...member, voter: voters.has(member.id) })),
  };
}
