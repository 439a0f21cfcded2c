import type { Message, NodeId } from './messages.js';
import type { Progress } from './progress.js';
import { sendAppend } from './replication.js';
import type { CoreState } from './state.js';

type TransferLeader = Message & { readonly type: 'transferLeader' };

/**
 * Begins to hand the leadership over (thesis §3.10): `to` is brought up to date first, and meanwhile nothing is
 * proposed. It has one election timeout for it; after that the leader goes on. On a follower: asks the leader for it.
 *
 * @param to 0: the voter that is best prepared
 * @returns whether a transfer is under way, or asked for
 */
export function transferLeadership(s: CoreState, to: NodeId): boolean {
  if (s.role !== 'leader') return askLeader(s, to);
  const progress = to === 0 ? bestPrepared(s) : s.members.get(to);
  if (progress === undefined || progress.learner || progress.id === s.id) return false;
  // Asking again does not extend the deadline; asking for another takes the place of the first.
  if (s.transferee === progress.id) return true;
  s.transferee = progress.id;
  s.transferElapsed = 0;
  if (progress.match === s.log.lastIndex) sendTimeoutNow(s, progress.id);
  else sendAppend(s, progress, true);
  return true;
}

/** Best effort, like every message: the leader may know better, or be gone. */
function askLeader(s: CoreState, target: NodeId): boolean {
  if (s.role !== 'follower' || s.leader === 0 || target === s.leader) return false;
  if (target !== 0 && !s.members.isVoter(target)) return false;
  s.send({ type: 'transferLeader', group: s.config.group, from: s.id, to: s.leader, term: s.term, target });
  return true;
}

/** A member asks the leader of its term to hand over. */
export function onTransferLeader(s: CoreState, message: TransferLeader): void {
  if (s.role === 'leader' && s.members.get(message.from) !== undefined) transferLeadership(s, message.target);
}

/** One that is alive before one that is not, one that holds all that is committed, then by preference, then by log. */
function bestPrepared(s: CoreState): Progress | undefined {
  const before = (a: Progress, b: Progress): boolean => {
    if (a.recentActive !== b.recentActive) return a.recentActive;
    const [aCaughtUp, bCaughtUp] = [a.match >= s.log.commit, b.match >= s.log.commit];
    if (aCaughtUp !== bCaughtUp) return aCaughtUp;
    return aCaughtUp && a.priority !== b.priority ? a.priority > b.priority : a.match > b.match;
  };
  let best: Progress | undefined;
  for (const progress of s.members.all) {
    if (progress.id === s.id || !s.members.isVoter(progress.id)) continue;
    if (best === undefined || before(progress, best)) best = progress;
  }
  return best;
}

/**
 * A leader that votes in the outgoing half alone hands over before the joint configuration is left. It would be the
 * first to know that the end is committed, and step down; were its word lost and it as well, those who stay would still
 * need votes of the outgoing half, which may have no majority without it (etcd issue 10563).
 *
 * Where nobody can take over at once, or whoever was told to did not, the end is proposed all the same.
 *
 * @returns whether a transfer has begun
 */
export function handOverBeforeLeaving(s: CoreState): boolean {
  const { conf } = s.members;
  if (s.toldToCampaign || !conf.votersOutgoing.includes(s.id) || conf.voters.includes(s.id)) return false;
  let best: Progress | undefined;
  for (const progress of s.members.all) {
    if (!conf.voters.includes(progress.id) || !progress.recentActive || progress.match < s.log.commit) continue;
    if (best === undefined || progress.match > best.match) best = progress;
  }
  return best !== undefined && transferLeadership(s, best.id);
}

/**
 * The deadline has a clock of its own: one transfer asked for after the other must not put off the check of the quorum.
 */
export function tickTransfer(s: CoreState): void {
  if (s.transferee !== 0 && ++s.transferElapsed >= s.config.electionTicks) s.transferee = 0;
}

/** The transferee has answered an append: once it holds everything it is told to campaign at once. */
export function maybeHandOver(s: CoreState, progress: Progress): void {
  if (progress.id === s.transferee && progress.match === s.log.lastIndex) sendTimeoutNow(s, progress.id);
}

/** A transferee that is no voter any longer cannot take over. */
export function abortTransferToNonVoter(s: CoreState): void {
  if (s.transferee !== 0 && !s.members.isVoter(s.transferee)) s.transferee = 0;
}

function sendTimeoutNow(s: CoreState, to: NodeId): void {
  s.toldToCampaign = true;
  s.send({ type: 'timeoutNow', group: s.config.group, from: s.id, to, term: s.term });
}
