/** The chain is kept in a safe integer: 32 bits and 21 bits. */
const lowRange = 0x1_0000_0000;
const highBits = 21;

/**
 * A running hash over everything that apply changes, in order.
 *
 * Members that applied the same entries have the same value; one different bit on one member makes all its later values
 * different. It finds faults, not attacks, so its two halves mix with multiplications (the finalizer of MurmurHash3),
 * which costs nanoseconds. The value alone is the state: a machine that starts from a checkpoint goes on as if it had
 * never stopped.
 */
export class Chain {
  #low: number;
  #high: number;

  /** @param value where an earlier chain stood */
  constructor(value: number) {
    this.#low = (value % lowRange) | 0;
    this.#high = Math.floor(value / lowRange);
  }

  get value(): number {
    return (this.#low >>> 0) + this.#high * lowRange;
  }

  /** @param word 32 bits; more are cut off */
  mix(word: number): void {
    let low = Math.imul(this.#low ^ word, 0x85ebca6b);
    low ^= low >>> 13;
    low = Math.imul(low, 0xc2b2ae35);
    low ^= low >>> 16;
    // The high half sees the word through another multiplier, so that what cancels in one half does not in the other.
    const high = Math.imul(this.#high + Math.imul(word, 0x9e3779b1) + 0x7f4a7c15, 0x27d4eb2f) ^ low;
    this.#low = (low + this.#high) | 0;
    this.#high = high >>> (32 - highBits);
  }

  /** @param value a safe, not negative integer */
  mixNumber(value: number): void {
    this.mix(value | 0);
    this.mix(Math.floor(value / lowRange));
  }

  mixText(text: string): void {
    this.mix(~text.length);
    for (let at = 0; at < text.length; at++) this.mix(text.charCodeAt(at));
  }
}
