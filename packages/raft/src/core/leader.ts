import { countPromise } from './lease.js';
import type { Message, NodeId } from './messages.js';
import { handToPreferred, preferredSuccessor } from './preference.js';
import type { Progress } from './progress.js';
import { heartbeatContext, maybeFinishReadRound } from './read-index.js';
import { maybeProposeLeave } from './proposals.js';
import { sendAppend } from './replication.js';
import { becomeFollower } from './roles.js';
import type { CoreState } from './state.js';
import { tickTransfer } from './transfer.js';

type HeartbeatResponse = Message & { readonly type: 'heartbeatResponse' };

/** One tick of a leader: check the quorum once an election timeout, give up a late transfer, send heartbeats. */
export function tickLeader(s: CoreState): void {
  s.heartbeatElapsed++;
  tickTransfer(s);
  s.electionElapsed++;
  if (s.electionElapsed >= s.config.electionTicks) {
    s.electionElapsed = 0;
    // Who has been heard of is known until the check begins to count anew.
    const preferred = preferredSuccessor(s);
    if (s.config.checkQuorum && !checkQuorum(s)) return;
    // A transfer may have been in the way of it.
    maybeProposeLeave(s);
    if (preferred !== 0) handToPreferred(s, preferred);
  }
  if (s.heartbeatElapsed >= s.config.heartbeatTicks) {
    s.heartbeatElapsed = 0;
    broadcastHeartbeat(s, heartbeatContext(s));
  }
}

/**
 * A leader that hears no quorum steps down, and so stops its heartbeats: through a member that still hears both sides
 * they would hold back a majority that could elect another (openraft #2080).
 *
 * @returns whether it still leads
 */
function checkQuorum(s: CoreState): boolean {
  if (!s.members.quorumActive()) {
    becomeFollower(s, s.term, 0);
    return false;
  }
  for (const progress of s.members.all) if (progress.id !== s.id) progress.recentActive = false;
  return true;
}

/** @param context position of a round of reads; 0 for none */
export function broadcastHeartbeat(s: CoreState, context: number): void {
  for (const progress of s.members.all) {
    if (progress.id === s.id) continue;
    // Beyond `match` the member's entries are not known to be ours.
    const commit = Math.min(progress.match, s.log.commit);
    s.send({ type: 'heartbeat', group: s.config.group, from: s.id, to: progress.id, term: s.term, commit, context });
    progress.sentHeartbeat(commit);
  }
}

export function onHeartbeatResponse(s: CoreState, progress: Progress, message: HeartbeatResponse): void {
  progress.recentActive = true;
  progress.resume();
  // It lags, or what it was sent may be lost: with a full window an empty append gets its answer, and replication goes
  // on.
  if (progress.match < s.log.lastIndex || progress.state === 'probe') sendAppend(s, progress, true);
  progress.priority = message.priority ?? 0;
  // A position that we have not given out was not given out by this leadership: it proves nothing.
  if (message.context > progress.readAck && message.context <= s.reads.position) {
    progress.readAck = message.context;
    countPromise(s, progress, message.promiseMs);
    maybeFinishReadRound(s);
  }
}

/** The transport could not deliver: what is in flight may be lost, so find out how far the member has got. */
export function reportUnreachable(s: CoreState, id: NodeId): void {
  const progress = s.role === 'leader' ? s.members.get(id) : undefined;
  if (progress?.state === 'replicate' && id !== s.id) progress.becomeProbe();
}

/** A snapshot transfer has ended. Either way nothing is sent until the member is heard of. */
export function reportSnapshot(s: CoreState, id: NodeId, ok: boolean): void {
  const progress = s.role === 'leader' ? s.members.get(id) : undefined;
  if (progress?.state !== 'snapshot') return;
  // It never arrived: its index is no place to go on from.
  if (!ok) progress.pendingSnapshot = 0;
  progress.becomeProbe();
  progress.pause();
}
