import { CoterieError } from '@coterie/errors';
import { callControl, prefixRange, textToKey, type CallOptions } from '@coterie/mvcc';
import type { Engine, QuotaInfo } from './engine/engine.js';
import type { Quotas } from './peer.js';

/** The calls of {@link Quotas} over the engine's boundary. */
export function quotaCalls(engine: Engine): Quotas {
  return {
    set: async (quota, opts?: CallOptions): Promise<void> => {
      const { bytes } = plain(quota, ['prefix', 'bytes']);
      if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0) {
        throw invalid('bytes', 'must be a whole number of bytes from 0 on');
      }
      const prefix = prefixOf(quota);
      await engine.write({ kind: 'setQuota', prefix, bytes, range: prefixRange(prefix) }, callControl(opts));
    },
    remove: async (quota, opts?: CallOptions): Promise<void> => {
      plain(quota, ['prefix']);
      await engine.write({ kind: 'removeQuota', prefix: prefixOf(quota) }, callControl(opts));
    },
    list: async (opts?: CallOptions): Promise<readonly QuotaInfo[]> => engine.quotas(null, callControl(opts)),
  };
}

function prefixOf({ prefix }: { readonly prefix?: string | undefined }): string {
  return prefix === undefined ? '' : textToKey(prefix, 'prefix');
}

/** A misspelt prefix must not be a quota of everything. */
function plain(given: unknown, names: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof given !== 'object' || given === null) throw invalid('quota', 'must be an object');
  for (const name of Object.keys(given)) if (!names.includes(name)) throw invalid(`quota.${name}`, 'is no property');
  return given as Readonly<Record<string, unknown>>;
}

function invalid(argument: string, claim: string): CoterieError {
  return new CoterieError('ERR_INVALID_ARGUMENT', {
    message: `${argument} ${claim}`,
    argument,
    outcome: 'not-applied',
  });
}
