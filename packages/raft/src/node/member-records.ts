import { CoterieError } from '@coterie/errors';
import { decodeConfChange, encodeConfChange } from '../core/conf-change.js';
import type { ConfState, Entry, NodeId } from '../core/messages.js';
import type { ConfChange } from '../core/ready.js';
import type { MemberRecord } from '../ports/state-machine.js';
import { decodeCommandList, encodeCommandList } from './entry-batch.js';

/** The context of a membership change: for each of its steps the record of the member it adds, or nothing. */
function encodeMemberContext(records: readonly (Uint8Array | undefined)[]): Uint8Array {
  return encodeCommandList(records.map((record) => record ?? new Uint8Array(0)));
}

/**
 * The data of an entry that changes the membership. What is refused here could not be applied: every member would stop
 * at that entry, again and again.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT
 */
export function encodeMemberChange(change: ConfChange, records: readonly (Uint8Array | undefined)[]): Uint8Array {
  if (records.length > change.steps.length) {
    const message = `${records.length} records for ${change.steps.length} steps`;
    throw new CoterieError('ERR_INVALID_ARGUMENT', { message, argument: 'records' });
  }
  if (change.steps.filter(({ id }) => id === 0).length > 1) {
    const message = 'an entry has one index, so one change adds one member of id 0 at most';
    throw new CoterieError('ERR_INVALID_ARGUMENT', { message, argument: 'steps' });
  }
  return encodeConfChange(change, encodeMemberContext(records));
}

/**
 * What an entry changes, with the ids that it stands for.
 *
 * @throws CoterieError ERR_CORRUPT
 */
export function decodeMemberChange(entry: Entry): { readonly change: ConfChange; readonly context: Uint8Array } {
  const { change, context } = decodeConfChange(entry.data);
  return { change: resolveIds(change, entry.index), context };
}

/**
 * A step with id 0 adds a member whose id is the index of this very entry: ids grow and are never used twice, because
 * indexes are not (a wiped member that came back under its old id could vote twice in a term).
 */
function resolveIds(change: ConfChange, index: number): ConfChange {
  return { transition: change.transition, steps: change.steps.map((s) => (s.id === 0 ? { op: s.op, id: index } : s)) };
}

/**
 * The members' records after a change: added ones with their record, and nobody who is in no half of the configuration.
 */
export function nextMembers(
  members: readonly MemberRecord[],
  change: ConfChange,
  context: Uint8Array,
  conf: ConfState,
): readonly MemberRecord[] {
  const byId = new Map<NodeId, Uint8Array>(members.map((member) => [member.id, member.data]));
  const records = context.length === 0 ? [] : decodeCommandList(context);
  if (records.length > change.steps.length) {
    throw new CoterieError('ERR_CORRUPT', { message: 'a membership change carries more records than steps' });
  }
  change.steps.forEach((step, i) => {
    const data = records[i];
    if (step.op !== 'remove' && data !== undefined && data.length > 0) byId.set(step.id, data.slice());
  });
  const present = new Set([...conf.voters, ...conf.votersOutgoing, ...conf.learners, ...conf.learnersNext]);
  return [...byId]
    .filter(([id]) => present.has(id))
    .sort(([a], [b]) => a - b)
    .map(([id, data]) => ({ id, data }));
}
