/** A state hash: equal on all members at equal index, whatever way they came there. */
export interface StateHash {
  readonly index: number;
  readonly revision: number;
  readonly chain: number;
  /** The sum over all live records: sees a record that a member's disk has lost, which the chain alone may not. */
  readonly content: number;
}

/** Members compare their hashes at multiples of this index, unless told otherwise. */
export const defaultHashEvery = 1_024;
const keptMax = 16;

/** The hashes of the last indexes at which members compare. */
export class StateHashes {
  #hashes: StateHash[] = [];

  get all(): readonly StateHash[] {
    return this.#hashes;
  }

  add(hash: StateHash): void {
    this.#hashes.push(hash);
    if (this.#hashes.length > keptMax) this.#hashes = this.#hashes.slice(-keptMax);
  }

  clear(): void {
    this.#hashes = [];
  }
}
