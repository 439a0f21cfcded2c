import type { Entry } from '../core/messages.js';
import type { AppendBatch } from '../core/ready.js';
import { encodeMemberChange } from './member-records.js';

/**
 * The first entries of a new cluster: one membership change a member, committed by definition, equal on every founder.
 *
 * The id of a member is the index of the entry that adds it, so founders are 1, 2, 3 … in the order given.
 */
export function foundingBatch(records: readonly Uint8Array[]): AppendBatch {
  const entries = records.map((record, i): Entry => ({
    term: 1,
    index: i + 1,
    kind: 'conf',
    data: encodeMemberChange({ transition: 'auto', steps: [{ op: 'addVoter', id: 0 }] }, [record]),
  }));
  return { seq: 0, entries, hardState: { term: 1, vote: 0, commit: records.length }, mustSync: true };
}
