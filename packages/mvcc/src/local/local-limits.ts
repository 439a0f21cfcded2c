import { invalid, isPlainObject } from '../kv/arguments.js';
import { defaultKvLimits, resolveKvLimits, type KvLimits } from '../kv/limits.js';
import { defaultHistoryLimits, type HistoryLimits } from '../upkeep/history-keeper.js';
import { defaultLocalLogLimits, type LocalLogLimits } from './local-log.js';

/** All limits of one store, complete. */
export interface LocalLimits {
  readonly kv: KvLimits;
  readonly log: LocalLogLimits;
  readonly history: HistoryLimits;
  /** Left out: the store's own. */
  readonly checkpointBytes?: number;
}

const ownNames = ['historyRevisions', 'historyMs', 'historyBytes', 'checkpointBytes'];

/**
 * Sorts `limits` of the options to the parts that keep them.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT for a name that there is not (a limit that is misspelt must not be a limit
 *   that is off), and for a value that is no positive integer or lies above what the format allows
 */
export function sortStoreLimits(given: unknown): LocalLimits {
  if (given !== undefined && !isPlainObject(given)) throw invalid('limits', 'must be an object of numbers');
  const limits = given ?? {};
  const names = [...Object.keys(defaultKvLimits), ...Object.keys(defaultLocalLogLimits), ...ownNames];
  const chosen: Record<string, number> = {};
  for (const [name, value] of Object.entries(limits)) {
    if (!names.includes(name)) throw invalid(`limits.${name}`, 'is no limit');
    if (value === undefined) continue;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
      throw invalid(`limits.${name}`, 'must be a positive whole number');
    }
    chosen[name] = value;
  }
  const { checkpointBytes } = chosen;
  return {
    kv: resolveKvLimits(chosen),
    log: {
      entryBytes: chosen['entryBytes'] ?? defaultLocalLogLimits.entryBytes,
      entryCommands: chosen['entryCommands'] ?? defaultLocalLogLimits.entryCommands,
      queueBytes: chosen['queueBytes'] ?? defaultLocalLogLimits.queueBytes,
    },
    history: {
      revisions: chosen['historyRevisions'] ?? defaultHistoryLimits.revisions,
      ms: chosen['historyMs'] ?? defaultHistoryLimits.ms,
      bytes: chosen['historyBytes'] ?? defaultHistoryLimits.bytes,
    },
    ...(checkpointBytes === undefined ? {} : { checkpointBytes }),
  };
}
