import type { NodeId } from './messages.js';
import type { Progress } from './progress.js';
import type { CoreState } from './state.js';
import { transferLeadership } from './transfer.js';

/**
 * Election timeouts that a new leader keeps its place before it hands over to a preferred member: a preferred one that
 * wins and fails again and again costs no more than one change of leaders in that time.
 */
const firstWait = 4;
/** Each hand-over that fails doubles the wait, up to this many election timeouts. */
const longestWait = 64;

/** What begins anew with every change of role. */
export function resetPreference(s: CoreState): void {
  s.preferenceWait = firstWait;
  s.preferenceBackoff = firstWait;
}

/**
 * The voter that should lead instead of us, if it could take over at once: preferred, heard of within the last election
 * timeout, and with everything that is committed. 0 for none.
 *
 * Preference plays no part in elections: there it could leave a cluster without a leader, when the preferred member is
 * alive and cannot win. A leader that hands over to a member it hears and that has caught up risks one election timeout
 * without proposals at the most, and seldom.
 */
export function preferredSuccessor(s: CoreState): NodeId {
  // Without the check of the quorum "heard of" is never taken back.
  if (!s.config.checkQuorum || s.transferee !== 0) return 0;
  if (s.log.commit < s.termStart || s.pendingConfIndex > s.log.applied || s.members.joint) return 0;
  const own = s.config.leaderPriority ?? 0;
  let best: Progress | undefined;
  for (const progress of s.members.all) {
    if (progress.id === s.id || progress.learner || progress.priority <= own) continue;
    if (!progress.recentActive || progress.state !== 'replicate' || progress.match < s.log.commit) continue;
    if (best === undefined || progress.priority > best.priority) best = progress;
  }
  if (best === undefined) return 0;
  return --s.preferenceWait > 0 ? 0 : best.id;
}

/** Hands over. Should it not succeed, the next attempt waits twice as long. */
export function handToPreferred(s: CoreState, to: NodeId): void {
  if (s.role !== 'leader' || !transferLeadership(s, to)) return;
  s.preferenceBackoff = Math.min(s.preferenceBackoff * 2, longestWait);
  s.preferenceWait = s.preferenceBackoff;
}
