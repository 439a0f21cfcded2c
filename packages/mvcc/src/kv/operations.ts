import { CoterieError } from '@coterie/errors';
import type { CompareSign, Comparison, Operation } from '../command/operation.js';
import { replicatedLimits } from '../limits.js';
import { flag, integer, invalid, isBytes, isPlainObject, kindOf, optionalInteger, options } from './arguments.js';
import type { KeyLike } from './encoding.js';
import { leaseChoice } from './lease.js';
import {
  brand,
  type AnyOp,
  type Compare,
  type Compares,
  type FreeOps,
  type OpPutOptions,
  type OpRangeOptions,
  type Ops,
} from './transaction.js';
import type { ViewCodec } from './view-codec.js';

/**
 * What stands behind an operation or a comparison: how it becomes data in the terms of a view.
 *
 * One that is bound to a view is compiled when it is made, so that what it was given may change afterwards, and keeps a
 * fault for the txn that it is given to: an operation is data and making one never throws. A free one is compiled by
 * the txn's view.
 */
export interface Spec<T> {
  readonly [brand]: string;
  /** The view that it is bound to. */
  readonly view?: ViewCodec;
  compile(view: ViewCodec): T;
}
/** The branches of a txn within a txn. */
export interface TxnParts {
  readonly compare: readonly unknown[];
  readonly success: readonly unknown[];
  readonly failure: readonly unknown[];
}
export type LeafOperation = Exclude<Operation, { kind: 'txn' }>;
export type OpSpec = Spec<LeafOperation>;
export type CompareSpec = Spec<Comparison>;
export interface TxnOpSpec {
  readonly [brand]: 'txn';
  readonly parts: TxnParts | CoterieError;
}

function make<T>(kind: string, view: ViewCodec | undefined, compile: (view: ViewCodec) => T): Spec<T> {
  if (view === undefined) return { [brand]: kind, compile };
  let compiled: T;
  try {
    compiled = compile(view);
  } catch (error) {
    return {
      [brand]: kind,
      view,
      compile: () => {
        throw error;
      },
    };
  }
  return { [brand]: kind, view, compile: () => compiled };
}

/**
 * A free operation is encoded later, so bytes must be copied now. Everything else that can change is the codec's own
 * affair.
 */
function kept(value: unknown): unknown {
  return isBytes(value) ? new Uint8Array(value) : value;
}

function keptTarget(what: unknown): unknown {
  if (!isPlainObject(what)) return kept(what);
  return Object.fromEntries(Object.entries(what).map(([name, bound]) => [name, kept(bound)]));
}

/** Options are read when the operation is made, too. */
function keptOptions<T extends object>(opts: T | undefined): T | undefined {
  return typeof opts === 'object' && opts !== null ? { ...opts } : opts;
}

function putSpec(view: ViewCodec | undefined, key: unknown, value: unknown, given?: OpPutOptions): OpSpec {
  const [ownKey, ownValue, opts] = [kept(key), kept(value), keptOptions(given)];
  return make('put', view, (codec) => {
    const lease = leaseChoice(options(opts));
    return {
      kind: 'put',
      key: codec.key(ownKey, 'key'),
      value: codec.value(ownValue, 'value'),
      prev: flag(opts?.prev, 'prev'),
      ...lease,
    };
  });
}

function getSpec(view: ViewCodec | undefined, key: unknown): OpSpec {
  const ownKey = kept(key);
  return make('get', view, (codec) => ({ kind: 'get', key: codec.key(ownKey, 'key') }));
}

function rangeSpec(view: ViewCodec | undefined, range: unknown, given?: OpRangeOptions): OpSpec {
  const [ownRange, opts] = [keptTarget(range), keptOptions(given)];
  return make('range', view, (codec) => ({
    kind: 'range',
    range: codec.range(ownRange, 'range'),
    limit: optionalInteger(options(opts)?.limit, 'limit', 1) ?? 0,
    reverse: flag(opts?.reverse, 'reverse'),
    keysOnly: flag(opts?.keysOnly, 'keysOnly'),
    countOnly: flag(opts?.countOnly, 'countOnly'),
  }));
}

function deleteSpec(view: ViewCodec | undefined, what: unknown, given?: { prev?: boolean | undefined }): OpSpec {
  const [target, opts] = [keptTarget(what), keptOptions(given)];
  return make('delete', view, (codec) => ({
    kind: 'delete',
    range: codec.target(target, isPlainObject(target) ? 'range' : 'key'),
    prev: flag(options(opts)?.prev, 'prev'),
  }));
}

/** The data of an addition; shared with `kv.add`. */
export function addOperation(
  codec: ViewCodec,
  key: unknown,
  n: number,
  opts: { min?: number | undefined; max?: number | undefined } | undefined,
): Extract<Operation, { kind: 'add' }> {
  const binary = codec.key(key, 'key');
  const delta = integer(n, 'n');
  if (options(opts) === undefined) return { kind: 'add', key: binary, delta };
  const min = optionalInteger(opts!.min, 'min');
  const max = optionalInteger(opts!.max, 'max');
  if (min !== undefined && max !== undefined && min > max) throw invalid('min', `is ${min}, above max ${max}`);
  return {
    kind: 'add',
    key: binary,
    delta,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
  };
}

