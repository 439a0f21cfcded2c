import type { KeyEvent } from './types.js';

/** The sum is kept below this, so that it stays exact. */
const modulus = 2 ** 48;

/**
 * The sum of the checksums of all live records, and their number: equal for equal contents whatever order they are
 * taken in, and however they came about.
 *
 * Apply keeps one up with every change, and the scrub makes another one from what the disk holds. A record that is
 * lost, doubled or of another revision passes its own checksum and shows only here.
 */
export class ContentSum {
  #sum: number;
  #keys: number;

  /** Where an earlier one stood. */
  constructor(sum = 0, keys = 0) {
    this.#sum = sum;
    this.#keys = keys;
  }

  get sum(): number {
    return this.#sum;
  }

  get keys(): number {
    return this.#keys;
  }

  /** Takes a live record in. */
  add(crc32c: number): void {
    this.#sum = (this.#sum + crc32c) % modulus;
    this.#keys++;
  }

  /** Takes a change in: the version before it goes, the one after it comes. */
  change({ before, after }: Pick<KeyEvent, 'before' | 'after'>): void {
    if (before !== undefined) {
      this.#sum = (this.#sum + modulus - before.crc32c) % modulus;
      this.#keys--;
    }
    if (after !== undefined) this.add(after.crc32c);
  }

  equals(other: ContentSum): boolean {
    return this.#sum === other.sum && this.#keys === other.keys;
  }
}
