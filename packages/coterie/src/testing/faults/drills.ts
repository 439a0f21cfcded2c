import type { RaftNode } from '@coterie/raft';
import type { SeededRandom } from '@coterie/raft/testing';
import { states } from '../sim-liveness.js';
import type { SimMember } from '../sim-member.js';
import type { SimWorld } from '../sim-world.js';
import { FaultFamily, shuffled } from './fault-family.js';

/** Writes that a cut-off leader is given, at most: its log runs ahead of everybody's. */
const tailMax = 40;
/** Disks take so many times as long as healthy ones. */
const slow = [1, 20, 100];
const standing = 100_000;
/** What a sync takes on a healthy disk, about. */
const syncMs = 0.4;
/** How often a wish to hand over is repeated, an eighth of an election timeout apart. */
const wishes = 6;

/** Behind the head of a segment, and before its unused end. */
const flippedFrom = 300;
const flippedBytes = 6000;

/** What a drill acts on. */
interface Ground {
  readonly world: SimWorld;
  readonly random: SeededRandom;
  readonly electionTimeoutMs: number;
  /** Later, unless the drills are over by then. */
  readonly after: (ms: number, act: () => void) => void;
}

/** Begins something, and undoes it. @returns when it is over, in ms from now */
type Drill = (ground: Ground) => number;

