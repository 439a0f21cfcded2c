import { CoterieError } from '@coterie/errors';
import { replicatedLimits } from '../limits.js';
import type { WriteResult } from './operation.js';

/**
 * Why apply refused a command: nothing of it was applied. Data, because it is part of the replicated state: a duplicate
 * of the command gets the same answer.
 */
export type Refusal = { readonly kind: 'refused' } & (
  | { readonly code: 'ERR_COMPACTED'; readonly compactRevision: number }
  | { readonly code: 'ERR_FUTURE_REVISION'; readonly revision: number }
  | { readonly code: 'ERR_TOO_LARGE' | 'ERR_TOO_MANY_OPS' | 'ERR_NO_SPACE'; readonly limit: number }
  | { readonly code: 'ERR_LEASE_NOT_FOUND' | 'ERR_LEASE_EXISTS' | 'ERR_OVERLOADED' }
  | { readonly code: 'ERR_NOT_A_NUMBER' | 'ERR_DUPLICATE_KEY' | 'ERR_CONFLICT' | 'ERR_CORRUPT' | 'ERR_ABORTED' }
);

/** What became of a command. */
export type CommandOutcome = WriteResult | Refusal;

const texts: Readonly<Record<Refusal['code'], string>> = {
  ERR_COMPACTED: 'the revision is compacted already',
  ERR_FUTURE_REVISION: 'the revision has not been reached yet',
  ERR_TOO_LARGE: 'the operation reads or changes more than one command may',
  ERR_TOO_MANY_OPS: 'the transaction has more operations than one may have',
  ERR_NO_SPACE: 'the write would go beyond a quota of live bytes: delete keys, or raise the quota',
  ERR_NOT_A_NUMBER: 'the value is not a decimal integer',
  ERR_DUPLICATE_KEY: 'the transaction changes one key twice',
  ERR_CONFLICT: 'an addition of the failure branch leaves its bounds',
  ERR_CORRUPT: 'the command cannot be decoded by this version',
  ERR_LEASE_NOT_FOUND: 'there is no such lease (any more)',
  ERR_LEASE_EXISTS: 'a lease has this id already',
  ERR_OVERLOADED: `the cluster has ${replicatedLimits.leases} leases already (limit leases)`,
  ERR_ABORTED: 'the call was given up before it was sent',
};

/** The error that a caller sees. Its outcome is always known: not applied. */
export function refusalError(refusal: Refusal): CoterieError {
  const { kind: _, code, ...fields } = refusal;
  const figures = Object.entries(fields).map(([name, value]) => ` (${name} ${value})`);
  return new CoterieError(code, { message: texts[code] + figures.join(''), outcome: 'not-applied', ...fields });
}
