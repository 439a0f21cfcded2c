import { retryableCodes, type ErrorCode, type ErrorFields } from './codes.js';

/**
 * What is known of a write that failed: it was not applied, it may have been, or it was but its result is no longer
 * kept.
 */
export type Outcome = 'not-applied' | 'unknown' | 'applied';

interface CoterieErrorBase extends Error {
  /** The same call again is safe and may succeed. Never true together with `outcome: 'unknown'`. */
  readonly retryable: boolean;
  /** For writes only. */
  readonly outcome?: Outcome;
}

/** A union over the codes, so that `if (e.code === 'ERR_COMPACTED') e.compactRevision` compiles. */
export type CoterieError<C extends ErrorCode = ErrorCode> = {
  [P in C]: CoterieErrorBase & { readonly code: P } & ErrorFields[P];
}[C];

/** The fields of a new error: its message, a cause, what is known of the write, and the fields of its code. */
export interface ErrorInit {
  message: string;
  cause?: unknown;
  outcome?: Outcome;
  retryable?: boolean;
  [field: string]: unknown;
}

// Two copies of this package in one process must still recognise each other's errors, so the brand is a registered
// symbol.
const brand = Symbol.for('coterie.error');

class CoterieErrorImpl extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly outcome?: Outcome;

  constructor(code: ErrorCode, fields: ErrorInit) {
    const { message, cause, outcome, retryable, ...rest } = fields;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    if (outcome !== undefined) this.outcome = outcome;
    this.retryable = outcome !== 'unknown' && (retryable ?? retryableCodes.has(code));
    Object.assign(this, rest);
    // Node's own convention: whoever looks for an abort looks at the name
    // (https://dom.spec.whatwg.org/#aborting-ongoing-activities).
    Object.defineProperty(this, 'name', {
      value: code === 'ERR_ABORTED' ? 'AbortError' : 'CoterieError',
      configurable: true,
      writable: true,
    });
    Object.defineProperty(this, brand, { value: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && (value as { [brand]?: boolean })[brand] === true;
  }
}

/**
 * The one error class of the project.
 *
 * @example
 * ```ts
 * import { CoterieError } from '@coterie/errors';
 *
 * function describe(error: unknown): string {
 *   if (error instanceof CoterieError && error.code === 'ERR_COMPACTED') return `start at ${error.compactRevision}`;
 *   return String(error);
 * }
 * ```
 */
export const CoterieError = CoterieErrorImpl as unknown as {
  new <C extends ErrorCode>(code: C, fields: ErrorInit): CoterieError<C>;
  readonly prototype: CoterieErrorBase;
  [Symbol.hasInstance](value: unknown): value is CoterieError;
};
