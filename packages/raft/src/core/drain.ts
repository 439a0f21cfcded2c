import { broadcastHeartbeat } from './leader.js';
import { selfVoteDurable } from './election.js';
import type { Entry, Message, NodeId } from './messages.js';
import { beginReadRound, maybeFinishReadRound, readRoundDue } from './read-index.js';
import type { AppendBatch, HardState, ReadState, Ready } from './ready.js';
import { selfAppendDurable } from './replication.js';
import { snapshotDurable } from './snapshots.js';
import type { CoreState } from './state.js';
import { trace } from './trace.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const noMessages: readonly Message[] = Object.freeze([]);
const noReads: readonly ReadState[] = Object.freeze([]);
const noMembers: readonly NodeId[] = Object.freeze([]);
const noEntries: readonly Entry[] = Object.freeze([]);

function softChanged(s: CoreState): boolean {
  const told = s.outbox.toldSoft;
  return told.leader !== s.leader || told.role !== s.role || told.term !== s.term;
}

function voteChanged(s: CoreState): boolean {
  const told = s.outbox.toldHardState;
  return told.term !== s.term || told.vote !== s.vote;
}

function hardStateChanged(s: CoreState): boolean {
  return voteChanged(s) || s.outbox.toldHardState.commit !== s.log.commit;
}

function canApplyMore(s: CoreState): boolean {
  return s.log.handed < s.log.commit && !s.outbox.snapshotPending;
}

/** Whether `drain` would return anything. */
export function hasEffects(s: CoreState): boolean {
  const { outbox, log } = s;
  return (
    outbox.send.length > 0 ||
    outbox.after.length > 0 ||
    outbox.reads.length > 0 ||
    outbox.snapshotsTo.length > 0 ||
    outbox.position > 0 ||
    outbox.snapshot !== undefined ||
    log.staged <= log.lastIndex ||
    canApplyMore(s) ||
    hardStateChanged(s) ||
    softChanged(s) ||
    readRoundDue(s)
  );
}

/** Takes every effect out, once. */
export function drain(s: CoreState): Ready {
  if (readRoundDue(s)) {
    broadcastHeartbeat(s, beginReadRound(s));
    // A leader that is its own quorum has its proof already.
    maybeFinishReadRound(s);
  }
  const { outbox } = s;
  trace(s, 'Ready');
  const append = takeBatch(s);
  placeAfter(s, append);
  const ready: Mutable<Ready> = {
    send: outbox.send.length === 0 ? noMessages : outbox.send,
    committed: takeCommitted(s),
    reads: outbox.reads.length === 0 ? noReads : outbox.reads,
    snapshotsTo: outbox.snapshotsTo.length === 0 ? noMembers : outbox.snapshotsTo,
  };
  if (outbox.send.length > 0) outbox.send = [];
  if (outbox.reads.length > 0) outbox.reads = [];
  if (outbox.snapshotsTo.length > 0) outbox.snapshotsTo = [];
  if (outbox.position > 0) {
    ready.position = outbox.position;
    outbox.position = 0;
  }
  if (append !== undefined) ready.append = append;
  if (softChanged(s)) {
    outbox.toldSoft = { leader: s.leader, role: s.role, term: s.term };
    ready.soft = outbox.toldSoft;
  }
  return ready;
}

/**
 * One batch for everything that the storage must learn: term and vote never come after the entries that rely on them,
 * and a commit index never without the entries it speaks of (openraft's io_ordering.md shows the reordering that loses
 * a committed entry).
 */
function takeBatch(s: CoreState): AppendBatch | undefined {
  const { outbox, log, durability } = s;
  const first = log.staged;
  const last = log.lastIndex;
  const entries = first <= last ? log.page(first, last, Number.POSITIVE_INFINITY) : noEntries;
  const snapshot = outbox.snapshot;
  const changed = hardStateChanged(s);
  if (entries.length === 0 && snapshot === undefined && !changed) return undefined;
  const mustSync = entries.length > 0 || snapshot !== undefined || voteChanged(s) || commitsConfChange(s);
  const seq = durability.nextSeq();
  const batch: Mutable<AppendBatch> = { seq, entries, mustSync };
  if (changed) {
    const hardState: HardState = { term: s.term, vote: s.vote, commit: log.commit };
    outbox.toldHardState = hardState;
    batch.hardState = hardState;
  }
  if (snapshot !== undefined) batch.snapshot = snapshot;
  durability.push({
    seq,
    first,
    last: entries.length > 0 ? last : 0,
    term: s.term,
    vote: s.vote,
    mustSync,
    snapshot,
    after: [],
  });
  outbox.snapshot = undefined;
  log.staged = last + 1;
  return batch;
}

/**
 * A commit index is found again by asking a quorum, so it is not synced for its own sake; but a member that forgets
 * that a change is committed may have to ask those whom the change has removed, and who are gone by then.
 */
function commitsConfChange(s: CoreState): boolean {
  const { log, outbox } = s;
  for (let index = Math.max(outbox.toldHardState.commit, log.startIndex) + 1; index <= log.commit; index++) {
    if (log.entryAt(index)?.kind === 'conf') return true;
  }
  return false;
}

/**
 * Promises wait for the last sync on its way; with none on its way all that they speak of is durable, and they leave at
 * once.
 */
function placeAfter(s: CoreState, append: AppendBatch | undefined): void {
  const { outbox, durability } = s;
  if (outbox.after.length === 0) return;
  const sync = append?.mustSync === true ? durability.last() : durability.lastSync();
  const place = sync === undefined ? outbox.send : sync.after;
  for (const message of outbox.after) place.push(message);
  outbox.after = [];
}

function takeCommitted(s: CoreState): readonly Entry[] {
  if (!canApplyMore(s)) return noEntries;
  const { log } = s;
  const committed = log.page(log.handed + 1, log.commit, s.config.maxCommittedBytes);
  log.handed += committed.length;
  return committed;
}

/**
 * The storage has finished every batch up to `seq`: what waited for them leaves, and the own vote and entries count.
 */
export function onDurable(s: CoreState, seq: number): void {
  const { durability, outbox } = s;
  for (let batch = durability.finish(seq); batch !== undefined; batch = durability.finish(seq)) {
    for (const message of batch.after) outbox.send.push(message);
    if (batch.snapshot !== undefined) snapshotDurable(s, batch.snapshot);
  }
  selfVoteDurable(s);
  selfAppendDurable(s);
}
