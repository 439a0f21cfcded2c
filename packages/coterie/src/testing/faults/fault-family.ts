import type { SeededRandom } from '@coterie/raft/testing';
import type { SimWorld } from '../sim-world.js';

/**
 * Faults of one kind: of the network, of disks, of clocks, of processes, of the cluster's membership.
 *
 * A family draws its strengths from its own source of chance when it starts, and "not at all" often: a fault that is
 * always there hides what only happens without it (swarm testing). It strikes by itself until `stop`.
 */
export interface FaultFamily {
  /** Names of what it counts, as they are printed. */
  readonly counts: readonly string[];
  start(): void;
  /**
   * No new strike. What was done to these members is undone; what was done to others stays for good, and may get worse:
   * the cluster must serve without them. A family that does not have it stops instead.
   */
  freeze?(core: ReadonlySet<string>): void;
  /** No new strike; what was done to the world is undone, so that it can heal. */
  stop(): void;
}

/** Makes a family for a world. */
export type MakeFamily = (world: SimWorld, random: SeededRandom, untilMs: number) => FaultFamily;

/** Strikes again and again, at drawn moments `meanMs` apart on average, until the time is over or `stopped`. */
export function strikes(
  world: SimWorld,
  random: SeededRandom,
  until: { readonly ms: number; stopped(): boolean },
  meanMs: number,
  strike: () => void,
): void {
  world.time.schedule(random.nextInt(2 * meanMs), () => {
    if (until.stopped() || world.time.now >= until.ms) return;
    strike();
    strikes(world, random, until, meanMs, strike);
  });
}

/** The same in another order. */
export function shuffled<T>(random: SeededRandom, items: readonly T[]): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = random.nextInt(i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}
