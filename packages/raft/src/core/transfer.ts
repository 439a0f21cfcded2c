import type { NodeId } from './messages.js';
import type { Progress } from './progress.js';
import { sendAppend } from './replication.js';
import type { CoreState } from './state.js';

/**
 * Begins to hand the leadership over (thesis §3.10): `to` is brought up to date first, and meanwhile nothing is
 * proposed. It has one election timeout for it; after that the leader goes on.
 *
 * @returns whether a transfer to `to` is under way
 */
export function transferLeadership(s: CoreState, to: NodeId): boolean {
  if (s.role !== 'leader' || to === s.id) return false;
  const progress = s.members.get(to);
  if (progress === undefined || progress.learner) return false;
  // Asking again does not extend the deadline; asking for another takes the place of the first.
  if (s.transferee === to) return true;
  s.transferee = to;
  s.electionElapsed = 0;
  if (progress.match === s.log.lastIndex) sendTimeoutNow(s, to);
  else sendAppend(s, progress, true);
  return true;
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
  s.send({ type: 'timeoutNow', group: s.config.group, from: s.id, to, term: s.term });
}
