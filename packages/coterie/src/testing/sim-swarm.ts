import { completeNodeOptions, type CoreConfig, type NodeOptions } from '@coterie/raft';
import { SeededRandom } from '@coterie/raft/testing';
import type { IntegrityOptions } from '../integrity/integrity.js';
import type { DrillName } from './faults/drills.js';
import { familyNames, type FamilyName } from './sim-nemesis.js';

/** What one run is made of, all of it drawn from its seed unless the caller sets it. */
export interface SimParameters {
  readonly members: number;
  /** So many names of the list run only from a later moment on; nothing is founded before. */
  readonly lateMembers: number;
  /** Of the phase with faults. */
  readonly simulatedMs: number;
  readonly clients: number;
  /** Longest rest of a client between two operations; each client draws one up to here. */
  readonly paceMs: number;
  /** Clients that make leases and tie keys to them. */
  readonly leaseClients: number;
  readonly options: NodeOptions;
  readonly core: Partial<CoreConfig>;
  readonly checkpointBytes: number;
  readonly checkpointBatchBytes: number;
  readonly segmentBytes: number;
  /** Frames on the way on one link. */
  readonly linkFrames: number;
  readonly snapshotChunkBytes: number;
  /** What one watch holds for a slow reader. */
  readonly watchBytes: number;
  /** Steps of taking changes to watches in one turn. */
  readonly watchSteps: number;
  /** How often state hashes are kept, and how fast the disk is read through. */
  readonly integrity: IntegrityOptions;
  /** By member: who is preferred as leader; 0 for nobody in particular. */
  readonly leaderPriorities: readonly number[];
  /** The families of faults that take part. */
  readonly families: readonly FamilyName[];
  /** What is practised again and again beside them; usually nothing. */
  readonly drills: readonly DrillName[];
  /** Mean time from the end of a drill to the next. */
  readonly drillEveryMs: number;
}

/**
 * What a run is made of; what is left out is drawn from the seed. Of options and core only what is named is set.
 * `meanMs`: the mean of `simulatedMs` over many seeds, where that is left out; default 60,000.
 */
export interface SimOptions extends Partial<Omit<SimParameters, 'options' | 'core'>> {
  readonly meanMs?: number;
  readonly options?: Partial<NodeOptions>;
  readonly core?: Partial<CoreConfig>;
}

const defaultMeanMs = 60_000;
const defaultDrillEveryMs = 2000;
const kib = 1024;

/**
 * Draws a run. Limits are mostly tiny, so that a short run turns segments over, makes checkpoints, releases the log,
 * fills windows and sends snapshots; and sometimes those of production, because what only happens without pressure is
 * to be seen as well (swarm testing, Groce et al. 2012).
 *
 * Clients without rest do in a minute what others do in an hour: such runs are shorter, so that the real time goes into
 * many different worlds.
 */
export function drawParameters(seed: number, choice: SimOptions = {}): SimParameters {
  const random = new SeededRandom(Math.imul(seed, 0x9e3779b1) ^ 0x5a17);
  const members = random.pick([1, 2, 3, 3, 3, 3, 3, 5, 5, 7]);
  const paceMs = random.pick([5, 100, 500, 700, 700, 700, 1000, 1000]);
  // 0.2 to 2.2 times the mean, which so stays about the mean.
  const length = paceMs === 5 ? 0.1 : paceMs === 100 ? 0.4 : 0.2 + 2 * random.next();
  const simulatedMs = Math.max(1000, Math.round((choice.meanMs ?? defaultMeanMs) * length));
  const drawn = {
    members,
    lateMembers: random.chance(0.1) ? 1 + random.nextInt(2) : 0,
    simulatedMs,
    clients: random.pick([2, 4, 6]),
    paceMs,
    leaseClients: new SeededRandom(Math.imul(seed, 0xc2b2ae35) ^ 0x1ea5).pick([0, 1, 2, 3]),
    options: drawOptions(random, new SeededRandom(Math.imul(seed, 0x85ebca6b) ^ 0x10e5)),
    core: drawCore(random),
    checkpointBytes: random.pick([4, 8, 32, 128]) * kib,
    checkpointBatchBytes: new SeededRandom(Math.imul(seed, 0x27d4eb2f) ^ 0x4b17).pick([500, 2000, 4 << 20]),
    segmentBytes: random.pick([4, 4, 16, 64]) * kib,
    linkFrames: random.pick([5, 20, 200, 10_000, 10_000]),
    snapshotChunkBytes: random.pick([256, 4 * kib, 64 * kib]),
    watchBytes: new SeededRandom(Math.imul(seed, 0xc2b2ae35) ^ 0x3a7c).pick([256, 4 * kib, 4 << 20]),
    watchSteps: new SeededRandom(Math.imul(seed, 0xc2b2ae35) ^ 0x57e9).pick([1, 16, 256]),
    integrity: drawIntegrity(new SeededRandom(Math.imul(seed, 0x27d4eb2f) ^ 0x1d7e)),
    leaderPriorities: random.chance(0.3) ? Array.from({ length: members }, () => random.nextInt(3)) : [],
    families: familyNames,
    drills: [],
    drillEveryMs: defaultDrillEveryMs,
  };
  const { options, core, meanMs: _, ...given } = choice;
  const chosen = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return {
    ...{ ...drawn, ...chosen },
    options: { ...drawn.options, ...options },
    core: { ...drawn.core, ...core },
  };
}

/** @param log draws what stays in the log: a stream of its own, so that it moves nothing else */
function drawOptions(random: SeededRandom, log: SeededRandom): NodeOptions {
  const electionTimeoutMs = random.pick([300, 1000, 1000, 1000, 3000]);
  return completeNodeOptions({
    electionTimeoutMs,
    heartbeatMs: electionTimeoutMs / random.pick([5, 10, 10]),
    entryCommands: random.pick([1, 2, 1024]),
    entryBytes: random.pick([256, 1 << 20]),
    queueBytes: random.pick([4 * kib, 16 << 20]),
    reads: random.pick([4, 100_000, 100_000]),
    snapshotTransferMs: random.pick([500, 5000, 600_000]),
    trailingEntries: log.pick([0, 0, 5, 50]),
    trailingBytes: log.pick([256, 16 << 20]),
    heldLogBytes: log.pick([4 * kib, 64 * kib, 256 << 20]),
    leaseReads: log.chance(0.4),
    leaseDriftPercent: 10,
  });
}

function drawIntegrity(random: SeededRandom): IntegrityOptions {
  const scrub = { periodMs: random.pick([0, 3000, 20_000, 86_400_000]), bytesPerSecond: random.pick([1, 8 << 20]) };
  return { scrub, hashEvery: random.pick([4, 32, 32, 1024]) };
}

function drawCore(random: SeededRandom): Partial<CoreConfig> {
  return {
    maxAppendBytes: random.pick([1, 4 * kib, 1 << 20]),
    maxInflightMessages: random.pick([1, 3, 256]),
    maxInflightBytes: random.pick([4 * kib, 16 << 20]),
    maxUncommittedBytes: random.pick([16 * kib, 64 << 20]),
    maxCommittedBytes: random.pick([1, 4 * kib, 4 << 20]),
  };
}
