import { SeededRandom } from '@coterie/raft/testing';
import { checkFinalLeases } from './checks/final-leases.js';
import { checkFinalStates } from './checks/final-checks.js';
import { checkHistory } from './checks/history-checks.js';
import { checkLeaks } from './checks/leak-checks.js';
import { checkWatches } from './checks/watch-checks.js';
import { ClientHistory } from './clients/client-history.js';
import { startClients } from './clients/client-loop.js';
import { SimLeases } from './clients/sim-leases.js';
import { startQuotas } from './clients/sim-quotas.js';
import { SimWatchers } from './clients/sim-watchers.js';
import { checkLiveness, states } from './sim-liveness.js';
import { SimNemesis } from './sim-nemesis.js';
import { drawParameters, type SimOptions, type SimParameters } from './sim-swarm.js';
import { SimWorld } from './sim-world.js';
import { drainMicrotasks, eventLoopTurn } from './system-drain.js';

/** What one seed did. */
export interface SimReport {
  readonly seed: number;
  readonly parameters: SimParameters;
  /** What was broken, in words; empty when all promises were kept. */
  readonly problems: readonly string[];
  /** Over all that happened, in order: the same seed gives the same one. */
  readonly eventHash: string;
  /** Virtual time in all, in ms. */
  readonly simulatedMs: number;
  /** Calls of clients, whatever came of them. */
  readonly operations: number;
  /** Writes that were acknowledged. */
  readonly acked: number;
  /** Writes whose clients never learnt what became of them. */
  readonly unknown: number;
  /** Linearizable reads that were answered. */
  readonly reads: number;
  readonly leaderChanges: number;
  /** Entries of the log that were applied. */
  readonly entries: number;
  /** How often each fault and each event of the cluster happened. */
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * How long a healed cluster may take until it serves everywhere: many election timeouts, and the disks at their
 * slowest.
 */
const convergeMs = 60_000;

/** The event loop is given a turn after so many virtual tasks. */
const stepsPerTurn = 10_000;

/**
 * One seed: a cluster under load and faults, then without faults, then the checks.
 *
 * First safety, while everything that can go wrong does; then liveness: a majority is healed and must serve while all
 * other failures are for good; then faults stop, everybody is started again and must come together; then the history of
 * the clients is held against what the cluster kept.
 */
export async function runSeed(seed: number, options: SimOptions = {}): Promise<SimReport> {
  const parameters = drawParameters(seed, options);
  const { simulatedMs } = parameters;
  const world = new SimWorld(seed, parameters);
  const history = new ClientHistory();
  const report = (problem: string): void => world.report(problem);
  bootAll(world);
  const nemesis = new SimNemesis(world, seed, simulatedMs);
  startClients(world, history, seed);
  startQuotas(world, seed);
  new SimLeases(world, seed);
  const watchers = new SimWatchers(world, seed);
  nemesis.start();
  await runUntil(world, () => false, simulatedMs);
  if (world.problems.length === 0) {
    const random = new SeededRandom(seed ^ 0xc04e);
    await checkLiveness(world, random, nemesis, (condition, ms) => runUntil(world, condition, ms));
  }
  nemesis.stop();
  await converge(world, history);
  if (world.problems.length === 0) {
    checkHistory(history, world.recorder.log, report);
    checkWatches(watchers.sessions, world.recorder.log, report);
  }
  const count = (state: string): number => history.writes.filter((write) => write.state === state).length;
  for (const machine of world.machines.values()) {
    world.counts.add('sector lost', machine.lostSectors);
    world.counts.add('log stalled for 5 s', machine.longStalls);
  }
  return {
    seed,
    parameters,
    problems: world.problems,
    eventHash: world.eventHash,
    simulatedMs: world.time.now,
    operations: history.operations,
    acked: count('acked'),
    unknown: count('unknown') + count('open'),
    reads: history.reads,
    leaderChanges: world.checks.leaderChanges,
    entries: world.checks.appliedIndex,
    counts: world.counts.all,
  };
}

/** Some come late: nothing can be founded before. */
function bootAll(world: SimWorld): void {
  const { names, parameters } = world;
  const inTime = Math.max(1, names.length - parameters.lateMembers);
  names.forEach((name, i) => {
    if (i < inTime) world.boot(name);
    else {
      world.time.schedule(world.random.nextInt(Math.ceil(parameters.simulatedMs / 10)), () => {
        if (!world.running.has(name)) world.boot(name);
      });
    }
  });
}

/** Steps the world until the condition holds. @returns whether it did before the time was over */
async function runUntil(world: SimWorld, condition: () => boolean, ms: number): Promise<boolean> {
  const until = world.time.now + ms;
  // Also what brings the first drain into a promise reaction.
  await eventLoopTurn();
  for (let steps = 1; !condition(); steps++) {
    if (world.problems.length > 0) return false;
    if (!world.time.step(until)) return condition();
    await drainMicrotasks();
    if (steps % stepsPerTurn === 0) await eventLoopTurn();
  }
  return true;
}

/**
 * Everybody is back, nothing is cut: the cluster must come together, take a write at every member and hold one state.
 */
async function converge(world: SimWorld, history: ClientHistory): Promise<void> {
  if (world.problems.length > 0) return;
  const settle = async (what: string, condition: () => boolean): Promise<boolean> => {
    if (await runUntil(world, condition, convergeMs)) return true;
    world.report(`convergence: not within ${convergeMs} ms after the faults: ${what} (${states(world)})`);
    return false;
  };
  const whole = (): boolean => {
    const conf = world.leader?.engine.replica?.node.status().conf;
    return conf?.voters.length === world.names.length && conf.votersOutgoing.length === 0;
  };
  if (!(await settle('everybody a voter', whole))) return;
  for (const member of world.alive) {
    let done = false;
    const write = { kind: 'put', key: `last/${member.name}`, value: Buffer.from('x'), prev: false } as const;
    const attempt = (): void => {
      member.engine.write(write, { timeoutMs: 5000 }).then(
        () => (done = true),
        () => world.time.schedule(100, attempt),
      );
    };
    attempt();
    if (!(await settle(`a write at ${member.name}`, () => done))) return;
  }
  const applied = (): readonly (number | undefined)[] => world.alive.map((m) => m.engine.replica?.node.appliedIndex);
  if (!(await settle('equal logs', () => new Set(applied()).size === 1))) return;
  const hashes = world.alive.map((member) => member.engine.replica!.machine.stateHash().chain);
  if (new Set(hashes).size !== 1) world.report(`the final states differ: ${hashes.join(', ')}`);
  await checkFinalStates(world, settle);
  if (world.problems.length === 0) await checkFinalLeases(world, settle);
  if (world.problems.length === 0) await checkLeaks(world, history, settle);
}
