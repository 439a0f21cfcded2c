import { CoterieError } from '@coterie/errors';

/** Timing and limits of a {@link RaftNode}. Every limit is local: nothing that apply decides depends on one. */
export interface NodeOptions {
  /** A follower that hears nothing for one to two of these campaigns. Default 1000 ms. */
  readonly electionTimeoutMs: number;
  /** How often a leader speaks when it has nothing to say. Default: a tenth of the election timeout. */
  readonly heartbeatMs: number;
  /** Bytes of commands in one entry. Default 1 MiB. */
  readonly entryBytes: number;
  /** Commands in one entry. Default 1,024. */
  readonly entryCommands: number;
  /** Bytes of commands that wait for a turn; beyond it a submission is not taken. Default 16 MiB. */
  readonly queueBytes: number;
  /** Reads that wait for a leader's word. Default 100,000; beyond it ERR_OVERLOADED. */
  readonly reads: number;
  /** Longest time for one snapshot transfer; the log behind it is held for so long. Default 600,000 ms. */
  readonly snapshotTransferMs: number;
}

/** The options of a node that sets none. */
export const defaultNodeOptions: NodeOptions = {
  electionTimeoutMs: 1000,
  heartbeatMs: 100,
  entryBytes: 1 << 20,
  entryCommands: 1024,
  queueBytes: 16 << 20,
  reads: 100_000,
  snapshotTransferMs: 600_000,
};

/** Fills in the defaults. @throws CoterieError ERR_INVALID_ARGUMENT that names the option */
export function completeNodeOptions(
  given: Partial<{ [K in keyof NodeOptions]: NodeOptions[K] | undefined }>,
): NodeOptions {
  const electionTimeoutMs = given.electionTimeoutMs ?? defaultNodeOptions.electionTimeoutMs;
  const options: NodeOptions = {
    electionTimeoutMs,
    heartbeatMs: given.heartbeatMs ?? Math.max(1, Math.round(electionTimeoutMs / 10)),
    entryBytes: given.entryBytes ?? defaultNodeOptions.entryBytes,
    entryCommands: given.entryCommands ?? defaultNodeOptions.entryCommands,
    queueBytes: given.queueBytes ?? defaultNodeOptions.queueBytes,
    reads: given.reads ?? defaultNodeOptions.reads,
    snapshotTransferMs: given.snapshotTransferMs ?? defaultNodeOptions.snapshotTransferMs,
  };
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
      throw new CoterieError('ERR_INVALID_ARGUMENT', {
        message: `${name} must be a positive whole number`,
        argument: name,
      });
    }
  }
  // Raft §5.6: broadcastTime << electionTimeout; with fewer than three heartbeats a single lost one deposes a leader.
  if (options.electionTimeoutMs < 3 * options.heartbeatMs) {
    const message = `electionTimeoutMs (${options.electionTimeoutMs}) must be at least three heartbeatMs (${options.heartbeatMs})`;
    throw new CoterieError('ERR_INVALID_ARGUMENT', { message, argument: 'electionTimeoutMs' });
  }
  return options;
}

/** Election timeout in ticks of one heartbeat. */
export function electionTicks(options: NodeOptions): number {
  return Math.ceil(options.electionTimeoutMs / options.heartbeatMs);
}
