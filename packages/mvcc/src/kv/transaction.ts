/* eslint-disable @typescript-eslint/no-explicit-any -- as a parameter of both directions only any fits */
import type { CompareSign } from '../command/operation.js';
import type { KeyLike } from './encoding.js';
import type { Entry, RangeResult } from './entry.js';
import type { Lease } from './lease.js';
import type { Range } from './range.js';

export type { CompareSign };

/** Marks what `op` and `cmp` make. Registered, so that two copies of the package know each other's. */
export const brand: unique symbol = Symbol.for('coterie.operation') as never;

/** One comparison of a txn, made by `cmp` or `view.cmp`. */
export interface Compare<K = string, V = string> {
  readonly [brand]: 'compare';
  readonly _k?: K;
  readonly _v?: V;
}
interface OpOf<Kind extends string, K, V, R> {
  readonly [brand]: Kind;
  readonly _k?: K;
  readonly _v?: V;
  readonly _r?: R;
}
/** `V = Unbound`: made by the free `op`, takes the encoding of the view whose txn it is given to. */
export type Unbound = { readonly __unbound: true };
/** Made by `op.put`. */
export type PutOp<K, V> = OpOf<'put', K, V, 0>;
/** Made by `op.get`. */
export type GetOp<K, V> = OpOf<'get', K, V, 0>;
/** Made by `op.range`. */
export type RangeOp<K, V> = OpOf<'range', K, V, 0>;
/** Made by `op.delete`. */
export type DeleteOp<K, V> = OpOf<'delete', K, V, 0>;
/** Made by `op.add`. */
export type AddOp<K, V> = OpOf<'add', K, V, 0>;
/** Made by `op.txn`. */
export interface TxnOp<S extends readonly AnyOp[], F extends readonly AnyOp[]> {
  readonly [brand]: 'txn';
  readonly _s?: S;
  readonly _f?: F;
}
/** Any operation of a txn. */
export type AnyOp =
  PutOp<any, any> | GetOp<any, any> | RangeOp<any, any> | DeleteOp<any, any> | AddOp<any, any> | TxnOp<any, any>;

/** The result of one op, in a txn of a view of K, V. Ops bound to a view (`view.op`) keep that view's types. */
export type OpResult<O, K, V> =
  O extends TxnOp<infer S, infer F>
    ? TxnResult<S, F, K, V>
    : O extends OpOf<infer Kind, infer OK, infer OV, 0>
      ? ResultOf<Kind, [OV] extends [Unbound] ? K : OK, [OV] extends [Unbound] ? V : OV>
      : never;
type ResultOf<Kind, K, V> = Kind extends 'put'
  ? { readonly prev?: Entry<K, V> }
  : Kind extends 'get'
    ? Entry<K, V> | undefined
    : Kind extends 'range'
      ? RangeResult<Entry<K, V>>
      : Kind extends 'delete'
        ? { readonly deleted: number; readonly prev?: readonly Entry<K, V>[] }
        : Kind extends 'add'
          ? { readonly value: number }
          : never;
/** The results of a branch, in the order of its operations. */
export type OpResults<S extends readonly AnyOp[], K, V> = { readonly [I in keyof S]: OpResult<S[I], K, V> };
/** Which branch ran, and what came of it. */
export type TxnResult<S extends readonly AnyOp[], F extends readonly AnyOp[], K, V> =
  | { readonly succeeded: true; readonly revision: number; readonly results: OpResults<S, K, V> }
  | { readonly succeeded: false; readonly revision: number; readonly results: OpResults<F, K, V> };

/** Compares and two branches; all in one revision, or nothing. What is left out is empty; no compares hold. */
export interface TxnSpec<S extends readonly AnyOp[], F extends readonly AnyOp[]> {
  compare?: readonly Compare<any, any>[] | undefined;
  success?: S | undefined;
  failure?: F | undefined;
}

/** Options of a put within a txn. */
export interface OpPutOptions {
  lease?: Lease | number | 'keep' | undefined;
  ttlMs?: number | undefined;
  /** Gives the entry that was there before. */
  prev?: boolean | undefined;
}
/** Options of a range within a txn. */
export interface OpRangeOptions {
  limit?: number | undefined;
  reverse?: boolean | undefined;
  keysOnly?: boolean | undefined;
  countOnly?: boolean | undefined;
}

/**
 * `view.op`: operations that carry the view's namespace and encoding, and mix in one txn of any view of the same store.
 *
 * An operation is data: what is wrong with it is said by the txn that it is given to.
 */
export interface Ops<K, V> {
  put(key: K, value: V, opts?: OpPutOptions): PutOp<K, V>;
  get(key: K): GetOp<K, V>;
  range(range: Range<K>, opts?: OpRangeOptions): RangeOp<K, V>;
  delete(key: K | Range<K>, opts?: { prev?: boolean | undefined }): DeleteOp<K, V>;
  add(key: K, n: number, opts?: { min?: number | undefined; max?: number | undefined }): AddOp<K, V>;
}

/**
 * `view.cmp`: comparisons that carry the view's namespace and encoding.
 *
 * Over a range every key of it must satisfy; a missing key, like an empty range, has no value and zeros.
 */
export interface Compares<K, V> {
  value(key: K | Range<K>, sign: CompareSign, value: V): Compare<K, V>;
  version(key: K | Range<K>, sign: CompareSign, version: number): Compare<K, V>;
  modRevision(key: K | Range<K>, sign: CompareSign, revision: number): Compare<K, V>;
  createRevision(key: K | Range<K>, sign: CompareSign, revision: number): Compare<K, V>;
  lease(key: K | Range<K>, sign: CompareSign, lease: number): Compare<K, V>;
}

/**
 * The type of the free `op`: unbound, so its keys and values are checked at run time only, by the view whose txn it is
 * given to.
 */
export interface FreeOps {
  put(key: KeyLike, value: unknown, opts?: OpPutOptions): PutOp<KeyLike, Unbound>;
  get(key: KeyLike): GetOp<KeyLike, Unbound>;
  range(range: Range<KeyLike>, opts?: OpRangeOptions): RangeOp<KeyLike, Unbound>;
  delete(key: KeyLike | Range<KeyLike>, opts?: { prev?: boolean | undefined }): DeleteOp<KeyLike, Unbound>;
  add(key: KeyLike, n: number, opts?: { min?: number | undefined; max?: number | undefined }): AddOp<KeyLike, Unbound>;
  /** A txn within a txn: its own compares, its own branches, the same revision. */
  txn<const S extends readonly AnyOp[] = [], const F extends readonly AnyOp[] = []>(spec: TxnSpec<S, F>): TxnOp<S, F>;
}
