import type { Random } from '../core/ready.js';

/**
 * A small seeded generator (mulberry32 by Tommy Ettinger, public domain algorithm): chance that a seed repeats.
 */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  nextInt(n: number): number {
    // Two draws: one has only 32 bits, and ranges go up to 2^48.
    return n <= 2 ** 32
      ? Math.floor(this.next() * n)
      : Math.floor(this.next() * (n / 2 ** 21)) * 2 ** 21 + Math.floor(this.next() * 2 ** 21);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.nextInt(items.length)]!;
  }
}
