import { CoterieError } from '@coterie/errors';
import type { CallOptions } from '@coterie/mvcc';
import { invalid } from './names.js';
import type { RecipeClock } from './system-clock.js';

/** Longer timers fire at once in Node: what is longer is no limit. */
const timerMaxMs = 2 ** 31 - 1;

/** A wait that its caller may end. */
export interface Patience {
  readonly signal: AbortSignal | undefined;
  /** undefined: no limit. */
  readonly timeoutMs: number | undefined;
}

/** @throws CoterieError ERR_INVALID_ARGUMENT, or ERR_ABORTED for a signal that has fired */
export function patience(opts: CallOptions = {}): Patience {
  const { signal, timeoutMs } = opts;
  // By shape: test runners and workers have AbortSignals of their own.
  if (signal !== undefined && typeof signal?.addEventListener !== 'function')
    throw invalid('signal', 'must be an AbortSignal');
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs >= 0)) {
    throw invalid('timeoutMs', 'must be a number from 0 on');
  }
  if (signal?.aborted === true) throw aborted(signal);
  return { signal, timeoutMs: timeoutMs === undefined || timeoutMs > timerMaxMs ? undefined : timeoutMs };
}

function aborted(signal: AbortSignal): CoterieError<'ERR_ABORTED'> {
  return new CoterieError('ERR_ABORTED', { message: 'the wait was aborted by its signal', cause: signal.reason });
}

/**
 * Waits for something that goes on without this caller, as long as the caller has patience. Nothing is left behind:
 * neither a timer nor a listener on the signal.
 *
 * @throws CoterieError ERR_ABORTED, ERR_TIMEOUT; and what `work` rejects with
 */
export async function within<T>(work: Promise<T>, { signal, timeoutMs }: Patience, clock: RecipeClock): Promise<T> {
  if (signal === undefined && timeoutMs === undefined) return work;
  let onAbort: (() => void) | undefined;
  let timer: unknown;
  const givenUp = new Promise<never>((_resolve, reject) => {
    if (signal !== undefined) {
      onAbort = () => reject(aborted(signal));
      signal.addEventListener('abort', onAbort, { once: true });
    }
    if (timeoutMs !== undefined) timer = clock.setInterval(() => reject(timedOut(timeoutMs)), timeoutMs);
  });
  try {
    return await Promise.race([work, givenUp]);
  } finally {
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    if (timeoutMs !== undefined) clock.clearInterval(timer);
  }
}

function timedOut(timeoutMs: number): CoterieError<'ERR_TIMEOUT'> {
  return new CoterieError('ERR_TIMEOUT', { message: `nothing came within ${timeoutMs} ms` });
}
