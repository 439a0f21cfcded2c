import { FaultFamily } from './fault-family.js';

/** Disks that stall. */
export class DiskStallFaults extends FaultFamily {
  override readonly counts = ['disk slowed'];

  override start(): void {
    const random = this.random;
    this.strikes(random.pick([5000, 20_000]), () => this.#slow());
  }

  override stop(): void {
    super.stop();
    for (const machine of this.world.machines.values()) {
      machine.slowness = 1;
      machine.storeSlowness = 1;
    }
  }

  #slow(): void {
    const machines = [...this.world.machines.values()];
    const slow = this.random.chance(0.3) ? machines : [this.random.pick(machines)];
    const slowness = this.random.pick([20, 500, 5000]);
    const forMs = this.random.nextInt(4000);
    for (const machine of slow) {
      this.world.counts.add('disk slowed');
      // Both, or one of them alone.
      const part = this.random.nextInt(3);
      if (part !== 1) machine.slowness = slowness;
      if (part !== 2) machine.storeSlowness = slowness;
      this.world.time.schedule(forMs, () => {
        machine.slowness = 1;
        machine.storeSlowness = 1;
      });
    }
  }
}
