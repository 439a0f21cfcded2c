import { CoterieError } from '@coterie/errors';

/** The `code` of a system error (`EIO`, `ENOSPC`, …), if it is one. */
export function systemErrorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Whether an operation failed because the disk or the quota is full. */
export function isOutOfSpace(error: unknown): boolean {
  const code = systemErrorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** What is not done because the disk is full, and can be done when it is not. */
export function noSpaceError(message: string, cause?: unknown): CoterieError {
  return new CoterieError('ERR_NO_SPACE', { message, ...(cause === undefined ? {} : { cause }) });
}

/** What a failed file operation becomes at the border of a part that stores things. A CoterieError passes as it is. */
export function storageError(doing: string, cause: unknown): Error {
  if (cause instanceof CoterieError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  return new CoterieError('ERR_STORAGE', { message: `${doing}: ${text}`, cause });
}
