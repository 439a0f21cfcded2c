import { dataBytes } from './log.js';
import type { Entry, Index, Message } from './messages.js';
import type { Progress } from './progress.js';
import type { CoreState } from './state.js';
import { trace, traceOwn, traceSnapshot } from './trace.js';

type AppendResponse = Message & { readonly type: 'appendResponse' };

/**
 * Puts entries of the leader's own term at the end of its log. They leave for others at once; the own disk counts like
 * any other, when it is done.
 *
 * @returns the index of the first
 */
export function appendOwn(s: CoreState, kind: Entry['kind'], data: readonly Uint8Array[]): Index {
  const first = s.log.lastIndex + 1;
  const { term } = s;
  const entries = data.map((bytes, i): Entry => ({ term, index: first + i, kind, data: bytes }));
  s.uncommittedBytes += dataBytes(entries);
  s.log.append(entries);
  traceOwn(s, entries);
  return first;
}

export function broadcastAppend(s: CoreState): void {
  for (const progress of s.members.all) if (progress.id !== s.id) sendAppend(s, progress, true);
}

/**
 * Sends the next entries to a member, as far as its flow allows.
 *
 * @param evenEmpty whether an append without entries is worth sending: it carries the commit index, or probes
 * @returns whether something was sent
 */
export function sendAppend(s: CoreState, progress: Progress, evenEmpty: boolean): boolean {
  if (progress.paused) return false;
  const { log, config } = s;
  const prevIndex = progress.next - 1;
  const prevTerm = log.termAt(prevIndex);
  if (prevTerm === undefined) return sendSnapshot(s, progress);
  // With a full window only an empty append may leave: were all that is in flight lost, its answer gets replication
  // going again.
  const blocked = progress.state === 'replicate' && progress.inflights.full;
  const entries = blocked ? log.page(1, 0, 0) : log.sharedPage(progress.next, config.maxAppendBytes);
  if (entries.length === 0 && !evenEmpty) return false;
  const { commit } = log;
  s.send({
    type: 'append',
    group: config.group,
    from: s.id,
    to: progress.id,
    term: s.term,
    prevIndex,
    prevTerm,
    commit,
    entries,
  });
  progress.sent(entries.length, dataBytes(entries), commit);
  return true;
}

/** The entry before the next one is compacted: only a snapshot helps. A member that does not answer gets none. */
function sendSnapshot(s: CoreState, progress: Progress): boolean {
  if (!progress.recentActive) return false;
  progress.becomeSnapshot(s.log.applied);
  s.outbox.snapshotsTo.push(progress.id);
  traceSnapshot(s, 'Send', progress.id, s.log.applied);
  return true;
}

/**
 * Moves the commit index to the highest index that a quorum holds durably, if that entry is of the leader's own term.
 *
 * An entry of an older term is never committed by counting copies (Raft §5.4.2): with terms 1 2 on a leader of term 4
 * and 1 3 elsewhere, index 2 of term 2 could stand on a majority and still be overwritten. It commits with the first
 * entry of our term. From
 * `termStart` on every entry of a leader's log is of its own term.
 *
 * @returns whether the commit index moved
 */
export function maybeCommit(s: CoreState): boolean {
  const index = s.members.quorumIndex();
  if (index <= s.log.commit || index < s.termStart || index > s.log.lastIndex) return false;
  s.log.commitTo(index);
  trace(s, 'Commit');
  return true;
}

/** Own entries have become durable. */
export function selfAppendDurable(s: CoreState): void {
  if (s.role !== 'leader') return;
  const self = s.members.get(s.id);
  if (self?.maybeUpdate(s.durability.index) === true && maybeCommit(s)) broadcastAppend(s);
}

/** @returns whether the member has got further */
export function onAppendResponse(s: CoreState, progress: Progress, message: AppendResponse): boolean {
  progress.recentActive = true;
  if (!message.reject) return onAppended(s, progress, message.index);
  onRejected(s, progress, message);
  return false;
}

/**
 * The member's log does not continue where the append began. Its hint is the last point where the logs may agree, seen
 * from its side; terms of ours above the hinted one cannot match either.
 *
 * Worked case: ours has terms 1 1 1 5 5 5 5, the member's 1 1 1 2 2 2. A probe at index 7 (term 5) is refused with hint
 * index 6, term 2: we skip all of term 5 and probe at index 3, which matches. Without the hints that takes a round trip
 * an entry.
 */
function onRejected(s: CoreState, progress: Progress, message: AppendResponse): void {
  const hinted = message.rejectHint ?? 0;
  const logTerm = message.logTerm ?? 0;
  const hint = logTerm > 0 ? s.log.findConflict(Math.min(hinted, s.log.lastIndex), logTerm).index : hinted;
  if (!progress.maybeDecrease(message.index, hint)) return;
  if (progress.state === 'replicate') progress.becomeProbe();
  sendAppend(s, progress, true);
}

function onAppended(s: CoreState, progress: Progress, index: Index): boolean {
  // Nobody holds more of our log than we do. A peer that says so has another log under our term: not one of ours to
  // count.
  if (index > s.log.lastIndex) return false;
  const news = progress.maybeUpdate(index);
  // An answer that is no news still ends a probe, so that a member that is all caught up does not stay in that state.
  if (!news && !(progress.match === index && progress.state === 'probe')) return false;
  if (progress.state === 'probe') {
    progress.becomeReplicate();
  } else if (progress.state === 'snapshot') {
    // Whichever snapshot it was that got the member here: once the log reaches it, replication goes on (etcd raft
    // #110).
    if (progress.match + 1 >= s.log.firstIndex) progress.becomeReplicate();
  } else {
    progress.inflights.freeUpTo(index);
  }
  if (maybeCommit(s)) broadcastAppend(s);
  else if (progress.canBumpCommit(s.log.commit)) sendAppend(s, progress, true);
  // The window may have room for several messages now.
  while (sendAppend(s, progress, false));
  return true;
}
