/**
 * A block is split when it holds more. Small enough that an insert moves little, large enough that the list of blocks
 * stays short.
 */
const blockKeys = 256;

/**
 * A set of keys in order: sorted blocks under one list of blocks.
 *
 * An insert is two binary searches and a move of at most one block. Beside a Map it costs a third of a B-tree for keys
 * that are written again, because only new keys come here (ADR 0001).
 */
export class OrderedIndex {
  /** Never empty; the first block alone may be. */
  readonly #blocks: string[][] = [[]];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @returns false when the key was there */
  add(key: string): boolean {
    const at = this.#blockOf(key);
    const block = this.#blocks[at] as string[];
    const position = lowerBound(block, key);
    if (block[position] === key) return false;
    block.splice(position, 0, key);
    this.#size++;
    if (block.length > blockKeys) this.#blocks.splice(at + 1, 0, block.splice(blockKeys >>> 1));
    return true;
  }

  delete(key: string): void {
    const at = this.#blockOf(key);
    const block = this.#blocks[at] as string[];
    const position = lowerBound(block, key);
    if (block[position] !== key) return;
    block.splice(position, 1);
    this.#size--;
    if (block.length === 0 && this.#blocks.length > 1) this.#blocks.splice(at, 1);
  }

  /** Keys in [start, end) in order, from `start` up. The index must not change while they are drawn. */
  *ascending(start: string, end: string | undefined): Generator<string, void> {
    let position: number | undefined;
    for (let at = this.#blockOf(start); at < this.#blocks.length; at++) {
      const block = this.#blocks[at] as string[];
      position = position === undefined ? lowerBound(block, start) : 0;
      for (; position < block.length; position++) {
        const key = block[position] as string;
        if (end !== undefined && key >= end) return;
        yield key;
      }
    }
  }

  /** Keys in [start, end) in order, from `end` down. The index must not change while they are drawn. */
  *descending(start: string, end: string | undefined): Generator<string, void> {
    const last = end === undefined ? this.#blocks.length - 1 : this.#blockOf(end);
    for (let at = last; at >= 0; at--) {
      const block = this.#blocks[at] as string[];
      let position = end === undefined || at < last ? block.length - 1 : lowerBound(block, end) - 1;
      for (; position >= 0; position--) {
        const key = block[position] as string;
        if (key < start) return;
        yield key;
      }
    }
  }

  /** The last block whose first key is not behind `key`. */
  #blockOf(key: string): number {
    let low = 0;
    let high = this.#blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (((this.#blocks[middle] as string[])[0] as string) <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** The first position whose key is not before `key`. */
function lowerBound(block: readonly string[], key: string): number {
  let from = 0;
  let to = block.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((block[middle] as string) < key) from = middle + 1;
    else to = middle;
  }
  return from;
}
