import { CoterieError } from '@coterie/errors';
import type { TurnScheduler } from '@coterie/raft';
import type { WriteRequest } from '../command/operation.js';
import type { Exceeded } from '../quota/quotas.js';
import { beyondQuota } from '../quota/refusing-quota.js';
import type { Proposer } from './proposer.js';
import { whyNoSpace, type SpaceTakers } from './why-no-space.js';

/** A member's log and state machine, which every write has to go through. */
interface WayOfWrites extends SpaceTakers {
  readonly machine: SpaceTakers['machine'] & { readonly overloaded: boolean };
}

/**
 * Why nothing is written because the disk or the store is behind: a write would only queue up. ERR_NO_SPACE where it is
 * for want of room, which the store feels only when its memory is full; otherwise ERR_OVERLOADED.
 *
 * @param behind whether something else in front of them is full
 */
export function whyBehind(way: WayOfWrites, behind: boolean): CoterieError | undefined {
  const { overloaded } = way.machine;
  const noSpace = way.log.outOfSpace || overloaded ? whyNoSpace(way) : undefined;
  if (noSpace !== undefined)
    return new CoterieError('ERR_NO_SPACE', { message: noSpace.message, cause: noSpace, outcome: 'not-applied' });
  if (!overloaded && !behind) return undefined;
  return new CoterieError('ERR_OVERLOADED', {
    message: 'the disk or the store does not keep up',
    outcome: 'not-applied',
  });
}

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
