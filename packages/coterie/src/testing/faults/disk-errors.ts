import type { DiskStrike } from '@coterie/mvcc/testing';
import type { Plan } from '../sabotage.js';
import type { SimMachine } from '../sim-storage.js';
import { FaultFamily } from './fault-family.js';

interface Trouble {
  readonly count: string;
  readonly strike: DiskStrike;
  /** Where it may strike, one drawn. */
  readonly points: readonly string[];
  /** What a process may give as its reason to stop. */
  readonly excuse: 'storage' | 'corrupt';
}

const eio = { kind: 'error', code: 'EIO' } as const;
const writes = [
  'wal.write',
  'wal.write',
  'segment.write',
  'history.write',
  'kv.write',
  'export.write',
  'current.write',
];
const syncs = ['wal.datasync', 'wal.datasync', 'segment.datasync', 'history.datasync', 'kv.sync', 'current.sync'];
const reads = ['wal.read', 'identity.readFile', 'current.readFile', 'history.read', 'export.read', 'kv.read'];
const names = [
  'segment.rename',
  'wal.unlink',
  'wal.syncDirectory',
  'current.rename',
  'current.syncDirectory',
  'kv.open',
];

const troubles: readonly Trouble[] = [
  { count: 'EIO on write', strike: eio, points: writes, excuse: 'storage' },
  { count: 'EIO on fsync', strike: eio, points: syncs, excuse: 'storage' },
  { count: 'EIO on read', strike: eio, points: reads, excuse: 'storage' },
  {
    count: 'EIO on names',
    strike: eio,
    points: [...names, 'identity.rename', 'identity.syncDirectory'],
    excuse: 'storage',
  },
  { count: 'short read', strike: { kind: 'short' }, points: reads.filter((at) => at !== 'kv.read'), excuse: 'corrupt' },
  { count: 'bit flipped on read', strike: { kind: 'flip' }, points: reads, excuse: 'corrupt' },
];

const storeIsFull: Trouble = {
  count: 'ENOSPC',
  strike: { kind: 'error', code: 'ENOSPC' },
  points: ['kv.write'],
  excuse: 'storage',
};

/** A fault that has not come by then is called off. */
const waitMs = 20_000;

/**
 * Disks that fail an operation or read wrongly once, and disks that are full for a while.
 *
 * Any number of members may be struck at once: each must stop rather than go on as if nothing had happened, and what it
 * had acknowledged is still on its disk when it is started again.
 */
export class DiskErrorFaults extends FaultFamily {
  override readonly counts = [...troubles.map(({ count }) => count), 'ENOSPC'];
  readonly #waiting = new Map<Plan, SimMachine>();

  override start(): void {
    const random = this.random;
    const everyMs = random.pick([0, 0, 5000, 15_000, 60_000]);
    if (everyMs > 0) this.strikes(everyMs, () => this.#fail());
    const fullEveryMs = random.pick([0, 0, 0, 20_000, 60_000]);
    if (fullEveryMs > 0) this.strikes(fullEveryMs, () => this.#fill());
  }

  /** Outside the core disks go on failing, and those that are full stay so. */
  override freeze(core: ReadonlySet<string>): void {
    if (!this.leaveOut(core)) this.stop();
    else for (const name of core) this.#mend(this.world.machines.get(name)!);
  }

  override stop(): void {
    super.stop();
    for (const machine of this.world.machines.values()) this.#mend(machine);
  }

  #mend(machine: SimMachine): void {
    for (const [plan, on] of this.#waiting) {
      if (on !== machine) continue;
      this.#waiting.delete(plan);
      machine.sabotage.cancel(plan);
    }
    machine.disk.capacityBytes = Infinity;
  }

  #machines(): readonly SimMachine[] {
    return this.within.map((name) => this.world.machines.get(name)!);
  }

  #fail(): void {
    const machine = this.random.pick(this.#machines());
    const plan = this.#plan(machine, this.random.pick(troubles));
    this.world.time.schedule(waitMs, () => {
      this.#waiting.delete(plan);
      machine.sabotage.cancel(plan);
    });
  }

  /** One disk or all of them take no more bytes than a little; later they have room again. */
  #fill(): void {
    const machines = this.#machines();
    const full = this.random.chance(0.3) ? machines : [this.random.pick(machines)];
    const forMs = this.random.nextInt(this.random.pick([1000, 10_000]));
    const roomBytes = this.random.nextInt(this.random.pick([1, 1000, 64_000]));
    for (const machine of full) {
      const { disk } = machine;
      const refused = disk.counters.noSpace;
      disk.capacityBytes = disk.usedBytes + roomBytes;
      machine.excuses.storage = true;
      // The model of LevelDB takes no room of the simulated disk; the real one does.
      const store = this.random.chance(0.3) ? this.#plan(machine, storeIsFull) : undefined;
      this.world.time.schedule(forMs, () => {
        if (store !== undefined) machine.sabotage.cancel(store);
        if (this.core === undefined) disk.capacityBytes = Infinity;
        this.world.counts.add('ENOSPC', disk.counters.noSpace - refused);
      });
    }
  }

  #plan(machine: SimMachine, { count, strike, points, excuse }: Trouble): Plan {
    const plan: Plan = {
      point: this.random.pick(points),
      skip: this.random.pick([0, 0, 1, 5, 30]),
      strike,
      fired: () => {
        this.#waiting.delete(plan);
        machine.excuses[excuse] = true;
        // What a wrong answer shows may also be taken for a failed operation, as a file that ends too early.
        if (excuse === 'corrupt') machine.excuses.storage = true;
        this.world.counts.add(count);
        this.world.note(`${count} ${plan.point}`);
      },
    };
    this.#waiting.set(plan, machine);
    machine.sabotage.plan(plan);
    return plan;
  }
}
