import { CoterieError } from '@coterie/errors';
import { decodeConfChange, encodeConfChange, leavesJoint } from './conf-change.js';
import { nextConf } from './membership.js';
import type { Entry, Message } from './messages.js';
import type { ConfChange, ProposeResult, RefusalReason } from './ready.js';
import { appendOwn, broadcastAppend } from './replication.js';
import type { CoreState } from './state.js';
import { handOverBeforeLeaving } from './transfer.js';

const leaveJointData = encodeConfChange({ transition: 'auto', steps: [] }, new Uint8Array(0));
const noData = new Uint8Array(0);

/** Appends one normal entry for each of `data` on a leader, all of them or none. */
export function propose(s: CoreState, data: readonly Uint8Array[]): ProposeResult {
  if (data.length === 0) {
    throw new CoterieError('ERR_INVALID_ARGUMENT', { message: 'nothing to propose', argument: 'data' });
  }
  const refusal = whyNotPropose(s, dataLength(data));
  return refusal === undefined ? accept(s, 'normal', data) : refuse(s, refusal);
}

/**
 * Appends a membership change on a leader.
 *
 * At most one may be unapplied at a time: then any two configurations in force at once differ by one change, and their
 * quorums meet.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT when `data` is no Uint8Array, ERR_CORRUPT when it is not from
 *   `encodeConfChange`
 */
export function proposeConfChange(s: CoreState, data: Uint8Array): ProposeResult {
  // By shape, not by `instanceof`: bytes of another realm (a worker, a test runner) are bytes.
  if (!ArrayBuffer.isView(data) || (data as Partial<Uint8Array>).BYTES_PER_ELEMENT !== 1) {
    const message = 'a membership change is a Uint8Array: take encodeConfChange';
    throw new CoterieError('ERR_INVALID_ARGUMENT', { message, argument: 'data' });
  }
  const { change } = decodeConfChange(data);
  const refusal = whyNotNow(s) ?? whyNotChange(s, change) ?? overQuota(s, data.length);
  if (refusal !== undefined) return refuse(s, refusal);
  return acceptConfChange(s, data);
}

/** Why normal entries of so many bytes would not be taken now. */
export function whyNotPropose(s: CoreState, bytes: number): RefusalReason | undefined {
  return whyNotNow(s) ?? overQuota(s, bytes);
}

/** A proposal that another member sent on. Nobody waits for a result here: it looks for its entry in the log. */
export function onPropose(s: CoreState, message: Message & { readonly type: 'propose' }): void {
  const data = message.entries.map((entry) => entry.data);
  if (whyNotNow(s) !== undefined || overQuota(s, dataLength(data)) !== undefined) return;
  for (const entry of message.entries) {
    if (entry.kind === 'conf' && mayChange(s, entry)) acceptConfChange(s, entry.data);
    // Only a leader opens terms, so what is not a change is a normal entry; a refused change leaves its place empty, as
    // in etcd.
    else accept(s, 'normal', [entry.kind === 'conf' ? noData : entry.data]);
  }
}

/**
 * Leaves an automatic joint configuration once it is applied. It may have to wait for a transfer, so it is tried again
 * with every applied entry and once an election timeout, until the change is in the log (etcd #12137).
 */
export function maybeProposeLeave(s: CoreState): void {
  if (s.role !== 'leader' || !s.members.conf.autoLeave || !s.members.joint) return;
  if (s.log.applied < s.pendingConfIndex || whyNotNow(s) !== undefined) return;
  if (handOverBeforeLeaving(s)) return;
  acceptConfChange(s, leaveJointData);
}

/** Applied entries of this term no longer weigh on the quota. */
export function releaseQuota(s: CoreState, from: number, through: number): void {
  if (s.role !== 'leader') return;
  for (let index = Math.max(from, s.termStart); index <= through; index++) {
    s.uncommittedBytes -= s.log.entryAt(index)?.data.length ?? 0;
  }
}

function dataLength(data: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const each of data) bytes += each.length;
  return bytes;
}

function whyNotNow(s: CoreState): RefusalReason | undefined {
  if (s.role !== 'leader') return s.leader === 0 ? 'noLeader' : 'notLeader';
  // Removed, and not stepped down: what it appends would never count for itself.
  if (s.members.get(s.id) === undefined) return 'removed';
  return s.transferee === 0 ? undefined : 'transferring';
}

/** The first proposal and empty ones always pass, so that nothing is ever too large to be proposed at all. */
function overQuota(s: CoreState, bytes: number): RefusalReason | undefined {
  if (bytes === 0 || s.uncommittedBytes === 0) return undefined;
  return s.uncommittedBytes + bytes > s.config.maxUncommittedBytes ? 'quota' : undefined;
}

function whyNotChange(s: CoreState, change: ConfChange): RefusalReason | undefined {
  if (change.transition === 'forced') return 'forced';
  if (s.config.trustConfChanges === true) return undefined;
  if (s.pendingConfIndex > s.log.applied) {
    // What the leader found in its log when it was elected may be a change, and is not settled before this term is.
    return s.pendingConfIndex < s.termStart ? 'notCurrentTerm' : 'pending';
  }
  if (s.members.joint !== leavesJoint(change)) return s.members.joint ? 'inJoint' : 'notInJoint';
  const at = s.log.lastIndex + 1;
  const steps = change.steps.map((step) => (step.id === 0 ? { ...step, id: at } : step));
  const next = nextConf(s.members.conf, { ...change, steps });
  return !next.ok && next.problem === 'noVoters' ? 'noVoters' : undefined;
}

function mayChange(s: CoreState, entry: Entry): boolean {
  try {
    return whyNotChange(s, decodeConfChange(entry.data).change) === undefined;
  } catch {
    return false;
  }
}

function accept(s: CoreState, kind: Entry['kind'], data: readonly Uint8Array[]): ProposeResult {
  const index = appendOwn(s, kind, data);
  broadcastAppend(s);
  return { ok: true, term: s.term, index };
}

function acceptConfChange(s: CoreState, data: Uint8Array): ProposeResult {
  s.pendingConfIndex = s.log.lastIndex + 1;
  return accept(s, 'conf', [data]);
}

function refuse(s: CoreState, reason: RefusalReason): ProposeResult {
  return s.leader === 0 ? { ok: false, reason } : { ok: false, reason, leader: s.leader };
}
