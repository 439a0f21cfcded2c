import type { Random } from '@coterie/raft';

/**
 * Waits between attempts: exponential with full jitter, so that peers that lost the same member do not come back in
 * step (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export class Backoff {
  readonly #baseMs: number;
  readonly #capMs: number;
  readonly #random: Random;
  #attempts = 0;

  constructor(baseMs: number, capMs: number, random: Random) {
    this.#baseMs = baseMs;
    this.#capMs = capMs;
    this.#random = random;
  }

  /** A random wait in [0, min(cap, base · 2^attempts)] ms; the next one is drawn from twice that. */
  next(): number {
    const ceiling = Math.min(this.#capMs, this.#baseMs * 2 ** Math.min(this.#attempts, 31));
    this.#attempts++;
    return this.#random.nextInt(Math.floor(ceiling) + 1);
  }

  reset(): void {
    this.#attempts = 0;
  }
}
