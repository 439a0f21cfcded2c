/* eslint-disable @typescript-eslint/no-explicit-any -- as a parameter of both directions only any fits */
import type { CallOptions, EndlessOptions } from './call-options.js';
import type { DecodedKey, DecodedValue, KeyEncoding, ValueEncoding } from './encoding.js';
import type { AddResult, DeleteDone, Entry, KeyEntry, PutDone, RangeResult, Refused } from './entry.js';
import type { Lease, LeaseInfo } from './lease.js';
import type { Range } from './range.js';
import type { AnyOp, Compares, Ops, TxnResult, TxnSpec } from './transaction.js';
import type { Watch, WatchOptions } from './watch.js';

/**
 * How fresh a read is. `'linearizable'` (default): sees every write that was acknowledged anywhere before it began.
 * `'lease'`: the same as long as clocks run at about equal speed, without a round trip. `'serializable'`: what this
 * replica has, at once.
 */
export type Consistency = 'linearizable' | 'serializable' | 'lease';

/** Options of a read of one key. */
export interface GetOptions extends CallOptions {
  consistency?: Consistency | undefined;
  /**
   * Reads the state at this revision. `ERR_COMPACTED` when it is gone, `ERR_FUTURE_REVISION` when it is not there yet.
   */
  revision?: number | undefined;
  /** Waits until this replica has applied this revision: read your writes across peers. */
  minRevision?: number | undefined;
}

/** Options of a range read. */
export interface RangeOptions extends GetOptions {
  /** At most so many entries. Left out: all, and `ERR_TOO_LARGE` when they are more than the limit `rangeEntries`. */
  limit?: number | undefined;
  /** From the last key to the first. */
  reverse?: boolean | undefined;
  /** Leaves the values out. */
  keysOnly?: boolean | undefined;
  /** Gives only `count`. */
  countOnly?: boolean | undefined;
}

/** Options of a put. */
export interface PutOptions extends CallOptions {
  /**
   * Ties the key to a lease, given as handle or id; `'keep'`: to the one that it has, if any. Left out: the key leaves
   * its lease. `ERR_LEASE_NOT_FOUND`, and `ERR_TOO_LARGE` for a lease with `leaseKeys` keys or too many bytes of them.
   */
  lease?: Lease | number | 'keep' | undefined;
  /**
   * The key lives this long after this put (replicated time), in ms; its own lease, in the same commit, which ends with
   * the key's next put without `lease: 'keep'`.
   */
  ttlMs?: number | undefined;
  /** Gives the entry that was there before. */
  prev?: boolean | undefined;
  /** Only if the key's `modRevision` is this; 0: only if the key is absent. */
  ifRevision?: number | undefined;
}

/** Options of an update. */
export interface UpdateOptions extends CallOptions {
  /** As of a put. */
  ttlMs?: number | undefined;
  /** As of a put. */
  lease?: Lease | number | 'keep' | undefined;
  /** How often it tries before `ERR_CONFLICT`. Default: the limit `updateAttempts`. */
  maxAttempts?: number | undefined;
}

/** What an update did. `revision` is the store's revision right after it. */
export interface Updated<V> {
  readonly revision: number;
  readonly value: V | undefined;
  readonly changed: boolean;
}

/**
 * A key-value store with revisions: a peer is one, a client is one, and so is each of their views.
 *
 * Every asynchronous call rejects with a `CoterieError` and never throws; input that cannot be right is
 * `ERR_INVALID_ARGUMENT`, before anything is sent. A missing key is `undefined` and a compare that does not hold is a
 * value: neither is an error. Bytes handed in are copied before the call returns, bytes and objects handed out are the
 * receiver's own.
 */
export interface Kv<K = string, V = string> {
  /** Sets a key. With `ifRevision` only if that is its `modRevision` (0: only if it is absent). */
  put(key: K, value: V, opts: PutOptions & { ifRevision: number }): Promise<PutDone<K, V> | Refused<K, V>>;
  put(key: K, value: V, opts?: PutOptions & { ifRevision?: undefined }): Promise<PutDone<K, V>>;
  put(key: K, value: V, opts?: PutOptions): Promise<PutDone<K, V> | Refused<K, V>>;

  /** The entry of a key; `undefined`: there is none. */
  get(key: K, opts?: GetOptions): Promise<Entry<K, V> | undefined>;

  /** The entries of a range at one revision. */
  range(
    range: Range<K>,
    opts: RangeOptions & { countOnly: true },
  ): Promise<RangeResult<never> & { readonly count: number }>;
  range(range: Range<K>, opts: RangeOptions & { keysOnly: true }): Promise<RangeResult<KeyEntry<K>>>;
  range(
    range: Range<K>,
    opts?: RangeOptions & { keysOnly?: false | undefined; countOnly?: false | undefined },
  ): Promise<RangeResult<Entry<K, V>>>;

