import { FaultFamily } from './fault-family.js';

/** Disks that stall. */
export class DiskStallFaults extends FaultFamily {
  override readonly counts = ['disk slowed'];

  override start(): void {
    const random = this.random;
    this.strikes(random.pick([5000, 20_000]), () => this.#slow());
  }

  /** Outside the core a disk that stalls goes on so for good, and others begin to. */
  override freeze(core: ReadonlySet<string>): void {
    if (!this.leaveOut(core)) this.stop();
    else for (const name of core) this.#mend(name);
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
    const slowness = this.random.pick([20, 500, 5000]);
    const forMs = this.random.nextInt(4000);
    for (const name of slow) {
      const machine = this.world.machines.get(name)!;
      this.world.counts.add('disk slowed');
      // Both, or one of them alone.
      const part = this.random.nextInt(3);
      if (part !== 1) machine.slowness = slowness;
      if (part !== 2) machine.storeSlowness = slowness;
      this.world.time.schedule(forMs, () => {
        if (this.core?.has(name) !== false) this.#mend(name);
      });
    }
  }
}
