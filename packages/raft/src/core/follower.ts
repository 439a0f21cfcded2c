import type { Index, Message, NodeId } from './messages.js';
import { isPromised, promise } from './lease.js';
import { dropReads } from './read-index.js';
import type { CoreState } from './state.js';

type Append = Message & { readonly type: 'append' };
type Heartbeat = Message & { readonly type: 'heartbeat' };

/** The leader of the present term has been heard of. */
export function hearLeader(s: CoreState, from: NodeId): void {
  s.electionElapsed = 0;
  s.leader = from;
}

/** Whoever led is taken for gone: this member holds nobody back from electing another, unless it has promised to. */
export function forgetLeader(s: CoreState): void {
  if (s.role !== 'follower' || s.leader === 0 || isPromised(s)) return;
  s.leader = 0;
  dropReads(s);
}

/** Takes the leader's entries, or says where the two logs may still agree. */
export function onAppend(s: CoreState, message: Append): void {
  const { log } = s;
  const { prevIndex, prevTerm, entries } = message;
  // What is committed is equal everywhere and needs no comparison; an old message must not take anything away from it.
  if (prevIndex < log.commit) {
    acknowledge(s, message.from, log.commit);
    return;
  }
  if (!log.matches(prevIndex, prevTerm)) {
    reject(s, message);
    return;
  }
  let from = 0;
  while (from < entries.length && log.matches(prevIndex + 1 + from, entries[from]?.term ?? 0)) from++;
  // Only what conflicts or is missing is written: a late, shorter append must not cut off what came after it (Raft
  // §5.3).
  if (from < entries.length) {
    const first = prevIndex + 1 + from;
    if (first <= log.lastIndex) s.durability.truncated(first);
    log.append(entries, from);
  }
  const last = prevIndex + entries.length;
  // Beyond `last` our entries are not known to be the leader's, whatever its commit index is (copycat #265, ra #508).
  log.commitTo(Math.min(message.commit, last));
  acknowledge(s, message.from, last);
}

export function onHeartbeat(s: CoreState, message: Heartbeat): void {
  // A leader tells no more than what it knows us to hold. If we do not hold it, our disk has lost what it promised:
  // commit nothing.
  if (message.commit <= s.log.lastIndex) s.log.commitTo(message.commit);
  // One that is unfit could not take over: nobody is to hand over to it again and again.
  const priority = s.fit ? (s.config.leaderPriority ?? 0) : 0;
  s.send({
    type: 'heartbeatResponse',
    group: s.config.group,
    from: s.id,
    to: message.from,
    term: s.term,
    context: message.context,
    ...promise(s),
    ...(priority > 0 ? { priority } : {}),
  });
}

/** Says that everything up to `index` is here. It leaves when that is durable in its present form. */
export function acknowledge(s: CoreState, to: NodeId, index: Index): void {
  s.sendAfterDurable({
    type: 'appendResponse',
    group: s.config.group,
    from: s.id,
    to,
    term: s.term,
    index,
    reject: false,
  });
}

function reject(s: CoreState, message: Append): void {
  const { log } = s;
  const hint = log.findConflict(Math.min(message.prevIndex, log.lastIndex), message.prevTerm);
  s.sendAfterDurable({
    type: 'appendResponse',
    group: s.config.group,
    from: s.id,
    to: message.from,
    term: s.term,
    index: message.prevIndex,
    reject: true,
    rejectHint: hint.index,
    logTerm: hint.term,
  });
}