  /**
   * The entries of a range of any size, streamed, all of one revision: the given one, or the present one at the first
   * `next()`.
   *
   * A signal that fires makes it reject with `ERR_ABORTED`, since an end would look like the last key.
   */
  iterate(
    range: Range<K>,
    opts?: EndlessOptions & { revision?: number | undefined; reverse?: boolean | undefined },
  ): AsyncIterableIterator<Entry<K, V>>;

  /** Deletes a key or a range. Deleting nothing is done too, and makes no revision. */
  delete(
    key: K,
    opts: CallOptions & { ifRevision: number; prev?: boolean | undefined },
  ): Promise<DeleteDone<K, V> | Refused<K, V>>;
  delete(
    keyOrRange: K | Range<K>,
    opts?: CallOptions & { prev?: boolean | undefined; ifRevision?: undefined },
  ): Promise<DeleteDone<K, V>>;

  /**
   * Adds to a counter, a decimal text whatever the view's encoding; an absent key counts as 0. `ERR_NOT_A_NUMBER` when
   * the value is none. Beyond
   * `min` or `max` or the safe integers nothing changes: `{ ok: false }`.
   */
  add(
    key: K,
    n: number,
    opts: CallOptions & ({ min: number; max?: number | undefined } | { min?: number | undefined; max: number }),
  ): Promise<AddResult>;
  add(
    key: K,
    n: number,
    opts?: CallOptions & { min?: undefined; max?: undefined },
  ): Promise<Extract<AddResult, { ok: true }>>;

  /**
   * Reads, lets `fn` make the next value and puts it if nobody was faster; else again, with a growing pause, at most
   * `maxAttempts` times (then `ERR_CONFLICT`). `fn` is synchronous and may run more than once; when it returns
   * `undefined` the key stays as it is. A put whose outcome is unknown is not tried again.
   */
  update(
    key: K,
    fn: (value: V | undefined, entry: Entry<K, V> | undefined) => V | undefined,
    opts?: UpdateOptions,
  ): Promise<Updated<V>>;

  /** Runs `success` if all compares hold, else `failure`; all of it in one revision. */
  txn<const S extends readonly AnyOp[] = [], const F extends readonly AnyOp[] = []>(
    spec: TxnSpec<S, F>,
    opts?: CallOptions,
  ): Promise<TxnResult<S, F, K, V>>;
  /** Operations of this view. */
  readonly op: Ops<K, V>;
  /** Comparisons of this view. */
  readonly cmp: Compares<K, V>;

  /** Changes of a key, a range or any of several, one revision a batch. */
  watch(what: K | Range<K> | { anyOf: readonly (K | Range<K>)[] }, opts?: WatchOptions): Watch<K, V>;

  /**
   * Makes a lease, kept alive unless told otherwise. `ERR_LEASE_EXISTS` for an id that is taken, `ERR_OVERLOADED` when
   * the cluster has as many leases as it may.
   */
  lease(
    opts: CallOptions & { ttlMs: number; id?: number | undefined; keepAlive?: boolean | undefined },
  ): Promise<Lease>;
  /**
   * A handle on a lease that was made elsewhere (an entry's `lease`, another process), not kept alive unless told.
   * `ERR_LEASE_NOT_FOUND`.
   */
  attachLease(id: number, opts?: CallOptions & { keepAlive?: boolean | undefined }): Promise<Lease>;
  /** All leases, those of keys' own too, in the order of making. */
  leases(opts?: CallOptions): Promise<readonly LeaseInfo[]>;

  /**
   * Gives up what is older than `revision`, in the whole store, also through a view: reads and watches of what is older
   * are `ERR_COMPACTED` at once and everywhere, those of `revision` itself go on. Files go in the background; with
   * `physical` it resolves when those that hold nothing newer are gone from this peer's disk (`ERR_TIMEOUT` with
   * outcome
   * `'applied'` when that takes longer than the call may).
   */
  compact(revision: number, opts?: CallOptions & { physical?: boolean | undefined }): Promise<void>;

  /** The keys under a prefix, which they are read and written without. Nests; has nothing to close. */
  namespace(prefix: K): Kv<K, V>;
  /** The same keys, read and written another way. JSON of a type that the caller vouches for. */
  withEncoding<T>(encoding: { value: 'json'; key?: undefined }): Kv<K, T>;
  withEncoding<
    const EK extends KeyEncoding | undefined = undefined,
    const EV extends ValueEncoding | undefined = undefined,
  >(encoding: {
    key?: EK;
    value?: EV;
  }): Kv<DecodedKey<EK, K>, DecodedValue<EV, V>>;

  /** Runs before the store shuts (locks let go, registrations withdrawn), newest first, within closeTimeoutMs. */
  onClose(fn: () => unknown): Disposable;
}

/** What recipes take. */
export type AnyKv = Kv<any, any>;
