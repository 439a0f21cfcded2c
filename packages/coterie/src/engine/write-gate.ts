import { CoterieError } from '@coterie/errors';
import { whyBehind, whyRefuseWrite, type WriteRequest } from '@coterie/mvcc';
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
 * Why a write is refused before it becomes an entry of the log, if it is: ERR_OVERLOADED or ERR_NO_SPACE with outcome
 * 'not-applied'.
 */
export function whyRefuse(replica: Replica, request: WriteRequest): CoterieError | undefined {
  const { node, log } = replica;
  const full = node.overloaded || log.backlogBytes > logBacklogBytesMax;
  return whyBehind(replica, full) ?? whyRefuseWrite(replica, request);
}
