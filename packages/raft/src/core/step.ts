import { invariant } from '@coterie/errors';
import { campaign, hup, isSticky, onVoteRequest, onVoteResponse } from './election.js';
import { forgetLeader, hearLeader, onAppend, onHeartbeat } from './follower.js';
import { onHeartbeatResponse, tickLeader } from './leader.js';
import { isWellFormed } from './message-check.js';
import type { Message } from './messages.js';
import { onPropose } from './proposals.js';
import { onReadIndex, onReadIndexResponse, tickForwardedReads } from './read-index.js';
import { onAppendResponse } from './replication.js';
import { becomeFollower } from './roles.js';
import type { CoreState } from './state.js';
import { traceMessage } from './trace.js';
import { maybeHandOver, onTransferLeader } from './transfer.js';

/** A message from the network: dropped, or held against our term, or handled. */
export function step(s: CoreState, message: Message): void {
  if (message.to !== s.id || message.from === s.id || message.group !== s.config.group || !isWellFormed(message))
    return;
  if (s.trace !== undefined) traceMessage(s, 'Receive', message);
  switch (message.type) {
    // Questions to whoever leads: the asker's term plays no part in the answer.
    case 'propose':
      onPropose(s, message);
      return;
    case 'readIndex':
      onReadIndex(s, message.from, message.context);
      return;
    case 'appendResponse':
    case 'heartbeatResponse':
    case 'voteResponse':
    case 'preVoteResponse':
      // Late answers of a member that was removed must not move anything, not even the term.
      if (s.members.get(message.from) === undefined) return;
      break;
    default:
  }
  if (message.term < s.term) answerStale(s, message);
  else if (message.term === s.term || enterTerm(s, message)) dispatch(s, message);
}

/** One unit of logical time. */
export function tick(s: CoreState): void {
  s.promiseElapsed++;
  if (s.role === 'leader') {
    tickLeader(s);
    return;
  }
  tickForwardedReads(s);
  s.electionElapsed++;
  if (s.electionElapsed < s.electionTimeout) return;
  if (!s.promotable) {
    // One that may not lead does not campaign, but a leader that is silent for so long is none it could count on: it
    // may have been removed without being told.
    forgetLeader(s);
    return;
  }
  const silent = s.electionElapsed;
  s.electionElapsed = 0;
  // One that must not campaign yet goes on counting: starting anew it would look as if it had just heard its leader,
  // and refuse its vote to others in the name of one that is dead.
  if (!hup(s)) s.electionElapsed = silent;
}

/**
 * A message of a later term.
 *
 * @returns whether it is to be handled
 */
function enterTerm(s: CoreState, message: Message): boolean {
  switch (message.type) {
    case 'preVote':
      // A question changes nothing here, not even the term.
      return !isSticky(s, message);
    case 'vote':
      if (isSticky(s, message)) return false;
      break;
    case 'preVoteResponse':
      // Granted, it speaks of the term we asked about. Refused, the term is the sender's own.
      if (!message.reject) return true;
      break;
    default:
  }
  // A later term in an answer raises ours and nothing else: it is never a vote (openraft b06cbb37).
  const leads = message.type === 'append' || message.type === 'heartbeat';
  becomeFollower(s, message.term, leads ? message.from : 0);
  return true;
}

/** A message of an earlier term. Its sender may have to be told, or it never gets on. */
function answerStale(s: CoreState, message: Message): void {
  const { type, from } = message;
  const head = { group: s.config.group, from: s.id, to: from, term: s.term };
  if (type === 'preVote') {
    s.sendAfterDurable({ ...head, type: 'preVoteResponse', reject: true });
  } else if ((type === 'append' || type === 'heartbeat') && (s.config.checkQuorum || s.config.preVote)) {
    // With these a member that campaigned alone cannot raise others' terms by a vote request. Its answer deposes the
    // old leader, so that it takes part again (etcd #8243).
    s.sendAfterDurable({ ...head, type: 'appendResponse', index: 0, reject: false });
  }
}

/** A message of the present term, or a pre-vote about a later one. */
function dispatch(s: CoreState, message: Message): void {
  switch (message.type) {
    case 'vote':
    case 'preVote':
      onVoteRequest(s, message);
      return;
    case 'voteResponse':
    case 'preVoteResponse':
      onVoteResponse(s, message);
      return;
    case 'append':
    case 'heartbeat':
      // A second leader in one term: Raft excludes it, so the sender is no correct peer.
      if (s.role === 'leader') return;
      if (s.role !== 'follower') becomeFollower(s, s.term, message.from);
      hearLeader(s, message.from);
      if (message.type === 'append') onAppend(s, message);
      else onHeartbeat(s, message);
      return;
    case 'appendResponse':
    case 'heartbeatResponse': {
      if (s.role !== 'leader') return;
      const progress = s.members.get(message.from);
      invariant(progress !== undefined, 'only members get here', { from: message.from });
      if (message.type === 'heartbeatResponse') onHeartbeatResponse(s, progress, message);
      else if (onAppendResponse(s, progress, message)) maybeHandOver(s, progress);
      return;
    }
    case 'readIndexResponse':
      onReadIndexResponse(s, message.from, message.context, message.index);
      return;
    case 'transferLeader':
      onTransferLeader(s, message);
      return;
    case 'timeoutNow':
      if (s.role === 'follower') campaign(s, 'transfer');
      return;
    default:
  }
}
