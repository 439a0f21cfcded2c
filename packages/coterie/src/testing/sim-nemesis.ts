import { SeededRandom } from '@coterie/raft/testing';
import { ClockFaults } from './faults/clock-faults.js';
import { CrashFaults } from './faults/crash-faults.js';
import { DiskDamageFaults } from './faults/disk-damage.js';
import { DiskErrorFaults } from './faults/disk-errors.js';
import { DiskStallFaults } from './faults/disk-stalls.js';
import { FailpointFaults } from './faults/failpoint-faults.js';
import type { FaultFamily, FaultFamilyClass } from './faults/fault-family.js';
import { GarbageFaults } from './faults/garbage-faults.js';
import { MembershipFaults } from './faults/membership-faults.js';
import { NetworkFaults } from './faults/network-faults.js';
import type { SimWorld } from './sim-world.js';

/** Every family of faults, in the order in which they start and stop. */
const families: readonly FaultFamilyClass[] = [
  NetworkFaults,
  DiskStallFaults,
  ClockFaults,
  GarbageFaults,
  MembershipFaults,
  FailpointFaults,
  DiskErrorFaults,
  DiskDamageFaults,
  // Last: it starts everybody again when the others have healed what is theirs.
  CrashFaults,
];

/** All that goes wrong in one world, each family with chances of its own: a change to one does not move the others. */
export class SimNemesis {
  readonly #families: readonly FaultFamily[];

  constructor(world: SimWorld, seed: number, untilMs: number) {
    this.#families = families.map(
      (Family, i) => new Family(world, new SeededRandom((seed ^ 0x5eed) * 31 + i), untilMs),
    );
    for (const family of this.#families) world.counts.declare(family.counts);
  }

  start(): void {
    for (const family of this.#families) family.start();
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
