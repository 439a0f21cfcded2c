import type { Random } from '@coterie/raft';

/** A seeded random (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    nextInt: (n) => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * n);
    },
  };
}

/** Time that moves only when it is asked to: events in order of time, then in order of scheduling. */
export class VirtualTime {
  nowMs = 0;
  #events: { readonly atMs: number; readonly fn: () => void }[] = [];

  readonly schedule = (latencyMs: number, fn: () => void): void => {
    const atMs = this.nowMs + latencyMs;
    const behind = this.#events.findIndex((event) => event.atMs > atMs);
    this.#events.splice(behind === -1 ? this.#events.length : behind, 0, { atMs, fn });
  };

  /** Runs the next event. @returns whether there was one */
  step(): boolean {
    const next = this.#events.shift();
    if (next === undefined) return false;
    this.nowMs = next.atMs;
    next.fn();
    return true;
  }

  run(eventsMax = 1_000_000): void {
    for (let i = 0; i < eventsMax; i++) if (!this.step()) return;
    throw new Error(`still busy after ${eventsMax} events`);
  }
}
