import { onlyKey } from '../command/key-range.js';
import type { BinaryKey, KeyRange } from '../store/types.js';
import { RangeTree } from './range-tree.js';

/**
 * Those who watch the same key, or the same range. One alone, which is the rule among very many, has no set around it.
 */
export class WatchPlace<W> {
  #one: W | undefined;
  #many: Set<W> | undefined;

  constructor(watcher: W) {
    this.#one = watcher;
  }

  /** Goes on over what is added and removed meanwhile. */
  get watchers(): Iterable<W> {
    return this.#many ?? (this.#one === undefined ? [] : [this.#one]);
  }

  add(watcher: W): void {
    if (this.#many !== undefined) this.#many.add(watcher);
    else if (this.#one === undefined || this.#one === watcher) this.#one = watcher;
    else this.#many = new Set([this.#one, watcher]);
  }

  /** @returns whether nobody is left */
  delete(watcher: W): boolean {
    this.#many?.delete(watcher);
    if (this.#one === watcher) this.#one = undefined;
    return this.#many === undefined ? this.#one === undefined : this.#many.size === 0;
  }
}

/**
 * Finds the watchers of a key: those of single keys by a hash map, those of ranges by an interval tree, so that the
 * cost of a key is that of its own watchers, whatever the number of watches elsewhere. It holds nothing for a watcher
 * besides its places, since an idle one should cost little.
 */
export class WatcherIndex<W> {
  readonly #keys = new Map<BinaryKey, WatchPlace<W>>();
  readonly #ranges = new RangeTree<WatchPlace<W>>();
  #size = 0;

  /** Watchers. */
  get size(): number {
    return this.#size;
  }

  /** Once a watcher, until it is deleted. */
  add(ranges: readonly KeyRange[], watcher: W): void {
    this.#size++;
    for (const range of ranges) {
      const key = onlyKey(range);
      const place = key === undefined ? this.#ranges.get(range) : this.#keys.get(key);
      if (place !== undefined) place.add(watcher);
      else if (key === undefined) this.#ranges.add(range, new WatchPlace(watcher));
      else this.#keys.set(key, new WatchPlace(watcher));
    }
  }

  /** @param ranges as they were added */
  delete(ranges: readonly KeyRange[], watcher: W): void {
    this.#size--;
    for (const range of ranges) {
      const key = onlyKey(range);
      // One range twice in a watch has one place.
      const place = key === undefined ? this.#ranges.get(range) : this.#keys.get(key);
      if (place?.delete(watcher) !== true) continue;
      if (key === undefined) this.#ranges.delete(range);
      else this.#keys.delete(key);
    }
  }

  /** Calls back for each place that holds the key; a watcher whose ranges overlap stands in several. */
  find(key: BinaryKey, found: (place: WatchPlace<W>) => void): void {
    const exact = this.#keys.get(key);
    if (exact !== undefined) found(exact);
    this.#ranges.find(key, found);
  }
}
