import { CoterieError } from '@coterie/errors';
import {
  defaultHistoryLimits,
  defaultKvLimits,
  resolveKvLimits,
  type HistoryLimits,
  type KvLimits,
} from '@coterie/mvcc';
import { defaultScrubOptions, type ScrubOptions } from '../integrity/scrub-pace.js';
import { completeNodeOptions, type NodeOptions } from '@coterie/raft';

/** All limits of one peer, complete. */
export interface PeerLimits {
  readonly node: NodeOptions;
  readonly kv: Partial<KvLimits>;
  readonly history: HistoryLimits;
  readonly checkpointBytes?: number;
  readonly scrub: ScrubOptions;
}

/** What of the peer's own options its raft node takes. */
const choiceNames = ['electionTimeoutMs', 'heartbeatMs', 'leaseReads', 'leaseDriftPercent', 'leaderPriority'] as const;
type NodeChoices = { readonly [K in (typeof choiceNames)[number]]?: NodeOptions[K] | undefined };

const nodeNames = [
  ...['entryBytes', 'entryCommands', 'queueBytes', 'reads', 'snapshotTransferMs'],
  ...['trailingEntries', 'trailingBytes', 'heldLogBytes'],
] as const;
const ownNames = [
  ...['historyRevisions', 'historyMs', 'historyBytes', 'checkpointBytes'],
  ...['scrubPeriodMs', 'scrubBytesPerSecond'],
] as const;

/**
 * Sorts `limits` of the peer's options to the parts that keep them. `docs/limits.md` has each.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT for a name that there is not: a limit that is misspelt must not be a limit
 *   that is off
 */
export function sortLimits(
  given: Readonly<Record<string, number | undefined>> | undefined,
  choices: NodeChoices,
): PeerLimits {
  const limits = given ?? {};
  const kvNames = Object.keys(defaultKvLimits);
  for (const name of Object.keys(limits)) {
    if (kvNames.includes(name) || ([...nodeNames, ...ownNames] as string[]).includes(name)) continue;
    throw new CoterieError('ERR_INVALID_ARGUMENT', {
      message: `there is no limit '${name}'`,
      argument: `limits.${name}`,
    });
  }
  const chosen = (names: readonly string[]): Record<string, number> =>
    Object.fromEntries(names.flatMap((name) => (limits[name] === undefined ? [] : [[name, limits[name]]])));
  return {
    node: completeNodeOptions({
      ...Object.fromEntries(choiceNames.map((name) => [name, choices[name]])),
      ...chosen(nodeNames),
    }),
    // Refused here, before anything is opened, if one lies above what the cluster allows.
    kv: resolveKvLimits(chosen(kvNames)),
    history: {
      revisions: limits['historyRevisions'] ?? defaultHistoryLimits.revisions,
      ms: limits['historyMs'] ?? defaultHistoryLimits.ms,
      bytes: limits['historyBytes'] ?? defaultHistoryLimits.bytes,
    },
    scrub: {
      periodMs: limits['scrubPeriodMs'] ?? defaultScrubOptions.periodMs,
      bytesPerSecond: limits['scrubBytesPerSecond'] ?? defaultScrubOptions.bytesPerSecond,
    },
    ...(limits['checkpointBytes'] === undefined ? {} : { checkpointBytes: limits['checkpointBytes'] }),
  };
}
