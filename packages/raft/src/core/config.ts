import { CoterieError } from '@coterie/errors';
import type { CoreConfig } from './ready.js';

/** Priorities are small numbers: they are compared, never counted. */
export const leaderPriorityMax = 100;

/** No more append messages than this may be in flight to one follower, whatever the configuration says. */
const inflightMessagesMax = 2 ** 31 - 1;

/**
 * The configuration a core runs with unless told otherwise: every protection on, limits that hold a peer under about
 * 100 MiB.
 *
 * Ticks have no length here; the driver decides it (100 ms a tick make an election timeout of 1 to 2 s).
 */
export const defaultCoreConfig: CoreConfig = {
  electionTicks: 10,
  heartbeatTicks: 1,
  preVote: true,
  checkQuorum: true,
  stepDownOnRemoval: true,
  maxAppendBytes: 1024 * 1024,
  // Deep pipelines only queue once batching fills the pipe (hashicorp/raft #541), so the window is by bytes first of
  // all.
  maxInflightMessages: 256,
  maxInflightBytes: 16 * 1024 * 1024,
  maxUncommittedBytes: 64 * 1024 * 1024,
  maxCommittedBytes: 4 * 1024 * 1024,
  group: 0,
  leasePromiseMs: 0,
  leaderPriority: 0,
};

const positiveFields = [
  'electionTicks',
  'heartbeatTicks',
  'maxAppendBytes',
  'maxInflightMessages',
  'maxInflightBytes',
  'maxUncommittedBytes',
  'maxCommittedBytes',
] as const;

/** Typed by the interface, so that a field which is added there is not refused here. */
const fields: Readonly<Record<keyof CoreConfig, true>> = {
  electionTicks: true,
  heartbeatTicks: true,
  preVote: true,
  checkQuorum: true,
  stepDownOnRemoval: true,
  maxAppendBytes: true,
  maxInflightMessages: true,
  maxInflightBytes: true,
  maxUncommittedBytes: true,
  maxCommittedBytes: true,
  group: true,
  leasePromiseMs: true,
  leaderPriority: true,
  trustConfChanges: true,
};

function refuse(argument: string, message: string): never {
  throw new CoterieError('ERR_INVALID_ARGUMENT', { message, argument });
}

/**
 * Checks a configuration.
 *
 * @returns the same configuration
 * @throws CoterieError ERR_INVALID_ARGUMENT that names the field: one that makes no sense, or that there is not
 */
export function validateCoreConfig(config: CoreConfig): CoreConfig {
  for (const field of Object.keys(config)) {
    if (!Object.hasOwn(fields, field)) refuse(field, `there is no field '${field}' in the configuration of a core`);
  }
  for (const field of positiveFields) {
    const value: unknown = config[field];
    if (!Number.isSafeInteger(value) || (value as number) <= 0) {
      refuse(field, `${field} must be a positive integer, got ${String(value)}`);
    }
  }
  // Heartbeats at or above the election timeout would let every follower campaign against a live leader.
  if (config.electionTicks <= config.heartbeatTicks) {
    refuse(
      'electionTicks',
      `electionTicks ${config.electionTicks} must exceed heartbeatTicks ${config.heartbeatTicks}`,
    );
  }
  if (config.maxInflightMessages > inflightMessagesMax) {
    refuse('maxInflightMessages', `maxInflightMessages must be at most ${inflightMessagesMax}`);
  }
  const { leasePromiseMs = 0, leaderPriority = 0 } = config;
  if (!Number.isSafeInteger(leasePromiseMs) || leasePromiseMs < 0) {
    refuse('leasePromiseMs', `leasePromiseMs must be a non-negative integer, got ${String(leasePromiseMs)}`);
  }
  if (!Number.isSafeInteger(leaderPriority) || leaderPriority < 0 || leaderPriority > leaderPriorityMax) {
    refuse('leaderPriority', `leaderPriority must be an integer from 0 to ${leaderPriorityMax}`);
  }
  if (!Number.isSafeInteger(config.group) || config.group < 0) {
    refuse('group', `group must be a non-negative integer, got ${String(config.group)}`);
  }
  for (const field of ['preVote', 'checkQuorum', 'stepDownOnRemoval'] as const) {
    if (typeof config[field] !== 'boolean') refuse(field, `${field} must be a boolean`);
  }
  return config;
}
