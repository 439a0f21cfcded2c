import { CoterieError } from '@coterie/errors';

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/**
 * Limits that apply itself decides by. They are part of the replicated state machine, equal on every member by
 * construction, and never configuration: two members with different ones would diverge. `docs/limits.md` explains each.
 */
export const replicatedLimits = {
  /** Bytes of one key. */
  keyBytes: 4 * KiB,
  /** Bytes of one value: 1 MiB less the room that key, command and entry need around it. */
  valueBytes: 1 * MiB - 16 * KiB,
  /** Bytes of one encoded command; an entry of 1 MiB always holds one. */
  commandBytes: 1 * MiB - 4 * KiB,
  /** Compares, operations of one branch of a txn; a nested txn has what its parent leaves of it. */
  txnOps: 128,
  /** Txns inside a txn, the outermost counted. */
  txnDepth: 8,
  /** Keys that one revision changes. */
  changesPerRevision: 10_000,
  /** Bytes of keys and values, old and new, that one revision changes. */
  revisionBytes: 64 * MiB,
  /** Keys that one compare, delete or range of a txn reads. */
  txnRangeEntries: 10_000,
  /** Bytes of entries that one command gives back. */
  resultBytes: 16 * MiB,
  /** Deletes of one log entry, beyond which a command of it that reads a range is refused and sent again. */
  deletesPerEntry: 10_000,
  /** Sessions of the cluster. */
  sessions: 16_384,
  /** Results that one session keeps, and so operations that it may have open. */
  openOperations: 4_096,
  /** Bytes of results that one session keeps. */
  sessionResultBytes: 1 * MiB,
  /** Leases of the cluster, those of keys' own among them. */
  leases: 100_000,
  /** Keys of one lease: they all go in one revision. Their bytes are bounded by `revisionBytes` for the same reason. */
  leaseKeys: 10_000,
  /** The shortest and the longest time to live. */
  leaseTtlMsMin: 100,
  leaseTtlMsMax: 9_000_000_000_000,
  /** Leases that one command renews. */
  renewalsPerCommand: 2_048,
  /** Leases whose end one log entry brings. */
  expiriesPerEntry: 128,
  /** Keys that the ends of leases delete in one entry, beyond which the later ones come with a later entry. */
  leaseDeletesPerEntry: 1_000,
  /** Log time without contact after which a session may be ended. */
  sessionTtlMs: 600_000,
  /** Live bytes of the whole store while no quota of it is set. */
  quotaBytes: 2 * GiB,
  /** Quotas of prefixes. */
  quotas: 64,
  /** Keys that one entry counts for a new quota. */
  quotaCountEntries: 1_000,
  /** Members that a raise of the feature level may name. */
  levelMembers: 1_000,
} as const;

/**
 * Limits of one process. Lower them freely; those that stand in {@link replicatedLimits} too cannot be raised above it.
 */
export interface MvccLimits {
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly commandBytes: number;
  readonly txnOps: number;
  readonly txnDepth: number;
  /** Operations of this process without a known fate. */
  readonly openOperations: number;
  /** Bytes of their commands. */
  readonly openBytes: number;
  /** Entries of a `range` that names no limit. */
  readonly rangeEntries: number;
  /** Bytes of entries that one `range` gives back. */
  readonly rangeBytes: number;
  /** Open watches of this process. */
  readonly watches: number;
  /** Ranges of one watch. */
  readonly watchRanges: number;
  /** Bytes that one watch holds for a slow reader. */
  readonly watchBytes: number;
  /** Steps of taking changes to watches (a microsecond each, about) after which the event loop is given back. */
  readonly watchSteps: number;
  /** Revisions without an event after which a watch with `progress` is told where it stands. */
  readonly progressRevisions: number;
  /** Reads that wait for a revision. */
  readonly revisionWaiters: number;
  /** Sequential reads (`iterate`) that are open. */
  readonly iterators: number;
}

/** The limits of a process that sets none. */
export const defaultLimits: MvccLimits = {
  keyBytes: replicatedLimits.keyBytes,
  valueBytes: replicatedLimits.valueBytes,
  commandBytes: replicatedLimits.commandBytes,
  txnOps: replicatedLimits.txnOps,
  txnDepth: replicatedLimits.txnDepth,
  openOperations: replicatedLimits.openOperations,
  openBytes: 64 * MiB,
  rangeEntries: 10_000,
  rangeBytes: 64 * MiB,
  watches: 100_000,
  watchRanges: 128,
  watchBytes: 4 * MiB,
  watchSteps: 256,
  progressRevisions: 1_000,
  revisionWaiters: 10_000,
  iterators: 1_000,
};

const capped: ReadonlySet<string> = new Set(Object.keys(replicatedLimits));

/**
 * The defaults with what the caller sets.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT for a value that is no positive integer or lies above what the cluster
 *   allows
 */
export function resolveLimits(overrides: { readonly [K in keyof MvccLimits]?: number | undefined } = {}): MvccLimits {
  const limits: Record<string, number> = { ...defaultLimits };
  for (const name of Object.keys(defaultLimits) as (keyof MvccLimits)[]) {
    const value = overrides[name];
    if (value === undefined) continue;
    const top = capped.has(name) ? defaultLimits[name] : Number.MAX_SAFE_INTEGER;
    if (!Number.isSafeInteger(value) || value < 1 || value > top) {
      throw new CoterieError('ERR_INVALID_ARGUMENT', {
        message: `limits.${name} must be an integer from 1 to ${top}, not ${String(value)}`,
        argument: `limits.${name}`,
      });
    }
    limits[name] = value;
  }
  return limits as unknown as MvccLimits;
}