const drills = {
  /**
   * A leader is cut off with a tail that nobody else has, and comes back: as a follower first, and leading again soon.
   */
  deposed: (ground) => {
    const { world, random, electionTimeoutMs: t } = ground;
    const leader = world.leader;
    if (leader === undefined) return t / 4;
    isolate(ground, leader);
    writeAt(leader, random.nextInt(tailMax));
    const { machine } = leader;
    const [again, over] = [2.2 * t, (2.4 + random.next()) * t];
    if (random.chance(0.5)) ground.after(again, () => nodeOf(world.leader)?.transferLeadership(0));
    ground.after(over, () => {
      machine.slowness = random.pick(slow);
      world.network.heal();
      if (random.chance(0.3)) restart(ground, leader);
      else wish(ground, leader);
    });
    ground.after(over + 2 * t, () => (machine.slowness = 1));
    return over + 2 * t;
  },
  /** Leadership goes round, wished or not, while disks are slow: what is committed is known late. */
  handover: (ground) => {
    const { world, random, electionTimeoutMs: t } = ground;
    const { leader } = world;
    const slowness = random.pick(slow);
    for (const machine of world.machines.values()) machine.slowness = slowness * (0.5 + random.next());
    ground.after(t / 2, () => {
      if (random.chance(0.5)) nodeOf(leader)?.transferLeadership(0);
      else if (leader !== undefined) isolate(ground, leader);
    });
    ground.after(3 * t, () => {
      world.network.heal();
      mendDisks(world);
    });
    return 3 * t;
  },
  /** The disk of a leader stands still for a long time. */
  stall: (ground) => {
    const { world, electionTimeoutMs: t } = ground;
    const leader = world.leader;
    if (leader === undefined) return t;
    leader.machine.slowness = standing;
    writeAt(leader, 1);
    ground.after(8 * t, () => mendDisks(world));
    return 8 * t;
  },
  /** The disk of a leader's store alone stands still: what it commits waits for keys that are not in memory. */
  storeStall: (ground) => {
    const { world, random, electionTimeoutMs: t } = ground;
    const { leader } = world;
    if (leader === undefined) return t;
    leader.machine.storeSlowness = standing;
    const write = { kind: 'put', key: `cold/${random.nextInt(1e9)}`, value: Buffer.from('x'), prev: false } as const;
    leader.engine.write(write, {}).catch(() => undefined);
    ground.after(12 * t, () => mendDisks(world));
    return 12 * t;
  },
  /**
   * Voters become learners and voters again, several at once, and leadership changes before everybody has heard of it.
   */
  changes: (ground) => {
    const { world, random, electionTimeoutMs: t } = ground;
    const node = nodeOf(world.leader);
    if (node === undefined) return t / 4;
    const { voters, learners } = node.status().conf;
    const others = shuffled(
      random,
      voters.filter((id) => id !== node.status().id),
    );
    for (const machine of world.machines.values()) machine.slowness = random.pick(slow);
    const demoted = others.slice(0, Math.max(1, Math.floor((voters.length - 1) / 2)));
    const steps =
      learners.length > 0
        ? learners.map((id) => ({ op: 'addVoter', id }) as const)
        : demoted.map((id) => ({ op: 'addLearner', id }) as const);
    if (node.changeMembership({ transition: 'implicit', steps }, []).ok) world.confChanges++;
    // One more while the first is on its way is to be refused.
    const [id] = others;
    if (id !== undefined && node.changeMembership({ transition: 'auto', steps: [{ op: 'addVoter', id }] }, []).ok)
      world.confChanges++;
    if (world.leader !== undefined) writeAt(world.leader, 5);
    // Who is promoted hears of it late.
    for (const name of learners.length > 0 ? world.names : []) {
      const member = world.running.get(name);
      if (member !== undefined && learners.includes(nodeOf(member)?.status().id ?? 0)) deafen(world, member);
    }
    const sooner = random.nextInt(t / 4);
    if (random.chance(0.7)) {
      ground.after(sooner, () => {
        nodeOf(world.leader)?.transferLeadership(0);
        ground.after(2, () => world.network.heal());
      });
    }
    ground.after(t, () => {
      world.network.heal();
      mendDisks(world);
    });
    return t;
  },
  /** Somebody falls so far behind that only a snapshot helps, and takes it on a slow disk, over ways that break. */
  lag: (ground) => {
    const { world, random, electionTimeoutMs: t } = ground;
    const { leader } = world;
    const [behind] = shuffled(
      random,
      world.alive.filter((member) => member !== leader),
    );
    if (leader === undefined || behind === undefined) return t;
    isolate(ground, behind);
    const away = (2 + random.nextInt(4)) * t;
    for (let ms = 0; ms < away; ms += t / 2) ground.after(ms, () => world.leader && writeAt(world.leader, tailMax));
    ground.after(away, () => {
      world.network.heal();
      behind.machine.storeSlowness = random.pick(slow);
      behind.machine.slowness = random.pick([...slow, 1000]);
    });
    for (let i = 1; i <= 8; i++) {
      ground.after(away + (i * t) / 4, () => {
        const [way] = world.network.transfers;
        if (way !== undefined && random.chance(0.4)) world.network.reset(...way);
      });
    }
    ground.after(away + 3 * t, () => mendDisks(world));
    return away + 3 * t;
  },
  /** Applying is slow: what is committed waits for the disk of the store, while leaders change. */
  backlog: (ground) => {
    const { world, random, electionTimeoutMs: t } = ground;
    for (const machine of world.machines.values()) machine.storeSlowness = random.pick([20, 500, 5000]);
    const [victim] = shuffled(random, world.alive);
    if (victim !== undefined && random.chance(0.5)) restart(ground, victim);
    ground.after(random.nextInt(t), () => nodeOf(world.leader)?.transferLeadership(0));
    ground.after(3 * t, () => mendDisks(world));
    return 3 * t;
  },
  /** A leader hands over, and hears no more of what comes of it. */
  parting: (ground) => {
    const { world, electionTimeoutMs: t } = ground;
    const { leader } = world;
    if (leader === undefined) return t / 4;
    nodeOf(leader)?.transferLeadership(0);
    deafen(world, leader);
    ground.after(1.5 * t, () => world.network.heal());
    return 2 * t;
  },
  /** The process of a leader stands still until others have a leader, and goes on as if nothing had happened. */
  standstill: (ground) => {
    const { world, random, electionTimeoutMs: t } = ground;
    const { leader } = world;
    if (leader === undefined) return t / 4;
    leader.process.pause('leap');
    const forMs = (1 + 2 * random.next()) * t;
    world.time.schedule(forMs, () => leader.process.resume());
    return forMs + t;
  },
  /**
   * A leader proposes that one member learn from now on, and hands over to that one before the change is committed: the
   * new leader is the first to know that it does not vote any longer.
   */
  usurper: (ground) => {
    const { world, random, electionTimeoutMs: t } = ground;
    const { leader } = world;
    const status = nodeOf(leader)?.status();
    if (leader === undefined || status === undefined) return t / 4;
    const { id, conf } = status;
    const [usurper] = shuffled(
      random,
      conf.voters.filter((voter) => voter !== id),
    );
    const steps =
      conf.learners.length > 0
        ? conf.learners.map((learner) => ({ op: 'addVoter', id: learner }) as const)
        : [{ op: 'addLearner', id: usurper ?? 0 } as const];
    if (usurper === undefined || !nodeOf(leader)!.changeMembership({ transition: 'auto', steps }, []).ok) return t / 4;
    world.confChanges++;
    if (conf.learners.length > 0) return t;
    for (const member of world.alive) if (nodeOf(member)?.status().id !== usurper) member.machine.slowness = 100;
    nodeOf(leader)!.transferLeadership(usurper);
    ground.after(2 * t, () => mendDisks(world));
    return 4 * t;
  },
  /**
   * A leader with a tail of its own is cut off, and those who are left cannot elect anybody, as the disk of one keeps
   * its votes back: their term grows. Then only the cut-off one and one whose log is shorter are there: the one can
   * lead, once it hears of the term, the other cannot.
   */
  oldTerm: (ground) => {
    const { world, random, electionTimeoutMs: t } = ground;
    const { leader } = world;
    const [late, slowOne] = shuffled(
      random,
      world.alive.filter((member) => member !== leader),
    );
    if (leader === undefined || late === undefined || slowOne === undefined || world.alive.length > 3) return t / 4;
    for (const { name } of [late, slowOne]) {
      world.cut(leader.name, name);
      world.cut(name, leader.name);
    }
    writeAt(leader, 3);
    // A vote takes longer than a candidate waits.
    slowOne.machine.slowness = (2.5 * t) / syncMs;
    ground.after(20 * t, () => {
      world.network.heal();
      isolate(ground, slowOne, 0);
    });
    const elected = 34 * t;
    const alone = world.parameters.families.length === 0;
    ground.after(elected, () => {
      const same = [leader, late].every((member) => world.running.get(member.name) === member && !member.removed);
      if (alone && same && world.leader === undefined)
        world.report(`no leader: ${leader.name} and ${late.name} do not elect one (${states(world)})`);
      world.network.heal();
      mendDisks(world);
    });
    return elected + t;
  },
  /** A disk is lost for good, and its process comes back with an empty one. */
  lostDisk: (ground) => {
    const { world, random, electionTimeoutMs: t } = ground;
    const [member] = shuffled(
      random,
      world.alive.filter((one) => world.atlas.mayLose(one)),
    );
    if (member === undefined) return t / 4;
    world.die(member.name, 'wipe');
    ground.after(random.nextInt(t), () => {
      if (!world.running.has(member.name)) world.boot(member.name);
    });
    return 10 * t;
  },
  /** A bit is flipped in what a log holds that is still being written, and its process is started again. */
  flip: (ground) => {
    const { world, random, electionTimeoutMs: t } = ground;
    const [member] = shuffled(
      random,
      world.alive.filter((one) => world.atlas.mayLose(one)),
    );
    const path = member?.machine.disk.paths.findLast((one) => one.endsWith('.wal'));
    if (member === undefined || path === undefined) return t / 10;
    member.machine.disk.flipBit(path, 8 * flippedFrom + random.nextInt(8 * flippedBytes));
    member.machine.damaged = true;
    world.atlas.lose(member);
    world.confChanges++;
    restart(ground, member);
    return 10 * t;
  },
} satisfies Record<string, Drill>;

