import { CoterieError } from '@coterie/errors';
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
export function refuseOverload({ machine, node, log }: Replica): void {
  if (log.outOfSpace) {
    const message = 'the disk has no room for the log of this member';
    throw new CoterieError('ERR_NO_SPACE', { message, outcome: 'not-applied' });
  }
  if (machine.overloaded || node.overloaded || log.backlogBytes > logBacklogBytesMax) {
    const message = 'the disk or the store does not keep up';
    throw new CoterieError('ERR_OVERLOADED', { message, outcome: 'not-applied' });
  }
}
