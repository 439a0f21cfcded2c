import type { SeededRandom } from '@coterie/raft/testing';
import type { SimWorld } from './sim-world.js';

/**
 * What goes wrong, and when. Every strength is drawn from the seed, and "not at all" is drawn often: a fault that is
 * always there hides what only happens without it (swarm testing).
 */
export class SimNemesis {
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
    const minLatencyMs = random.pick([0.1, 1, 20]);
    this.#world.network.setFaults({
      loss: random.pick([0, 0, 0.01, 0.1]),
      duplicate: random.pick([0, 0, 0.05]),
      reconnect: random.pick([0, 0, 0.02]),
      minLatencyMs,
      maxLatencyMs: minLatencyMs + random.pick([0, 1, 30]),
    });
    this.#every(random.pick([4000, 10_000, 30_000]), () => this.#crash());
    this.#every(random.pick([3000, 8000, 30_000]), () => this.#cut());
    this.#every(random.pick([5000, 20_000]), () => this.#slowDisk());
    if (random.chance(0.4)) this.#every(20_000, () => this.#wipe());
    // What a run leaves behind must often have been through one.
    if (random.chance(0.5)) this.#world.time.schedule(this.#untilMs - 500, () => this.#blackout());
  }

  /** Faults stop and everybody is started again. */
  stop(): void {
    this.#stopped = true;
    const { network, machines, running } = this.#world;
    network.heal();
    network.setFaults({ loss: 0, duplicate: 0, reconnect: 0, minLatencyMs: 0.1, maxLatencyMs: 1 });
    for (const [name, machine] of machines) {
      machine.slowness = 1;
      machine.storeSlowness = 1;
      if (!running.has(name)) this.#world.boot(name);
    }
  }

  #every(meanMs: number, strike: () => void): void {
    this.#world.time.schedule(this.#random.nextInt(2 * meanMs), () => {
      if (this.#stopped || this.#world.time.now >= this.#untilMs) return;
      strike();
      this.#every(meanMs, strike);
    });
  }

  /** Any number of members may be down at once: all of them too. */
  #crash(): void {
    const { alive } = this.#world;
    if (alive.length === 0) return;
    if (this.#random.chance(0.3)) {
      this.#blackout();
      return;
    }
    const { name } = this.#random.pick(alive);
    this.#world.die(name, this.#random.chance(0.6) ? 'power' : 'kill');
    this.#bootLater(name);
  }

  /**
   * The power of the whole room, after the disks have begun to stall: the one fault in which what was acknowledged
   * lives on synced disks alone.
   */
  #blackout(): void {
    const { machines, time } = this.#world;
    const slowness = this.#random.pick([1, 100, 2000]);
    for (const machine of machines.values()) machine.slowness = slowness;
    time.schedule(this.#random.nextInt(400), () => {
      for (const machine of machines.values()) machine.slowness = 1;
      if (this.#stopped) return;
      for (const { name } of this.#world.alive) {
        this.#world.die(name, 'power');
        this.#bootLater(name);
      }
    });
  }

  /**
   * A disk is lost for good. One at a time, and only while everybody else has what was acknowledged: a majority must
   * keep it.
   */
  #wipe(): void {
    const { alive, names } = this.#world;
    if (alive.length < names.length) return;
    const members = alive.map((member) => member.engine.replica?.node.status());
    const settled = members.every(
      (s) =>
        s?.leader !== undefined &&
        s.leader !== 0 &&
        s.conf.voters.length === names.length &&
        s.conf.learners.length === 0 &&
        s.conf.votersOutgoing.length === 0,
    );
    const applied = new Set(members.map((s) => s?.applied));
    if (!settled || applied.size > 1) return;
    const { name } = this.#random.pick(alive);
    this.#world.die(name, 'wipe');
    this.#bootLater(name);
  }

  #cut(): void {
    const { names, network } = this.#world;
    const victim = this.#random.pick(names);
    const others = names.filter((name) => name !== victim);
    const way = this.#random.nextInt(4);
    for (const other of way === 3 ? [this.#random.pick(others)] : others) {
      if (way !== 1) this.#world.cut(victim, other);
      if (way !== 2) this.#world.cut(other, victim);
    }
    this.#world.time.schedule(this.#random.nextInt(6000), () => network.heal());
  }

  #slowDisk(): void {
    const machines = [...this.#world.machines.values()];
    const slow = this.#random.chance(0.3) ? machines : [this.#random.pick(machines)];
    const slowness = this.#random.pick([20, 500, 5000]);
    const forMs = this.#random.nextInt(4000);
    for (const machine of slow) {
      this.#world.counters.slowDisks++;
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

  #bootLater(name: string): void {
    this.#world.time.schedule(this.#random.nextInt(this.#random.pick([200, 8000])), () => {
      if (!this.#stopped && !this.#world.running.has(name)) this.#world.boot(name);
    });
  }
}
