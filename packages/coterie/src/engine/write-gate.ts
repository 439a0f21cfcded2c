import { CoterieError } from '@coterie/errors';
import { whyRefuseWrite, type WriteRequest } from '@coterie/mvcc';
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

/** A write would only queue up behind a disk or a store that does not keep up. */
function whyOverloaded({ machine, node, log }: Replica): CoterieError | undefined {
  const { overloaded, noSpace } = machine;
  if (log.outOfSpace || (overloaded && noSpace !== undefined)) {
    const message = `the disk has no room for the ${log.outOfSpace ? 'log' : 'checkpoint'} of this member`;
    return new CoterieError('ERR_NO_SPACE', { message, outcome: 'not-applied' });
  }
  if (overloaded || node.overloaded || log.backlogBytes > logBacklogBytesMax) {
    const message = 'the disk or the store does not keep up';
    return new CoterieError('ERR_OVERLOADED', { message, outcome: 'not-applied' });
  }
  return undefined;
}

/**
 * Why a write is refused before it becomes an entry of the log, if it is: ERR_OVERLOADED or ERR_NO_SPACE with outcome
 * 'not-applied'.
 */
export function whyRefuse(replica: Replica, request: WriteRequest): CoterieError | undefined {
  return whyOverloaded(replica) ?? whyRefuseWrite(replica, request);
}