function addSpec(
  view: ViewCodec | undefined,
  key: unknown,
  n: number,
  given?: { min?: number | undefined; max?: number | undefined },
): OpSpec {
  const [ownKey, opts] = [kept(key), keptOptions(given)];
  return make('add', view, (codec) => addOperation(codec, ownKey, n, opts));
}

/** Beyond this a list is not even looked through: `checkRequest` counts exactly, afterwards. */
const listMax = 65_536;

function listOf(list: unknown, argument: string): readonly unknown[] {
  if (list === undefined) return [];
  if (!Array.isArray(list)) throw invalid(argument, `must be an array, not ${kindOf(list)}`);
  if (list.length > listMax) {
    const message = `${argument} has ${list.length} operations; no txn may have that many`;
    throw new CoterieError('ERR_TOO_MANY_OPS', { message, limit: replicatedLimits.txnOps });
  }
  return [...(list as readonly unknown[])];
}

/** The parts of a txn, read once. */
export function txnParts(spec: unknown): TxnParts {
  if (!isPlainObject(spec)) throw invalid('spec', `must be a plain object, not ${kindOf(spec)}`);
  const { compare, success, failure, ...unknown } = spec;
  for (const name of Object.keys(unknown)) throw invalid(`spec.${name}`, 'is no part of a txn');
  return {
    compare: listOf(compare, 'compare'),
    success: listOf(success, 'success'),
    failure: listOf(failure, 'failure'),
  };
}

function txnSpec(spec: unknown): TxnOpSpec {
  try {
    return { [brand]: 'txn', parts: txnParts(spec) };
  } catch (error) {
    return { [brand]: 'txn', parts: error as CoterieError };
  }
}

const signs: ReadonlySet<unknown> = new Set<CompareSign>(['==', '!=', '<', '<=', '>', '>=']);

function signOf(sign: CompareSign): CompareSign {
  if (!signs.has(sign)) throw invalid('sign', `must be one of ${[...signs].join(' ')}`);
  return sign;
}

type NumberTarget = Exclude<Comparison['target'], 'value'>;

function compareNumber(
  view: ViewCodec | undefined,
  target: NumberTarget,
  what: unknown,
  sign: CompareSign,
  operand: number,
) {
  const own = keptTarget(what);
  return make<Comparison>('compare', view, (codec) => ({
    target,
    range: codec.target(own, isPlainObject(own) ? 'range' : 'key'),
    sign: signOf(sign),
    operand: integer(operand, target, 0),
  }));
}

function compareValue(view: ViewCodec | undefined, what: unknown, sign: CompareSign, value: unknown) {
  const [own, ownValue] = [keptTarget(what), kept(value)];
  return make<Comparison>('compare', view, (codec) => ({
    target: 'value',
    range: codec.target(own, isPlainObject(own) ? 'range' : 'key'),
    sign: signOf(sign),
    operand: codec.value(ownValue, 'value'),
  }));
}

// The specs are what the public types describe; their type parameters exist for the compiler alone.
function operationsOf(view: ViewCodec | undefined): unknown {
  return {
    put: (key: unknown, value: unknown, opts?: OpPutOptions) => putSpec(view, key, value, opts),
    get: (key: unknown) => getSpec(view, key),
    range: (range: unknown, opts?: OpRangeOptions) => rangeSpec(view, range, opts),
    delete: (what: unknown, opts?: { prev?: boolean }) => deleteSpec(view, what, opts),
    add: (key: unknown, n: number, opts?: { min?: number; max?: number }) => addSpec(view, key, n, opts),
  } satisfies Record<keyof Ops<unknown, unknown>, unknown>;
}

function comparesOf(view: ViewCodec | undefined): unknown {
  const number = (target: NumberTarget) => (what: unknown, sign: CompareSign, operand: number) =>
    compareNumber(view, target, what, sign, operand);
  return {
    value: (what: unknown, sign: CompareSign, value: unknown) => compareValue(view, what, sign, value),
    version: number('version'),
    modRevision: number('modRevision'),
    createRevision: number('createRevision'),
    lease: number('lease'),
  } satisfies Record<keyof Compares<unknown, unknown>, unknown>;
}

/** The operations of a view. */
export function viewOps<K, V>(view: ViewCodec): Ops<K, V> {
  return operationsOf(view) as Ops<K, V>;
}

/** The comparisons of a view. */
export function viewCompares<K, V>(view: ViewCodec): Compares<K, V> {
  return comparesOf(view) as Compares<K, V>;
}

/**
 * Operations for a txn of any view: they take the namespace and the encoding of the view whose txn they are given to.
 *
 * An operation is data: what is wrong with it is said by that txn.
 */
export const op: FreeOps = Object.freeze({
  ...(operationsOf(undefined) as object),
  txn: txnSpec,
}) as unknown as FreeOps;

/**
 * Comparisons for a txn of any view: they take the namespace and the encoding of the view whose txn they are given to.
 */
export const cmp: Compares<KeyLike, unknown> = Object.freeze(comparesOf(undefined)) as never;

/** Whether something was made by `op` or `view.op`. */
export function isOp(value: unknown): value is AnyOp & (OpSpec | TxnOpSpec) {
  const kind = brandOf(value);
  return kind !== undefined && kind !== 'compare';
}

/** Whether something was made by `cmp` or `view.cmp`. */
export function isCompare(value: unknown): value is Compare<unknown, unknown> & CompareSpec {
  return brandOf(value) === 'compare';
}

function brandOf(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null ? (value as { [brand]?: string })[brand] : undefined;
}
