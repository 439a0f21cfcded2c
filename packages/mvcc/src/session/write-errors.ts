import { CoterieError, type ErrorCode, type Outcome } from '@coterie/errors';
import type { SubmitRefusal } from '@coterie/raft';

/** The same error with what is known of one write. */
export function withOutcome(error: CoterieError, outcome: Outcome): CoterieError {
  const { code, message, cause, ...fields } = error;
  return new CoterieError(code, { ...fields, message, ...(cause === undefined ? undefined : { cause }), outcome });
}

export function abortError(signal: AbortSignal, outcome: Outcome): CoterieError {
  return new CoterieError('ERR_ABORTED', { message: 'the call was aborted', cause: signal.reason, outcome });
}

export function closedError(): CoterieError {
  return new CoterieError('ERR_CLOSED', { message: 'the store is closed' });
}

/** What ends a call that could not even be submitted before its deadline: the cure is not to wait longer. */
const refusals = {
  noLeader: ['ERR_NO_LEADER', 'no leader was found before the deadline'],
  transferring: ['ERR_NO_LEADER', 'the leader was handing over until the deadline'],
  removed: ['ERR_NO_LEADER', 'the leader has been removed from the cluster'],
  quota: ['ERR_OVERLOADED', 'the leader had too many bytes uncommitted until the deadline'],
  overloaded: ['ERR_OVERLOADED', 'the disk, the store or the queue did not keep up until the deadline'],
  closed: ['ERR_CLOSED', 'the member has stopped'],
} as const satisfies Readonly<Record<SubmitRefusal, readonly [ErrorCode, string]>>;

/** @param refused why the write was not taken when it was last tried */
export function timeoutError(outcome: 'unknown' | 'not-applied', refused: SubmitRefusal | undefined): CoterieError {
  if (outcome === 'not-applied' && refused !== undefined) {
    const [code, message] = refusals[refused];
    return new CoterieError(code, { message, outcome });
  }
  const fate = outcome === 'unknown' ? 'was sent and may be applied' : 'was not sent';
  return new CoterieError('ERR_TIMEOUT', { message: `the deadline passed; the write ${fate}`, outcome });
}

export function overloadedError(open: number, bytes: number): CoterieError {
  return new CoterieError('ERR_OVERLOADED', {
    message: `${open} operations with ${bytes} bytes are open already`,
    outcome: 'not-applied',
  });
}

export function resultGoneError(): CoterieError {
  return new CoterieError('ERR_RESULT_GONE', {
    message: 'the write was applied, its result is not kept any more',
    outcome: 'applied',
  });
}

export function sessionExpiredError(): CoterieError {
  return new CoterieError('ERR_SESSION_EXPIRED', {
    message: 'the session ended while this process was away; the write may have been applied before',
    outcome: 'unknown',
  });
}
