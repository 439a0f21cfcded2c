import { FaultFamily } from './fault-family.js';

const logAlone = 2;
/** A store that is slower by so much stands still: nothing of it ends while anybody waits. */
const standing = 1_000_000;

/** Disks that stall. */
export class DiskStallFaults extends FaultFamily {
  override readonly counts = ['disk slowed', 'log stalled for 5 s'];

  override start(): void {
    const random = this.random;
    this.strikes(random.pick([5000, 20_000]), () => this.#slow());
  }

  /**
   * Outside the core the disks that stall go on so for good, and others begin to. A store that is slow stands still
   * from now on: on one that moves, however slowly, a leader stays.
   */
  override freeze(core: ReadonlySet<string>): void {
    if (!this.leaveOut(core)) {
      this.stop();
      return;
    }
    for (const name of core) this.#mend(name);
    for (const name of this.within) {
      const machine = this.world.machines.get(name)!;
      if (machine.storeSlowness > 1) machine.storeSlowness = standing;
    }
  }

  override stop(): void {
    super.stop();
    for (const name of this.world.names) this.#mend(name);
  }

  #mend(name: string): void {
    const machine = this.world.machines.get(name)!;
    machine.slowness = 1;
    machine.storeSlowness = 1;
  }

  #slow(): void {
    const machines = this.within;
    const slow = this.random.chance(0.3) ? machines : [this.random.pick(machines)];
    const slowness = this.random.pick([20, 500, 5000, 20_000]);
    const forMs = this.random.nextInt(this.random.pick([4000, 4000, 10_000]));
    for (const name of slow) {
      const machine = this.world.machines.get(name)!;
      this.world.counts.add('disk slowed');
      // Both, or one of them alone.
      const part = this.random.nextInt(3);
      if (part !== 1) machine.slowness = slowness;
      if (part !== logAlone) machine.storeSlowness = this.core === undefined ? slowness : standing;
      this.world.time.schedule(forMs, () => {
        if (this.core?.has(name) !== false) this.#mend(name);
      });
    }
  }
}
