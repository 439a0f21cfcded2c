import { describe, expect, it } from 'vitest';
import { CoterieError, fromPlainError, retryableCodes, toPlainError } from '@coterie/errors';

describe('CoterieError', () => {
  it('crosses a structured clone with code, fields and outcome', () => {
    const error = new CoterieError('ERR_COMPACTED', { message: 'gone', compactRevision: 7 });
    const back = fromPlainError(structuredClone(toPlainError(error)));
    expect(back).toBeInstanceOf(CoterieError);
    expect(back).toMatchObject({ code: 'ERR_COMPACTED', compactRevision: 7, message: 'gone' });
  });

  it('is retryable exactly for the codes that say so', () => {
    expect(retryableCodes.has('ERR_COMPACTED')).toBe(false);
  });
});
