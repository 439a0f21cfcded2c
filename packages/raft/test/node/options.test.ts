import { expect, it } from 'vitest';
import { completeNodeOptions, defaultCoreConfig, defaultNodeOptions, validateCoreConfig } from '../../src/index.js';

it('no options are the default ones', () => {
  expect(completeNodeOptions()).toEqual(defaultNodeOptions);
  expect(completeNodeOptions({ reads: undefined })).toEqual(defaultNodeOptions);
});

it('an option that there is not is named', () => {
  expect(() => completeNodeOptions({ electionTimoutMs: 300 } as object)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', argument: 'electionTimoutMs' }),
  );
});

it('a field of the core that there is not is named', () => {
  expect(() => validateCoreConfig({ ...defaultCoreConfig, maxUncommitedBytes: 1 } as never)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', argument: 'maxUncommitedBytes' }),
  );
  expect(validateCoreConfig({ ...defaultCoreConfig, trustConfChanges: true }).trustConfChanges).toBe(true);
});
