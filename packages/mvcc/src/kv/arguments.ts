import { isUint8Array } from 'node:util/types';
import { CoterieError } from '@coterie/errors';

/** Bad input, by the name of the argument. */
export function invalid(argument: string, claim: string, cause?: unknown): CoterieError<'ERR_INVALID_ARGUMENT'> {
  return new CoterieError('ERR_INVALID_ARGUMENT', { message: `${argument} ${claim}`, argument, cause });
}

/** For messages: what somebody gave instead. Never the content, which may be secret or huge. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : typeof value;
}

/** By internal slot, so that bytes of another realm count. A `Buffer` is one. */
export const isBytes: (value: unknown) => value is Uint8Array = isUint8Array;

/**
 * A plain object of any realm: one without a prototype, or whose prototype is a root. Only these are ranges; an
 * instance of a class may be a key of a codec.
 */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** By shape: test runners and workers have AbortSignals of their own. */
export function isSignal(value: unknown): value is AbortSignal {
  if (typeof value !== 'object' || value === null) return false;
  const signal = value as Partial<AbortSignal>;
  return (
    typeof signal.aborted === 'boolean' &&
    typeof signal.addEventListener === 'function' &&
    typeof signal.removeEventListener === 'function'
  );
}

/** Every option of every call. One set for all: what is an option elsewhere is a mistake of place, not of spelling. */
const optionNames: ReadonlySet<string> = new Set([
  ...['signal', 'timeoutMs', 'consistency', 'revision', 'minRevision', 'limit', 'reverse', 'keysOnly', 'countOnly'],
  ...['lease', 'ttlMs', 'prev', 'ifRevision', 'min', 'max', 'maxAttempts', 'physical', 'to', 'id', 'keepAlive'],
  ...['fromRevision', 'only', 'initial', 'progress', 'overflow'],
]);

/** The options of a call; left out is none. */
export function options<T extends object>(opts: T | undefined, argument = 'options'): T | undefined {
  if (opts === undefined) return undefined;
  if (!isPlainObject(opts)) throw invalid(argument, `must be a plain object, not ${kindOf(opts)}`);
  // A misspelt condition must not be a write without one.
  for (const name in opts) if (!optionNames.has(name)) throw invalid(`${argument}.${name}`, 'is no option');
  return opts;
}

/** An option that is a boolean or left out. */
export function flag(value: boolean | undefined, argument: string): boolean {
  if (value === undefined) return false;
  if (typeof value !== 'boolean') throw invalid(argument, `must be a boolean, not ${kindOf(value)}`);
  return value;
}

/** An option that is one of a few words or left out. */
export function choice<const T extends string>(
  value: T | undefined,
  words: readonly T[],
  argument: string,
): T | undefined {
  if (value === undefined || words.includes(value)) return value;
  throw invalid(argument, `must be one of ${words.map((word) => `'${word}'`).join(', ')}`);
}

/** A safe integer from `min` on. */
export function integer(value: unknown, argument: string, min = Number.MIN_SAFE_INTEGER): number {
  if (typeof value !== 'number') throw invalid(argument, `must be a number, not ${kindOf(value)}`);
  if (!Number.isSafeInteger(value) || value < min) {
    const from = min === Number.MIN_SAFE_INTEGER ? '' : ` from ${min} on`;
    throw invalid(argument, `must be a safe integer${from}, not ${value}`);
  }
  // -0 is not told apart from 0 here, and must not be on the wire either.
  return value === 0 ? 0 : value;
}

/** A safe integer from `min` on, or left out. */
export function optionalInteger(value: number | undefined, argument: string, min?: number): number | undefined {
  return value === undefined ? undefined : integer(value, argument, min);
}
