import { inRange, onlyKey } from '../command/key-range.js';
import type { BinaryKey, KeyRange } from '../store/types.js';

interface RangeEntry<W> {
  readonly range: KeyRange;
  readonly watcher: W;
}

/**
 * Finds the watchers of a key.
 *
 * Watches of single keys stand in a map. A range stands under what its two bounds have in common from the left: every
 * key of the range begins with that. So a key asks only under its own beginnings, of those lengths that are in use at
 * all: the cost is one look-up a length, whatever the number of watches elsewhere. (`[a/b/, a/b0)`, the prefix `a/b/`,
 * stands under `a/b`.)
 */
export class WatcherIndex<W> {
  readonly #keys = new Map<BinaryKey, Set<W>>();
  readonly #ranges = new Map<string, Set<RangeEntry<W>>>();
  /** How many ranges stand under a beginning of each length, and those lengths in order. */
  readonly #lengthCounts = new Map<number, number>();
  #lengths: readonly number[] = [];

  /** @returns how to take it out again; a second call does nothing */
  add(ranges: readonly KeyRange[], watcher: W): () => void {
    let removals = ranges.map((range) => {
      const key = onlyKey(range);
      return key === undefined ? this.#addRange(range, watcher) : addTo(this.#keys, key, watcher);
    });
    return () => {
      for (const remove of removals) remove();
      removals = [];
    };
  }

  /** Calls back for each range and key of a watcher that holds the key: more than once when its ranges overlap. */
  find(key: BinaryKey, found: (watcher: W) => void): void {
    const exact = this.#keys.get(key);
    if (exact !== undefined) for (const watcher of exact) found(watcher);
    for (const length of this.#lengths) {
      if (length > key.length) return;
      const entries = this.#ranges.get(key.slice(0, length));
      if (entries === undefined) continue;
      for (const { range, watcher } of entries) if (inRange(key, range)) found(watcher);
    }
  }

  #addRange(range: KeyRange, watcher: W): () => void {
    const common = commonBeginning(range);
    const remove = addTo(this.#ranges, common, { range, watcher });
    this.#countLength(common.length, 1);
    return () => {
      remove();
      this.#countLength(common.length, -1);
    };
  }

  #countLength(length: number, by: number): void {
    const count = (this.#lengthCounts.get(length) ?? 0) + by;
    if (count === 0) this.#lengthCounts.delete(length);
    else this.#lengthCounts.set(length, count);
    if (count === 0 || (by > 0 && count === 1)) {
      this.#lengths = [...this.#lengthCounts.keys()].sort((a, b) => a - b);
    }
  }
}

function addTo<K, V>(map: Map<K, Set<V>>, key: K, value: V): () => void {
  let values = map.get(key);
  if (values === undefined) map.set(key, (values = new Set()));
  values.add(value);
  const into = values;
  return () => {
    into.delete(value);
    if (into.size === 0 && map.get(key) === into) map.delete(key);
  };
}

function commonBeginning({ start, end }: KeyRange): string {
  if (end === undefined) return '';
  let length = 0;
  while (length < start.length && length < end.length && start.charCodeAt(length) === end.charCodeAt(length)) length++;
  return start.slice(0, length);
}