/** A drill: a sequence of faults that is to meet a certain mistake. */
export type DrillName = keyof typeof drills;

/** Practises one drill after the other: sharp worlds for what chance alone brings together too rarely. */
export class Drills extends FaultFamily {
  override readonly counts = [];

  override start(): void {
    const { world, random } = this;
    this.#next({ world, random, electionTimeoutMs: world.parameters.options.electionTimeoutMs, after: this.#after });
  }

  override stop(): void {
    super.stop();
    this.world.network.heal();
    mendDisks(this.world);
    for (const { process } of this.world.alive) process.resume();
  }

  readonly #after = (ms: number, act: () => void): void => {
    this.world.time.schedule(ms, () => {
      if (!this.stopped) act();
    });
  };

  #next(ground: Ground): void {
    const { drills: chosen, drillEveryMs } = this.world.parameters;
    this.#after(this.random.nextInt(2 * drillEveryMs), () => {
      if (this.world.time.now >= this.untilMs) return;
      const overMs = drills[this.random.pick(chosen)](ground);
      this.#after(overMs, () => this.#next(ground));
    });
  }
}

function nodeOf(member: SimMember | undefined): RaftNode | undefined {
  return member?.engine.replica?.node;
}

/** In both directions, or in one. */
function isolate({ world, random }: Ground, member: SimMember, way = random.nextInt(4)): void {
  for (const other of world.names) {
    if (other === member.name) continue;
    if (way !== 1) world.cut(member.name, other);
    if (way !== 2) world.cut(other, member.name);
  }
}

function deafen(world: SimWorld, { name }: SimMember): void {
  for (const other of world.names) if (other !== name) world.cut(other, name);
}

/** Writes that nobody waits for. */
function writeAt(member: SimMember, count: number): void {
  for (let i = 0; i < count; i++) {
    const write = { kind: 'put', key: `drill/${i % 10}`, value: Buffer.from(`${i}`), prev: false } as const;
    member.engine.write(write, {}).catch(() => undefined);
  }
}

function wish(ground: Ground, member: SimMember): void {
  for (let i = 0; i < wishes; i++) {
    ground.after((i * ground.electionTimeoutMs) / 8, () => {
      const id = nodeOf(member)?.status().id;
      const leader = ground.world.leader;
      if (id !== undefined && leader !== member) nodeOf(leader)?.transferLeadership(id);
    });
  }
}

function restart(ground: Ground, { name }: SimMember): void {
  const { world, random } = ground;
  ground.after(random.nextInt(100), () => {
    world.die(name, random.chance(0.5) ? 'power' : 'kill');
    ground.after(random.nextInt(100), () => {
      if (!world.running.has(name)) world.boot(name);
    });
  });
}

function mendDisks(world: SimWorld): void {
  for (const machine of world.machines.values()) {
    machine.slowness = 1;
    machine.storeSlowness = 1;
  }
}
