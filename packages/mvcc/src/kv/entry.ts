/** A key with its value and its history in numbers. */
export interface Entry<K = string, V = string> {
  readonly key: K;
  readonly value: V;
  /** Revision at which the key came into being, this time. */
  readonly createRevision: number;
  /** Revision of the latest change: what `ifRevision` compares with. */
  readonly modRevision: number;
  /** 1 at creation, one more with every put. */
  readonly version: number;
  /** The id of the key's lease; absent without one. */
  readonly lease?: number;
}

/** An entry read with `keysOnly`. */
export type KeyEntry<K = string> = Omit<Entry<K, never>, 'value'>;

/** What a range read gives. */
export interface RangeResult<E> {
  /** The store's revision that was read. */
  readonly revision: number;
  /** In key order, or the other way round with `reverse`. */
  readonly entries: readonly E[];
  /** The limit cut the range short: go on behind the last key. */
  readonly more: boolean;
  /** With `countOnly`: how many keys the range has. */
  readonly count?: number;
}

/** A put that was done. */
export type PutDone<K, V> = { readonly ok: true; readonly revision: number; readonly prev?: Entry<K, V> };
/** A put or delete whose `ifRevision` did not hold: nothing changed. `current` is absent when the key is. */
export type Refused<K, V> = { readonly ok: false; readonly revision: number; readonly current?: Entry<K, V> };
/** A delete that was done; of nothing, too. */
export type DeleteDone<K, V> = {
  readonly ok: true;
  readonly revision: number;
  readonly deleted: number;
  readonly prev?: readonly Entry<K, V>[];
};
/**
 * An addition, or with `ok: false` one that would have left its bounds or the safe integers: `value` is the unchanged
 * number.
 */
export type AddResult =
  | { readonly ok: true; readonly revision: number; readonly value: number }
  | { readonly ok: false; readonly revision: number; readonly value: number };
