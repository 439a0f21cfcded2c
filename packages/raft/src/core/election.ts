import { isPromised } from './lease.js';
import type { Message, NodeId } from './messages.js';
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from './roles.js';
import { appendOwn, broadcastAppend } from './replication.js';
import type { CoreState } from './state.js';

/**
 * `pre`: only ask first; `real`: a new term; `transfer`: a new term at the leader's own wish, which overrides
 * stickiness.
 */
export type CampaignKind = 'pre' | 'real' | 'transfer';

type VoteRequest = Message & { readonly type: 'vote' | 'preVote' };
type VoteResponse = Message & { readonly type: 'voteResponse' | 'preVoteResponse' };

/**
 * Starts an election unless this member must not, for whatever reason it was asked to.
 *
 * @returns whether it was started
 */
export function campaign(s: CoreState, kind: CampaignKind): boolean {
  if (s.role === 'leader' || !s.promotable || hasUnappliedConfChange(s)) return false;
  if (kind !== 'transfer' && isPromised(s)) return false;
  if (kind === 'pre') {
    becomePreCandidate(s);
    requestVotes(s, 'preVote', s.term + 1, false);
    // The own yes to a question promises nothing, so it needs no disk.
    recordVote(s, s.id, true);
  } else {
    becomeCandidate(s);
    requestVotes(s, 'vote', s.term, kind === 'transfer');
    // The own vote counts once it is durable: see selfVoteDurable.
  }
  return true;
}

/**
 * The election that ticks and applications start.
 *
 * @returns whether it was started
 */
export function hup(s: CoreState): boolean {
  return campaign(s, s.config.preVote ? 'pre' : 'real');
}

/**
 * A committed membership change that is not applied yet forbids to campaign, in every way: with it unapplied, two
 * changes could be in force on others, and our majority need not meet theirs (dragonboat raft.go, raft-rs #221).
 */
function hasUnappliedConfChange(s: CoreState): boolean {
  const { log } = s;
  for (let index = Math.max(log.applied, log.startIndex) + 1; index <= log.commit; index++) {
    if (log.entryAt(index)?.kind === 'conf') return true;
  }
  return false;
}

function requestVotes(s: CoreState, type: 'vote' | 'preVote', term: number, transfer: boolean): void {
  const { log } = s;
  for (const { id } of s.members.all) {
    if (id === s.id || !s.members.isVoter(id)) continue;
    s.send({
      type,
      group: s.config.group,
      from: s.id,
      to: id,
      term,
      lastIndex: log.lastIndex,
      lastTerm: log.lastTerm,
      ...(transfer ? { transfer } : {}),
    });
  }
}

/**
 * Whether a vote request of a higher term is to be ignored: this member hears a live leader, so the sender is out of
 * date or cut off, and must not disturb it (thesis §4.2.3). A transfer is the leader's own wish.
 */
export function isSticky(s: CoreState, message: VoteRequest): boolean {
  if (isLeadersWish(message)) return false;
  return isPromised(s) || (s.config.checkQuorum && s.leader !== 0 && s.electionElapsed < s.config.electionTicks);
}

function isLeadersWish(message: VoteRequest): boolean {
  return message.type === 'vote' && message.transfer === true;
}

/**
 * Votes. Learners and members that do not know the candidate vote too: a promotion or an addition may be committed that
 * they have not seen yet, and refusing could leave the cluster without a leader for ever (etcd PR #10998).
 */
export function onVoteRequest(s: CoreState, message: VoteRequest): void {
  const pre = message.type === 'preVote';
  const canVote = s.vote === message.from || (s.vote === 0 && s.leader === 0) || (pre && message.term > s.term);
  const free = isLeadersWish(message) || !isPromised(s);
  const granted = canVote && free && s.log.isUpToDate(message.lastIndex, message.lastTerm);
  if (granted && !pre) {
    s.electionElapsed = 0;
    s.vote = message.from;
  }
  s.sendAfterDurable({
    type: pre ? 'preVoteResponse' : 'voteResponse',
    group: s.config.group,
    from: s.id,
    to: message.from,
    // A granted pre-vote speaks of the term asked about; a refusal tells our own, so that the asker can catch up with
    // it.
    term: granted ? message.term : s.term,
    reject: !granted,
  });
}

export function onVoteResponse(s: CoreState, message: VoteResponse): void {
  if (message.type === 'voteResponse') {
    if (s.role === 'candidate') recordVote(s, message.from, !message.reject);
  } else if (s.role === 'preCandidate' && (message.reject || message.term === s.term + 1)) {
    recordVote(s, message.from, !message.reject);
  }
}

/** Term and vote have become durable. A vote for ourselves in the present term counts from now on. */
export function selfVoteDurable(s: CoreState): void {
  if (s.role !== 'candidate') return;
  if (s.durability.term === s.term && s.durability.vote === s.id) recordVote(s, s.id, true);
}

function recordVote(s: CoreState, from: NodeId, granted: boolean): void {
  const progress = s.members.get(from);
  // The first answer of a member holds.
  if (progress === undefined || progress.vote !== 0) return;
  progress.vote = granted ? 1 : 2;
  const result = s.members.voteResult();
  if (result === 'lost') {
    becomeFollower(s, s.term, 0);
  } else if (result === 'won') {
    if (s.role === 'preCandidate') {
      campaign(s, 'real');
    } else {
      becomeLeader(s);
      appendOwn(s, 'empty', [new Uint8Array(0)]);
      broadcastAppend(s);
    }
  }
}
