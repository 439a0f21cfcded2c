import type { SeededRandom } from '@coterie/raft/testing';
import { waitsInVain } from './checks/snapshot-waits.js';
import type { SimMember } from './sim-member.js';
import type { SimNemesis } from './sim-nemesis.js';
import type { SimWorld } from './sim-world.js';

/** What drives the world until a condition holds. @returns whether it did in time */
export type RunUntil = (condition: () => boolean, ms: number) => Promise<boolean>;

/** A core that works commits a write within so many election timeouts. */
const electionTimeouts = 10;
/** Three of them may go by until a leader's store is seen to stand still, or this time in ms where that is longer. */
const storeStallMs = 2000;
/** Longest time that a member of the core needs to open what it has on its disk, in ms. */
const openMs = 60_000;

/**
 * A random majority is healed, and everything else that is broken stays broken for good: the majority must serve.
 *
 * Faults that come and go hide a livelock, because the next heal ends it (TigerBeetle's VOPR, whose liveness phase this
 * is): a deaf member that campaigns for ever, a removed one, a way that flaps.
 */
export async function checkLiveness(
  world: SimWorld,
  random: SeededRandom,
  nemesis: SimNemesis,
  runUntil: RunUntil,
): Promise<void> {
  const names = chooseCore(world, random);
  world.counts.add(names.size === world.names.length ? 'core of all' : 'core of a part');
  world.note(`core ${[...names].join()}`);
  nemesis.freeze(names);
  // Who was removed may be in a core of all, and is nobody that could serve.
  const core = (): readonly SimMember[] => world.alive.filter((member) => names.has(member.name) && !member.removed);
  const fail = (what: string): void => world.report(`the core ${[...names].join(' ')} ${what} (${states(world)})`);
  const open = (): boolean => core().every((m) => m.engine.replica !== undefined || names.size === world.names.length);
  if (!(await runUntil(open, openMs))) {
    fail(`does not open within ${openMs} ms`);
    return;
  }
  if (!core().some((member) => member.engine.replica !== undefined)) return;
  const { electionTimeoutMs } = world.parameters.options;
  const limitMs = electionTimeouts * electionTimeoutMs + Math.max(0, storeStallMs - 3 * electionTimeoutMs);
  if (!(await firstWrite(world, core, limitMs, runUntil))) {
    fail(`commits no write within ${limitMs} ms`);
    return;
  }
  const members = (): readonly SimMember[] => {
    const { voters, votersOutgoing } = world.leader?.engine.replica?.node.status().conf ?? { voters: [] };
    const ids = new Set([...voters, ...(votersOutgoing ?? [])]);
    return core().filter(({ engine }) => ids.has(engine.replica?.identity.memberId ?? 0));
  };
  const equal = (among: readonly SimMember[]): boolean =>
    new Set(among.map((m) => m.engine.replica!.node.appliedIndex)).size === 1;
  if (!(await runUntil(() => equal(members()), openMs))) {
    const rest = members().filter((member) => !waitsInVain(member, world.leader, names));
    if (rest.length === members().length || !equal(rest)) fail(`does not come to equal logs within ${openMs} ms`);
    // A process that never gets the state sees no write of its own applied.
    else world.counts.add('core member without a snapshot');
    return;
  }
  await checkSessions(world, names, runUntil, fail);
}

/**
 * A write of the core's own is done, in time or as soon as what was open before it is: it takes its turn behind that,
 * and with one command an entry and one entry a round trip thousands of commands take longer. The commit index would
 * tell nothing: it moves as well while the same commands are committed again and again. So in each further span of
 * `limitMs` fewer must be open at the end than at the beginning, and nothing may take longer than {@link openMs}.
 *
 * @returns whether it was
 */
async function firstWrite(
  world: SimWorld,
  core: () => readonly SimMember[],
  limitMs: number,
  runUntil: RunUntil,
): Promise<boolean> {
  const open = (): number => core().reduce((sum, { engine }) => sum + (engine.replica?.proposer.open ?? 0), 0);
  const until = world.time.now + openMs;
  for (;;) {
    const before = open();
    const done = keepWriting(world, core(), limitMs, limitMs);
    if (await runUntil(() => done.size > 0, limitMs)) return true;
    if (world.problems.length > 0 || open() >= before || world.time.now >= until) return false;
    world.counts.add('core that works off what was open');
  }
}

/**
 * Others may write on while the session of one process is stuck; and a write behind the one that is stuck can free it.
 * So first nobody writes until what is open has come to an end, and then each does, once.
 */
