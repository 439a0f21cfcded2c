/** A power of two. */
const parts = 8;

/**
 * A map from keys to values in several parts, by the last characters of a key.
 *
 * A Map that grows beyond its table moves all of its entries in one call: at 65,000 that took 8 ms. Here one part does,
 * and another one some time later. Keys that all end alike stand in one part, which is as good as a Map.
 */
export class SplitMap<V> {
  readonly #parts: readonly Map<string, V>[] = Array.from({ length: parts }, () => new Map<string, V>());

  get(key: string): V | undefined {
    return this.#part(key).get(key);
  }

  set(key: string, value: V): void {
    this.#part(key).set(key, value);
  }

  delete(key: string): boolean {
    return this.#part(key).delete(key);
  }

  /** Where there is no such character its code is NaN, which counts as 0. */
  #part(key: string): Map<string, V> {
    const { length } = key;
    return this.#parts[(key.charCodeAt(length - 1) ^ key.charCodeAt(length - 2)) & (parts - 1)]!;
  }
}
