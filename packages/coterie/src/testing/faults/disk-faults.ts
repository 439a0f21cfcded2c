import type { SeededRandom } from '@coterie/raft/testing';
import type { SimWorld } from '../sim-world.js';
import { strikes, type FaultFamily } from './fault-family.js';

/** Disks that stall. */
export class DiskFaultFamily implements FaultFamily {
  readonly counts = ['disk slowed'];
  readonly #world: SimWorld;
  readonly #random: SeededRandom;
  readonly #untilMs: number;
  #stopped = false;

  constructor(world: SimWorld, random: SeededRandom, untilMs: number) {
    this.#world = world;
    this.#random = random;
    this.#untilMs = untilMs;
  }

  start(): void {
    const random = this.#random;
    const until = { ms: this.#untilMs, stopped: () => this.#stopped };
    strikes(this.#world, random, until, random.pick([5000, 20_000]), () => this.#slow());
  }

  stop(): void {
    this.#stopped = true;
    for (const machine of this.#world.machines.values()) {
      machine.slowness = 1;
      machine.storeSlowness = 1;
    }
  }

  #slow(): void {
    const machines = [...this.#world.machines.values()];
    const slow = this.#random.chance(0.3) ? machines : [this.#random.pick(machines)];
    const slowness = this.#random.pick([20, 500, 5000]);
    const forMs = this.#random.nextInt(4000);
    for (const machine of slow) {
      this.#world.counts.add('disk slowed');
      // Both, or one of them alone.
      const part = this.#random.nextInt(3);
      if (part !== 1) machine.slowness = slowness;
      if (part !== 2) machine.storeSlowness = slowness;
      this.#world.time.schedule(forMs, () => {
        machine.slowness = 1;
        machine.storeSlowness = 1;
      });
    }
  }
}
