/**
 * The error class, its codes and the always-on assertion that every Coterie package shares.
 *
 * @packageDocumentation
 * @example
 * ```ts
 * import { CoterieError } from '@coterie/errors';
 *
 * const message = 'revision 3 is compacted; the oldest is 7';
 * const error = new CoterieError('ERR_COMPACTED', { message, compactRevision: 7 });
 * console.log(error.code, error.retryable);
 * ```
 */
export { retryableCodes, type ErrorCode, type ErrorFields } from './codes.js';
export { CoterieError, type ErrorInit, type Outcome } from './coterie-error.js';
export { fromPlainError, toPlainError, type PlainError } from './plain-error.js';
export { invariant, InvariantError } from './assert.js';
