import type { SeededRandom } from '@coterie/raft/testing';
import type { SimWorld } from '../sim-world.js';

/**
 * Faults of one kind: of the network, of disks, of clocks, of processes, of the cluster's membership.
 *
 * A family draws its strengths from its own source of chance when it starts, and "not at all" often: a fault that is
 * always there hides what only happens without it (swarm testing). It strikes by itself until `stop`.
 */
export abstract class FaultFamily {
  /** Names of what it counts, as they are printed. */
  abstract readonly counts: readonly string[];
  protected readonly world: SimWorld;
  protected readonly random: SeededRandom;
  /** Virtual time, in ms, from which on it strikes no more. */
  protected readonly untilMs: number;
  protected stopped = false;
  /** The healed members, while faults of others are for good; undefined before and after. */
  protected core: ReadonlySet<string> | undefined;

  constructor(world: SimWorld, random: SeededRandom, untilMs: number) {
    this.world = world;
    this.random = random;
    this.untilMs = untilMs;
  }

  abstract start(): void;

  /**
   * No new strike. What was done to these members is undone; what was done to others stays for good, and may get worse:
   * the cluster must serve without them. A family that knows no such difference stops.
   */
  freeze(_core: ReadonlySet<string>): void {
    this.stop();
  }

  /** For a family that goes on outside the core, where somebody is. @returns whether it does */
  protected leaveOut(core: ReadonlySet<string>): boolean {
    if (this.world.names.every((name) => core.has(name))) return false;
    this.core = core;
    return true;
  }

  /** Those whom it may strike now. */
  protected get within(): readonly string[] {
    const { core } = this;
    return core === undefined ? this.world.names : this.world.names.filter((name) => !core.has(name));
  }

  /** No new strike; what was done to the world is undone, so that it can heal. */
  stop(): void {
    this.stopped = true;
    this.core = undefined;
  }

  /**
   * Strikes again and again, at drawn moments `meanMs` apart on average, until the time is over, unless it goes on
   * outside the core, or it has stopped.
   */
  protected strikes(meanMs: number, strike: () => void): void {
    this.world.time.schedule(this.random.nextInt(2 * meanMs), () => {
      if (this.stopped || (this.core === undefined && this.world.time.now >= this.untilMs)) return;
      strike();
      this.strikes(meanMs, strike);
    });
  }

  /** Starts a process within one of these times after its death, unless somebody else has. */
  protected bootLater(name: string, withinMs: readonly number[]): void {
    this.world.time.schedule(this.random.nextInt(this.random.pick(withinMs)), () => {
      if (!this.stopped && !this.world.running.has(name)) this.world.boot(name);
    });
  }
}

/** A family as it is made for a world. */
export type FaultFamilyClass = new (world: SimWorld, random: SeededRandom, untilMs: number) => FaultFamily;

/** The same in another order. */
export function shuffled<T>(random: SeededRandom, items: readonly T[]): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = random.nextInt(i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}