async function checkSessions(
  world: SimWorld,
  core: ReadonlySet<string>,
  runUntil: RunUntil,
  fail: (what: string) => void,
): Promise<void> {
  // Who was removed finds out in the meantime.
  const writers = (): readonly SimMember[] =>
    world.alive.filter(({ name, engine }) => core.has(name) && engine.status.state === 'ready');
  // Who leads from outside may be out of reach for some, or nearly so: their commands are sent again, and lost again.
  const failBehind = (what: string): void => {
    if (world.leader !== undefined && core.has(world.leader.name)) fail(what);
  };
  const names = (members: readonly SimMember[]): string => members.map(({ name }) => name).join();
  const open = (): readonly SimMember[] => writers().filter(({ engine }) => (engine.replica?.proposer.open ?? 0) > 0);
  if (!(await runUntil(() => open().length === 0, openMs))) {
    failBehind(`does not come to an end with the open writes of ${names(open())} within ${openMs} ms`);
    return;
  }
  const asked = writers();
  const own = keepWriting(world, asked, 0, openMs);
  const silent = (): readonly SimMember[] => writers().filter((member) => asked.includes(member) && !own.has(member));
  if (!(await runUntil(() => silent().length === 0, openMs))) {
    failBehind(`commits no write of ${names(silent())} within ${openMs} ms`);
    return;
  }
  world.counts.add('write of each member of a core');
}

/**
 * Each of them writes until that succeeds once.
 *
 * @param attemptMs how long one attempt may take; 0: for ever
 * @param untilMs from then on no new one is begun
 * @returns those that have succeeded by now
 */
function keepWriting(
  world: SimWorld,
  members: readonly SimMember[],
  attemptMs: number,
  untilMs: number,
): ReadonlySet<SimMember> {
  const until = world.time.now + untilMs;
  const done = new Set<SimMember>();
  const attempt = (member: SimMember): void => {
    if (world.time.now > until || member.dead) return;
    const write = { kind: 'put', key: `core/${member.name}`, value: Buffer.from('x'), prev: false } as const;
    member.engine.write(write, { timeoutMs: attemptMs }).then(
      () => done.add(member),
      () => world.time.schedule(50, () => attempt(member)),
    );
  };
  members.forEach(attempt);
  return done;
}

/**
 * A majority of the voters, where it is certain who they are; otherwise everybody. Learners, and members that are
 * removed and do not know it, are outside.
 *
 * It is a majority of all names too: the cluster itself lets newcomers in and makes voters of learners, and must not
 * come to depend on somebody outside by that.
 */
function chooseCore(world: SimWorld, random: SeededRandom): ReadonlySet<string> {
  const everybody = new Set(world.names);
  const { candidates, voters } = world.confChanges === 0 ? foundersOf(world) : votersOf(world);
  const quorum = Math.floor(Math.max(world.names.length, voters) / 2) + 1;
  if (candidates.length < quorum) return everybody;
  const rest = [...candidates];
  const core = new Set<string>();
  const size = random.chance(0.7) ? quorum : quorum + random.nextInt(rest.length - quorum + 1);
  while (core.size < size) core.add(rest.splice(random.nextInt(rest.length), 1)[0]!);
  return core;
}

interface Electorate {
  /** Who may be in the core. */
  readonly candidates: readonly string[];
  /** How many voters there are. */
  readonly voters: number;
}

/** No change of the membership was ever made: once all have founded the cluster they are its voters. */
function foundersOf(world: SimWorld): Electorate {
  const founded = world.names.every((name) => world.enrolled.has(name));
  return { candidates: founded ? world.names : [], voters: world.names.length };
}

/**
 * The configuration of the member that has applied the most is the last one, if no log holds a change behind it: one
 * that is not committed would be another, and could still be. Candidates are those of its voters that run, on disks
 * which hold what they acknowledged; a damaged disk is replaced before long, and whoever had it begins anew.
 */
function votersOf(world: SimWorld): Electorate {
  const members = world.alive.flatMap(({ name, machine, engine, removed }) => {
    const status = engine.replica?.node.status();
    const fit = !removed && engine.status.state !== 'failed';
    return status === undefined || !fit ? [] : [{ name, machine, status }];
  });
  const [first] = members.map(({ status }) => status).sort((a, b) => b.applied - a.applied);
  if (first === undefined || first.conf.votersOutgoing.length > 0 || world.checks.hasChangeBehind(first.applied))
    return { candidates: [], voters: 0 };
  const { voters } = first.conf;
  const sound = members.filter(({ machine, status }) => !machine.damaged && voters.includes(status.id));
  return { candidates: sound.map(({ name }) => name), voters: voters.length };
}

/** What everybody believes, for a report. */
export function states(world: SimWorld): string {
  return world.names
    .map((name) => {
      const member = world.running.get(name);
      if (member === undefined) return `${name}: down`;
      const { replica, status } = member.engine;
      if (replica === undefined) return `${name}: ${status.state}, no member yet`;
      const { id, role, term, leader, commit, applied, lastIndex, conf } = replica.node.status();
      const outgoing = conf.votersOutgoing.length === 0 ? '' : ` from ${conf.votersOutgoing.join()}`;
      const paused = member.process.paused ? ', standing still' : '';
      return (
        `${name}: ${id}, ${status.state}${paused}, ${role} of term ${term}, leader ${leader}, last ${lastIndex}, commit ${commit}, ` +
        `applied ${applied}, voters ${conf.voters.join()}${outgoing}, learners ${conf.learners.join()}`
      );
    })
    .join('; ');
}
