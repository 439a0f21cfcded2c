import type { DiskStrike } from '@coterie/mvcc/testing';
import type { NodeId } from '@coterie/raft';
import type { SeededRandom } from '@coterie/raft/testing';
import type { Plan } from '../sabotage.js';
import type { SimMember } from '../sim-member.js';
import type { SimMachine } from '../sim-storage.js';
import type { SimWorld } from '../sim-world.js';
import { DiskRepair } from './disk-repair.js';
import { FaultFamily } from './fault-family.js';

const inHistory = 'bit flipped in history';
/** Damage to files at rest: what it is called, and which files. */
const files: readonly { readonly count: string; readonly of: (path: string) => boolean }[] = [
  { count: 'bit flipped in log', of: (path) => path.endsWith('.wal') },
  { count: inHistory, of: (path) => path.endsWith('.history') },
  { count: 'bit flipped in identity', of: (path) => path.endsWith('/IDENTITY') },
];
/** An exported snapshot is there only while it travels: looked for so often. */
const exportsEveryMs = 200;
const inSnapshot = 'bit flipped in snapshot';
const inHead = 'bit flipped in hard state';
const inStore = 'bit flipped in store';
const misdirected = 'write misdirected';
const misdirect: DiskStrike = { kind: 'misdirect' };

/** A write that was to be misdirected and has not come by then is left alone. */
const waitMs = 20_000;
/** Syncs of the log after which the records behind a gap tell of it: one that covers it, one of what came later. */
const traceSyncs = 2;

/**
 * Disks that hold something else than what was written, of so few members at once that the cluster must recover.
 *
 * Whoever reads the damage has to refuse it: a member that goes on with less than it acknowledged would vote against
 * what it promised. The damaged disk is replaced then, or later when nobody has noticed.
 */
export class DiskDamageFaults extends FaultFamily {
  override readonly counts = [
    ...files.map(({ count }) => count),
    inSnapshot,
    inHead,
    inStore,
    misdirected,
    ...DiskRepair.counts,
  ];
  readonly #repair: DiskRepair;
  readonly #waiting = new Map<Plan, { readonly machine: SimMachine; readonly id: NodeId | undefined }>();

  constructor(world: SimWorld, random: SeededRandom, untilMs: number) {
    super(world, random, untilMs);
    this.#repair = new DiskRepair(world, random);
    world.onDiskFailure = (member, error) => this.#repair.onFailure(member, error);
  }

  override start(): void {
    const random = this.random;
    const everyMs = random.pick([0, 0, 8000, 20_000, 60_000]);
    if (everyMs === 0) return;
    this.strikes(everyMs, () => this.#strike());
    this.strikes(exportsEveryMs, () => this.#flipInSnapshot());
  }

  /** The core is on sound disks. What was damaged outside stays so until somebody notices; nothing new is. */
  override freeze(core: ReadonlySet<string>): void {
    if (!this.leaveOut(core)) {
      this.stop();
      return;
    }
    for (const plan of this.#waiting.keys()) this.#callOff(plan);
    this.#repair.finish([...core]);
  }

  override stop(): void {
    super.stop();
    for (const plan of this.#waiting.keys()) this.#callOff(plan);
    this.#repair.finish(this.world.names);
  }

  #strike(): void {
    if (this.core !== undefined) return;
    const candidates = this.world.alive.filter((member) => this.world.atlas.mayLose(member));
    if (candidates.length === 0) return;
    const member = this.random.pick(candidates);
    const kind = this.random.nextInt(files.length + 3);
    if (kind < files.length) this.#flipInFile(member, files[kind]!);
    else if (kind === files.length) this.#flipInHead(member);
    else if (kind === files.length + 1) this.#flipInStore(member);
    else this.#misdirectLater(member);
  }

  #flipInFile(member: SimMember, { count, of }: (typeof files)[number]): void {
    const { disk } = member.machine;
    const paths = disk.paths.filter(of);
    if (paths.length === 0) return;
    disk.flipBit(this.random.pick(paths));
    this.#damage(member, count);
  }

  /** Needs no leave of the atlas: an exported snapshot is a copy for one receiver, who refuses it. */
  #flipInSnapshot(): void {
    for (const { machine } of this.world.alive) {
      const path = machine.disk.paths.find((one) => one.endsWith('.export'));
      if (path === undefined || this.random.chance(0.7)) continue;
      machine.disk.flipBit(path);
      this.world.counts.add(inSnapshot);
    }
  }

  /** The head of a segment of the log repeats the hard state. */
  #flipInHead(member: SimMember): void {
    const { disk } = member.machine;
    const path = disk.paths.findLast((one) => one.endsWith('.wal'));
    if (path === undefined) return;
    disk.flipBit(path, this.random.nextInt(128 * 8));
    this.#damage(member, inHead);
  }

  #flipInStore(member: SimMember): void {
    const { ordered } = member.machine;
    const records = [...ordered.records()];
    if (records.length === 0) return;
    const { directory, key } = this.random.pick(records);
    if (ordered.flipBit(directory, key, this.random.nextInt(2 ** 16))) this.#damage(member, inStore);
  }

  #damage(member: SimMember, count: string): void {
    const { name, machine } = member;
    this.world.counts.add(count);
    this.world.note(`${count} ${name}`);
    machine.damaged = true;
    machine.healable = count === inStore || count === inHistory;
    this.world.atlas.lose(member);
    // Its disk will be another one, and that one another member's.
    this.world.confChanges++;
    this.#inspectLater(name, machine);
  }

  #misdirectLater(member: SimMember): void {
    const { machine } = member;
    const { incarnation } = machine;
    const plan: Plan = {
      point: this.random.pick(['wal.write', 'wal.write', 'history.write']),
      skip: this.random.pick([0, 1, 5]),
      strike: misdirect,
      // Another disk would be another member's.
      stillDue: () => machine.incarnation === incarnation && !machine.damaged,
      fired: () => {
        this.#waiting.delete(plan);
        this.#damage(member, misdirected);
        if (plan.point === 'wal.write') machine.untraceable = traceSyncs;
      },
    };
    this.#waiting.set(plan, { machine, id: this.world.atlas.lose(member) });
    machine.sabotage.plan(plan);
    this.world.time.schedule(waitMs, () => this.#callOff(plan));
  }

  #callOff(plan: Plan): void {
    const waiting = this.#waiting.get(plan);
    if (waiting === undefined) return;
    this.#waiting.delete(plan);
    if (waiting.machine.sabotage.cancel(plan)) this.world.atlas.spare(waiting.id);
  }

  /** Restarts the process, so that it reads what it has; and later replaces the disk even so. */
  #inspectLater(name: string, machine: SimMachine): void {
    const { incarnation } = machine;
    const restart = (replace: boolean) => () => {
      if (this.stopped || !machine.damaged || machine.incarnation !== incarnation) return;
      this.world.die(name, this.random.chance(0.5) ? 'power' : 'kill');
      // Its process finds the damage, and mends it; dying in the middle of that does no harm.
      if (replace && !machine.healable) this.#repair.replace(name);
      this.#repair.bootLater(name);
    };
    if (this.random.chance(0.7)) this.world.time.schedule(this.random.nextInt(10_000), restart(false));
    this.world.time.schedule(10_000 + this.random.nextInt(30_000), restart(true));
  }
}
