import { randomInt } from 'node:crypto';

/**
 * Choices of a test, repeatable by `COTERIE_E2E_SEED`. Processes and disks are not: a seed gives the same plan, not the
 * same run.
 */
export class SeededRandom {
  readonly seed: number;
  #state: number;

  constructor(what: string) {
    const given = Number(process.env['COTERIE_E2E_SEED']);
    this.seed = Number.isSafeInteger(given) && given > 0 ? given : randomInt(1, 2 ** 31);
    this.#state = this.seed;
    console.info(`${what}: COTERIE_E2E_SEED=${this.seed}`);
  }

  /** From 0 up to, and without, 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to, and without, n. */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }
}
