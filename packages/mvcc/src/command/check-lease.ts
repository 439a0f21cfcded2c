import { CoterieError } from '@coterie/errors';
import { replicatedLimits } from '../limits.js';
import type { LeaseRequest, PutOperation } from './operation.js';

/** @throws CoterieError ERR_INVALID_ARGUMENT, ERR_TOO_LARGE; with outcome 'not-applied' */
export function checkLeaseRequest(request: LeaseRequest): void {
  if (request.kind === 'renewLeases') {
    const limit = replicatedLimits.renewalsPerCommand;
    if (request.leases.length > limit) {
      const message = `the request renews ${request.leases.length} leases; ${limit} are allowed`;
      throw new CoterieError('ERR_TOO_LARGE', { message, limit, outcome: 'not-applied' });
    }
    for (const { id, generation } of request.leases) {
      checkId(id, 'id', 1);
      checkId(generation, 'generation', 1);
    }
    return;
  }
  // A grant names no id where one is to be picked.
  checkId(request.id, 'id', request.kind === 'grantLease' ? 0 : 1);
  if (request.kind === 'grantLease') checkTtl(request.ttlMs);
  else if (request.kind === 'revokeLease') checkId(request.generation, 'generation', 0);
}

/** @throws CoterieError ERR_INVALID_ARGUMENT, with outcome 'not-applied' */
export function checkLeaseOfPut({ lease, ttlMs }: PutOperation): void {
  if (ttlMs !== undefined) {
    if (lease !== undefined) throw invalid('ttlMs', 'does not go with lease');
    checkTtl(ttlMs);
  } else if (lease !== undefined && lease !== 'keep') {
    checkId(lease, 'lease', 1);
  }
}

function checkTtl(ttlMs: number): void {
  const { leaseTtlMsMin: min, leaseTtlMsMax: max } = replicatedLimits;
  if (Number.isSafeInteger(ttlMs) && ttlMs >= min && ttlMs <= max) return;
  throw invalid('ttlMs', `must be whole ms from ${min} to ${max}, not ${String(ttlMs)}`);
}

function checkId(id: number, argument: string, min: number): void {
  if (Number.isSafeInteger(id) && id >= min) return;
  throw invalid(argument, `must be a safe integer from ${min} on, not ${String(id)}`);
}

function invalid(argument: string, what: string): CoterieError {
  return new CoterieError('ERR_INVALID_ARGUMENT', { message: `${argument} ${what}`, argument, outcome: 'not-applied' });
}
