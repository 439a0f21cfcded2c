/**
 * Every code a {@link CoterieError} can carry, with the fields that come with it. `docs/errors.md` has an entry for
 * each.
 */
export interface ErrorFields {
  ERR_INVALID_ARGUMENT: { readonly argument: string };
  ERR_NO_LEADER: object;
  ERR_TIMEOUT: object;
  ERR_ABORTED: object;
  ERR_CLOSED: object;
  ERR_COMPACTED: { readonly compactRevision: number };
  ERR_FUTURE_REVISION: { readonly revision: number };
  ERR_LEASE_NOT_FOUND: object;
  ERR_LEASE_EXISTS: object;
  ERR_TOO_LARGE: { readonly limit: number };
  ERR_TOO_MANY_OPS: { readonly limit: number };
  ERR_DUPLICATE_KEY: object;
  ERR_NOT_A_NUMBER: object;
  ERR_DECODING: { readonly key: Uint8Array; readonly revision: number };
  ERR_OVERLOADED: object;
  /** `limit`: the quota that was in the way; left out: a disk is full. */
  ERR_NO_SPACE: { readonly limit?: number };
  ERR_CORRUPT: object;
  ERR_STORAGE: object;
  ERR_FEATURE_LEVEL: { readonly level: number; readonly supported: number };
  ERR_UNAUTHENTICATED: object;
  ERR_PERMISSION: object;
  ERR_PROTOCOL: object;
  ERR_WATCH_OVERFLOW: { readonly revision: number };
  ERR_LOCK_LOST: object;
  ERR_DEADLOCK: object;
  ERR_CONFLICT: object;
  ERR_NO_INSTANCE: object;
  ERR_SESSION_EXPIRED: object;
  ERR_RESULT_GONE: object;
  ERR_REMOVED: object;
  ERR_DATA_DIR_IN_USE: object;
  ERR_DATA_DIR_MISMATCH: object;
  ERR_LISTEN: object;
}

/** The code of a {@link CoterieError}: a member of {@link ErrorFields}. */
export type ErrorCode = keyof ErrorFields;

/**
 * Codes after which the same call may succeed later, when its outcome is known not to be applied.
 *
 * A write whose outcome is `'unknown'` is never retryable, whatever its code: the caller must look first.
 */
export const retryableCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_NO_LEADER',
  'ERR_TIMEOUT',
  'ERR_OVERLOADED',
  'ERR_NO_SPACE',
  'ERR_CONFLICT',
  'ERR_NO_INSTANCE',
]);
