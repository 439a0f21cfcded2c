import { toPlainError, type CoterieError } from '@coterie/errors';
import { whyNoSpace } from '@coterie/mvcc';
import type { Member } from '../membership/member-record.js';
import type { MemberInfo, PeerDiagnostics, PeerRole, PeerState, PeerStatus, RebuildStatus } from './engine.js';
import { quotaInfos } from './settings.js';
import type { Replica } from './replica.js';

/** What a peer tells of its inside. */
export function diagnosticsOf({ machine, log, proposer }: Replica, scrubRounds: number): PeerDiagnostics {
  return {
    stateHash: machine.stateHash(),
    walSyncs: log.syncCount,
    walBacklogBytes: log.backlogBytes,
    openWrites: proposer.open,
    compactRevision: machine.compactRevision,
    scrubRounds,
    store: { ...machine.storeStatistics },
  };
}

/** A status with what is wrong with the stored state, if anything. */
export function withIntegrity(
  shown: PeerStatus,
  rebuild: RebuildStatus | undefined,
  doubt: CoterieError | undefined,
): PeerStatus {
  if (rebuild !== undefined) return { ...shown, state: 'rebuilding', rebuild };
  return doubt === undefined ? shown : { ...shown, doubt: toPlainError(doubt) };
}

/** Puts the status of a peer together. */
export function statusOf(
  name: string,
  state: PeerState,
  hadLeader: boolean,
  replica: Replica | undefined,
  members: readonly Member[],
): PeerStatus {
  if (replica === undefined) {
    return {
      name,
      state,
      role: 'follower',
      term: 0,
      commitIndex: 0,
      appliedIndex: 0,
      revision: 0,
      members: [],
      featureLevel: 0,
      quotas: [],
    };
  }
  const { node, machine } = replica;
  const core = node.status();
  const voters = new Set([...core.conf.voters, ...core.conf.votersOutgoing]);
  const leader = members.find((member) => member.id === core.leader)?.name;
  const running = core.leader !== 0 ? 'ready' : hadLeader ? 'no-quorum' : 'starting';
  const candidate = core.role === 'candidate' || core.role === 'preCandidate';
  const role: PeerRole =
    core.role === 'leader'
      ? 'leader'
      : core.conf.learners.includes(core.id)
        ? 'learner'
        : candidate
          ? 'candidate'
          : 'follower';
  const noSpace = whyNoSpace(replica);
  return {
    name,
    state: state === 'starting' ? running : state,
    role,
    ...(leader === undefined ? {} : { leader }),
    term: core.term,
    commitIndex: core.commit,
    appliedIndex: node.appliedIndex,
    revision: machine.revision,
    featureLevel: machine.featureLevel,
    quotas: quotaInfos(replica),
    ...(noSpace === undefined ? {} : { noSpace: toPlainError(noSpace) }),
    members: members.map((member): MemberInfo => {
      const progress = core.progress.find((p) => p.id === member.id);
      const self = member.id === core.id;
      return {
        name: member.name,
        url: member.url,
        voter: voters.has(member.id),
        healthy: self || core.role !== 'leader' || progress?.recentActive === true,
        ...(progress === undefined || self ? {} : { matchIndex: progress.match }),
      };
    }),
  };
}
