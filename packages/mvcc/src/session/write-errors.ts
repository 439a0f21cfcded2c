import { CoterieError, type Outcome } from '@coterie/errors';

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

export function timeoutError(outcome: 'unknown' | 'not-applied', leaderKnown: boolean): CoterieError {
  if (outcome === 'not-applied' && !leaderKnown) {
    return new CoterieError('ERR_NO_LEADER', { message: 'no leader was found before the deadline', outcome });
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
