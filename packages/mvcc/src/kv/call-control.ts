import { CoterieError } from '@coterie/errors';
import type { CallControl } from '../engine/engine.js';
import { invalid, isSignal, kindOf, options } from './arguments.js';
import type { CallOptions } from './call-options.js';

const plain: CallControl = Object.freeze({});

/** @throws CoterieError ERR_ABORTED for a signal that has fired, with its reason as the cause */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new CoterieError('ERR_ABORTED', { message: 'the call was aborted by its signal', cause: signal.reason });
}

/** A signal of any realm, or none. */
export function signalOf(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal !== undefined && !isSignal(signal)) throw invalid('signal', 'must be an AbortSignal');
  return signal;
}

/**
 * Signal and time limit of a call, in the engine's terms.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT, ERR_ABORTED or ERR_TIMEOUT: nothing must be sent then
 */
export function callControl(given: CallOptions | undefined): CallControl {
  const opts = options(given);
  if (opts === undefined) return plain;
  const { timeoutMs } = opts;
  const signal = signalOf(opts.signal);
  if (timeoutMs === undefined && signal === undefined) return plain;
  throwIfAborted(signal);
  if (timeoutMs === undefined) return { signal };
  if (typeof timeoutMs !== 'number' || Number.isNaN(timeoutMs) || timeoutMs < 0) {
    throw invalid(
      'timeoutMs',
      `must be a number from 0 on, not ${typeof timeoutMs === 'number' ? timeoutMs : kindOf(timeoutMs)}`,
    );
  }
  if (timeoutMs === 0) throw new CoterieError('ERR_TIMEOUT', { message: 'timeoutMs is 0: nothing was sent' });
  // The engine's 0 is "no limit". A timer longer than 2^31-1 ms fires at once in Node, so what is longer is no limit
  // either.
  return { signal, timeoutMs: timeoutMs > 2 ** 31 - 1 ? 0 : timeoutMs };
}
