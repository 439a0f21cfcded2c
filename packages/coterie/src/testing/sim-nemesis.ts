import { SeededRandom } from '@coterie/raft/testing';
import { ClockFaults } from './faults/clock-faults.js';
import { CrashFaults } from './faults/crash-faults.js';
import { DiskDamageFaults } from './faults/disk-damage.js';
import { DiskErrorFaults } from './faults/disk-errors.js';
import { DiskFaultFamily } from './faults/disk-faults.js';
import { FailpointFaults } from './faults/failpoint-faults.js';
import type { FaultFamily, MakeFamily } from './faults/fault-family.js';
import { GarbageFaults } from './faults/garbage-faults.js';
import { MembershipFaults } from './faults/membership-faults.js';
import { NetworkFaultFamily } from './faults/network-faults.js';
import type { SimWorld } from './sim-world.js';

/** Every family of faults, in the order in which they start and stop. */
const families: readonly MakeFamily[] = [
  (world, random, untilMs) => new NetworkFaultFamily(world, random, untilMs),
  (world, random, untilMs) => new DiskFaultFamily(world, random, untilMs),
  (world, random, untilMs) => new ClockFaults(world, random, untilMs),
  (world, random, untilMs) => new GarbageFaults(world, random, untilMs),
  (world, random, untilMs) => new MembershipFaults(world, random, untilMs),
  (world, random, untilMs) => new FailpointFaults(world, random, untilMs),
  (world, random, untilMs) => new DiskErrorFaults(world, random, untilMs),
  (world, random, untilMs) => new DiskDamageFaults(world, random, untilMs),
  // Last: it starts everybody again when the others have healed what is theirs.
  (world, random, untilMs) => new CrashFaults(world, random, untilMs),
];

/** All that goes wrong in one world, each family with chances of its own: a change to one does not move the others. */
export class SimNemesis {
  readonly #families: readonly FaultFamily[];

  constructor(world: SimWorld, seed: number, untilMs: number) {
    this.#families = families.map((make, i) => make(world, new SeededRandom((seed ^ 0x5eed) * 31 + i), untilMs));
    for (const family of this.#families) world.counts.declare(family.counts);
  }

  start(): void {
    for (const family of this.#families) family.start();
  }

  /** The core is healed, everybody else's failures are for good. */
  freeze(core: ReadonlySet<string>): void {
    for (const family of this.#families) {
      if (family.freeze === undefined) family.stop();
      else family.freeze(core);
    }
  }

  /** Faults stop and everybody is started again. */
  stop(): void {
    for (const family of this.#families) family.stop();
  }
}
