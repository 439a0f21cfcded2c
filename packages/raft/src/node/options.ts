import { CoterieError } from '@coterie/errors';
import { leaderPriorityMax } from '../core/config.js';

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
  /** Entries that stay in the log behind the checkpoint it could be cut at, for slow members. Default 5,000. */
  readonly trailingEntries: number;
  /** Bytes that those entries may take; beyond it fewer stay. Default 16 MiB. */
  readonly trailingBytes: number;
  /**
   * Bytes of log up to which it is held for members that are being sent a snapshot; beyond it they may need another
   * one. Default 256 MiB.
   */
  readonly heldLogBytes: number;
  /**
   * Takes part in lease reads: as a follower it promises a leader it has heard to help no other for about an election
   * timeout, as a leader it serves reads by lease on such promises. Default false. See `docs/adr/0005` for what it
   * trusts in.
   */
  readonly leaseReads: boolean;
  /** By how much, in percent, the clocks of two members may differ in rate. Default 10; 1 to 90. */
  readonly leaseDriftPercent: number;
  /** How much this member is preferred as leader. Default 0, up to 100. */
  readonly leaderPriority: number;
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
  trailingEntries: 5000,
  trailingBytes: 16 << 20,
  heldLogBytes: 256 << 20,
  leaseReads: false,
  leaseDriftPercent: 10,
  leaderPriority: 0,
};

/** Options that are not simply positive numbers: the least and the most. */
const ranges: Readonly<Record<string, readonly [number, number]>> = {
  trailingEntries: [0, Number.MAX_SAFE_INTEGER],
  trailingBytes: [0, Number.MAX_SAFE_INTEGER],
  leaseDriftPercent: [1, 90],
  leaderPriority: [0, leaderPriorityMax],
};

/**
 * Fills in the defaults. An option that is `undefined` is as if left out.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT that names the option: one that makes no sense, or that there is not
 */
export function completeNodeOptions(
  given: Partial<{ [K in keyof NodeOptions]: NodeOptions[K] | undefined }> = {},
): NodeOptions {
  const names = Object.keys(defaultNodeOptions) as (keyof NodeOptions)[];
  for (const name of Object.keys(given)) {
    if (!(names as string[]).includes(name)) refuse(name, `there is no option '${name}'`);
  }
  const set = Object.fromEntries(names.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])));
  const electionTimeoutMs = given.electionTimeoutMs ?? defaultNodeOptions.electionTimeoutMs;
  const heartbeatMs = Math.max(1, Math.round(electionTimeoutMs / 10));
  const options: NodeOptions = { ...defaultNodeOptions, heartbeatMs, ...set };
  for (const [name, value] of Object.entries(options) as [string, unknown][]) checkOption(name, value);
  // Raft §5.6: broadcastTime << electionTimeout; with fewer than three heartbeats a single lost one deposes a leader.
  if (options.electionTimeoutMs < 3 * options.heartbeatMs) {
    const message = `electionTimeoutMs (${options.electionTimeoutMs}) must be at least three heartbeatMs (${options.heartbeatMs})`;
    throw new CoterieError('ERR_INVALID_ARGUMENT', { message, argument: 'electionTimeoutMs' });
  }
  return options;
}

function checkOption(name: string, value: unknown): void {
  if (name === 'leaseReads') {
    if (typeof value !== 'boolean') refuse(name, `${name} must be a boolean`);
    return;
  }
  const [least, most] = ranges[name] ?? [1, Number.MAX_SAFE_INTEGER];
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return;
  if (ranges[name] === undefined) refuse(name, `${name} must be a positive whole number`);
  refuse(name, `${name} must be a whole number from ${least} to ${most}`);
}

function refuse(argument: string, message: string): never {
  throw new CoterieError('ERR_INVALID_ARGUMENT', { message, argument });
}

/** Election timeouts without any movement after which a state machine that waits for its disk stands still. */
const stateMachineStallTimeouts = 3;
/**
 * The least of it, in ms, however short elections are: a read that shares its threads with the application's own work
 * may wait for the better part of a second, on a disk that works.
 */
const stateMachineStallMsLeast = 2000;

/** Ticks without any movement after which a state machine that waits for its disk stands still. */
export function stateMachineStallTicks({ electionTimeoutMs, heartbeatMs }: NodeOptions): number {
  return Math.ceil(Math.max(stateMachineStallTimeouts * electionTimeoutMs, stateMachineStallMsLeast) / heartbeatMs);
}

/** Election timeout in ticks of one heartbeat. */
export function electionTicks(options: NodeOptions): number {
  return Math.ceil(options.electionTimeoutMs / options.heartbeatMs);
}
