import type { ErrorCode } from './codes.js';
import { CoterieError, type Outcome } from './coterie-error.js';

/** A {@link CoterieError} as structured-cloneable data, to cross a thread or a socket. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly outcome?: Outcome;
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * Takes an error apart for a boundary. Anything that is not a CoterieError becomes `ERR_STORAGE` with its text: no
 * fault is lost.
 */
export function toPlainError(error: unknown): PlainError {
  if (!(error instanceof CoterieError)) {
    return { code: 'ERR_STORAGE', message: `unexpected fault: ${String(error)}`, retryable: false, fields: {} };
  }
  const { code, message, retryable, outcome, ...fields } = error as CoterieError & Record<string, unknown>;
  delete fields['cause'];
  delete fields['stack'];
  return { code, message: error.message, retryable, ...(outcome === undefined ? {} : { outcome }), fields };
}

/** Puts an error together again on the other side. */
export function fromPlainError(plain: PlainError): CoterieError {
  const { code, message, retryable, outcome, fields } = plain;
  return new CoterieError(code, { ...fields, message, retryable, ...(outcome === undefined ? {} : { outcome }) });
}
