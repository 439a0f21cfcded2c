import type { CoterieError } from '@coterie/errors';
import type { TurnScheduler } from '@coterie/raft';
import type { WriteRequest } from '../command/operation.js';
import type { Exceeded } from '../quota/quotas.js';
import { beyondQuota } from '../quota/refusing-quota.js';
import type { Proposer } from './proposer.js';

/** Who would take the write. */
export interface WriteTaker {
  readonly proposer: Pick<Proposer, 'open' | 'whyFull'>;
  readonly machine: { quotaRefusing(request: WriteRequest): Exceeded | undefined };
}

/**
 * Why this process refuses a write before it becomes an entry of the log, if it does: ERR_OVERLOADED where too many are
 * open, ERR_NO_SPACE where a quota would refuse it. What is under way may make room, or take it, before this write
 * would apply: then apply decides.
 */
export function whyRefuseWrite({ proposer, machine }: WriteTaker, request: WriteRequest): CoterieError | undefined {
  const full = proposer.whyFull();
  if (full !== undefined || proposer.open > 0) return full;
  const exceeded = machine.quotaRefusing(request);
  return exceeded === undefined ? undefined : beyondQuota(exceeded);
}

/**
 * Rejects with a refusal, a turn of the event loop later. Whoever tries again at once would never give the loop back
 * otherwise, and what they wait for could never come.
 */
export function refuseLater(turns: TurnScheduler, refusal: CoterieError): Promise<never> {
  return new Promise((_, reject) => {
    turns.defer(() => reject(refusal));
  });
}
