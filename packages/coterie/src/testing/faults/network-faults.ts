import type { SeededRandom } from '@coterie/raft/testing';
import type { SimWorld } from '../sim-world.js';
import { strikes, type FaultFamily } from './fault-family.js';

/** Messages lost, late, repeated and overtaken; ways cut, in both directions or in one. */
export class NetworkFaultFamily implements FaultFamily {
  readonly counts = ['link cut'];
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
    const until = { ms: this.#untilMs, stopped: () => this.#stopped };
    strikes(this.#world, random, until, random.pick([3000, 8000, 30_000]), () => this.#cut());
  }

  stop(): void {
    this.#stopped = true;
    const { network } = this.#world;
    network.heal();
    network.setFaults({ loss: 0, duplicate: 0, reconnect: 0, minLatencyMs: 0.1, maxLatencyMs: 1 });
  }

  #cut(): void {
    const { names, network } = this.#world;
    if (names.length < 2) return;
    const victim = this.#random.pick(names);
    const others = names.filter((name) => name !== victim);
    const way = this.#random.nextInt(4);
    for (const other of way === 3 ? [this.#random.pick(others)] : others) {
      if (way !== 1) this.#world.cut(victim, other);
      if (way !== 2) this.#world.cut(other, victim);
    }
    this.#world.time.schedule(this.#random.nextInt(6000), () => network.heal());
  }
}
