import { invariant } from '@coterie/errors';
import type { NodeId, Term } from './messages.js';
import { resetPreference } from './preference.js';
import { dropReads } from './read-index.js';
import type { CoreState } from './state.js';
import { trace } from './trace.js';

/** What begins anew with every change of role: nothing that was known of other members holds any longer. */
function reset(s: CoreState, term: Term): void {
  if (s.term !== term) {
    invariant(term > s.term, 'terms only grow', { from: s.term, to: term });
    s.term = term;
    s.vote = 0;
  }
  s.leader = 0;
  s.electionElapsed = 0;
  s.heartbeatElapsed = 0;
  s.drawElectionTimeout();
  // A transfer dies with the leadership it was to end (hashicorp/raft #696: a flag that survived blocked proposals for
  // ever).
  s.transferee = 0;
  s.transferElapsed = 0;
  s.toldToCampaign = false;
  resetPreference(s);
  s.pendingConfIndex = 0;
  s.termStart = 0;
  s.uncommittedBytes = 0;
  dropReads(s);
  const next = s.log.lastIndex + 1;
  for (const progress of s.members.all) progress.reset(0, next);
}

/** @param leader 0 when the leader of the term is not known */
export function becomeFollower(s: CoreState, term: Term, leader: NodeId): void {
  reset(s, term);
  s.role = 'follower';
  s.leader = leader;
  trace(s, 'BecomeFollower');
}

/** Asks whether an election could be won, without a new term: term and vote stay as they are (thesis §9.6). */
export function becomePreCandidate(s: CoreState): void {
  invariant(s.role !== 'leader', 'a leader does not campaign', { term: s.term });
  s.role = 'preCandidate';
  s.leader = 0;
  dropReads(s);
  for (const progress of s.members.all) progress.vote = 0;
}

export function becomeCandidate(s: CoreState): void {
  invariant(s.role !== 'leader', 'a leader does not campaign', { term: s.term });
  reset(s, s.term + 1);
  s.vote = s.id;
  s.role = 'candidate';
  trace(s, 'BecomeCandidate');
}

/** The caller opens the term with an empty entry: nothing of earlier terms commits before it does (Raft §5.4.2, §8). */
export function becomeLeader(s: CoreState): void {
  invariant(s.role === 'candidate', 'only a candidate becomes leader', { role: s.role, term: s.term });
  reset(s, s.term);
  s.role = 'leader';
  s.leader = s.id;
  s.termStart = s.log.lastIndex + 1;
  // The last entry may be a membership change that is not applied yet; at most one may be on its way (dragonboat
  // raft.go).
  s.pendingConfIndex = s.log.lastIndex;
  const self = s.members.get(s.id);
  invariant(self !== undefined && !self.learner, 'a leader votes', { id: s.id });
  // Only what the own disk holds counts, as with everybody else (openraft a9f696a9).
  self.maybeUpdate(s.durability.index);
  self.becomeReplicate();
  self.recentActive = true;
  trace(s, 'BecomeLeader');
}
