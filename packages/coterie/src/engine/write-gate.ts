import { CoterieError } from '@coterie/errors';
import { beyondQuota, type WriteRequest } from '@coterie/mvcc';
import { logBacklogBytesMax, type Replica } from './replica.js';

/**
 * Refuses every write while members hold different states and nobody knows whose is right.
 *
 * @throws CoterieError ERR_CORRUPT; outcome 'not-applied'
 */
export function refuseDoubt(doubt: CoterieError | undefined): void {
  if (doubt === undefined) return;
  const { code, message } = doubt;
  throw new CoterieError(code, { message, outcome: 'not-applied', cause: doubt });
}

/**
 * Refuses a write that would only queue up behind a disk or a store that does not keep up.
 *
 * @throws CoterieError ERR_OVERLOADED, ERR_NO_SPACE; outcome 'not-applied'
 */
function refuseOverload({ machine, node, log }: Replica): void {
  const { overloaded, noSpace } = machine;
  if (log.outOfSpace || (overloaded && noSpace !== undefined)) {
    const message = `the disk has no room for the ${log.outOfSpace ? 'log' : 'checkpoint'} of this member`;
    throw new CoterieError('ERR_NO_SPACE', { message, outcome: 'not-applied' });
  }
  if (overloaded || node.overloaded || log.backlogBytes > logBacklogBytesMax) {
    const message = 'the disk or the store does not keep up';
    throw new CoterieError('ERR_OVERLOADED', { message, outcome: 'not-applied' });
  }
}

/**
 * Refuses a write that a quota would refuse, before it becomes an entry of the log. What this process has under way may
 * make room, or take it, before this write would apply: then apply decides.
 *
 * @throws CoterieError ERR_NO_SPACE; outcome 'not-applied'
 */
function refuseBeyondQuota({ machine, proposer }: Replica, request: WriteRequest): void {
  if (proposer.open > 0) return;
  const exceeded = machine.quotaRefusing(request);
  if (exceeded !== undefined) throw beyondQuota(exceeded);
}

/**
 * Refuses a write before it becomes an entry of the log.
 *
 * @throws CoterieError ERR_OVERLOADED, ERR_NO_SPACE; outcome 'not-applied'
 */
export function refuseWrite(replica: Replica, request: WriteRequest): void {
  refuseOverload(replica);
  refuseBeyondQuota(replica, request);
}
