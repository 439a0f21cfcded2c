import { SeededRandom } from '@coterie/raft/testing';
import { ClockFaults } from './faults/clock-faults.js';
import { CrashFaults } from './faults/crash-faults.js';
import { DiskDamageFaults } from './faults/disk-damage.js';
import { DiskErrorFaults } from './faults/disk-errors.js';
import { DiskStallFaults } from './faults/disk-stalls.js';
import { Drills } from './faults/drills.js';
import { FailpointFaults } from './faults/failpoint-faults.js';
import type { FaultFamily, FaultFamilyClass } from './faults/fault-family.js';
import { GarbageFaults } from './faults/garbage-faults.js';
import { MembershipFaults } from './faults/membership-faults.js';
import { NetworkFaults } from './faults/network-faults.js';
import type { SimWorld } from './sim-world.js';

/** Every family of faults, in the order in which they start and stop. */
const families = {
  network: NetworkFaults,
  disks: DiskStallFaults,
  clocks: ClockFaults,
  garbage: GarbageFaults,
  membership: MembershipFaults,
  failpoints: FailpointFaults,
  errors: DiskErrorFaults,
  damage: DiskDamageFaults,
  // Last: it starts everybody again when the others have healed what is theirs.
  crashes: CrashFaults,
} satisfies Record<string, FaultFamilyClass>;

/** A family of faults. */
export type FamilyName = keyof typeof families;

/** All of them, in their order. */
export const familyNames = Object.keys(families) as readonly FamilyName[];

/** All that goes wrong in one world, each family with chances of its own: a change to one does not move the others. */
export class SimNemesis {
  readonly #striking: readonly FaultFamily[];
  readonly #families: readonly FaultFamily[];

  constructor(world: SimWorld, seed: number, untilMs: number) {
    const chance = (i: number): SeededRandom => new SeededRandom((seed ^ 0x5eed) * 31 + i);
    const { families: chosen, drills } = world.parameters;
    const drill = drills.length > 0 ? [new Drills(world, chance(familyNames.length), untilMs)] : [];
    const all = familyNames.map((name, i) => {
      const Family: FaultFamilyClass = families[name];
      const family = new Family(world, chance(i), untilMs);
      world.counts.declare(family.counts);
      return { name, family };
    });
    const striking = all.filter(({ name }) => chosen.includes(name));
    this.#striking = [...drill, ...striking.map(({ family }) => family)];
    // Who is down is started again in any case.
    const mending = all.filter(({ name }) => name === 'crashes' || chosen.includes(name));
    this.#families = [...drill, ...mending.map(({ family }) => family)];
  }

  start(): void {
    for (const family of this.#striking) family.start();
  }

  /** The core is healed, everybody else's failures are for good. */
  freeze(core: ReadonlySet<string>): void {
    for (const family of this.#families) family.freeze(core);
  }

  /** Faults stop and everybody is started again. */
  stop(): void {
    for (const family of this.#families) family.stop();
  }
}
