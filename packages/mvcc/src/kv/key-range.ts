import { prefixEnd, prefixRange } from '../command/key-range.js';
import type { BinaryKey, KeyRange } from '../store/types.js';
import { invalid, isPlainObject, kindOf } from './arguments.js';

const rangeProperties: ReadonlySet<string> = new Set(['all', 'prefix', 'gte', 'gt', 'lt', 'lte']);

/**
 * Every key of a namespace. Keys are not empty, so the key that is the prefix itself lies outside: a view neither reads
 * nor deletes what it has no name for.
 */
function namespaceRange(namespace: BinaryKey): KeyRange {
  if (namespace === '') return { start: '' };
  return between(`${namespace}\0`, prefixEnd(namespace));
}

function between(start: BinaryKey, end: BinaryKey | undefined): KeyRange {
  if (end === undefined) return { start };
  // Bounds that cross leave nothing, in one form, so that nothing below has to think of an end before a start.
  return { start, end: end < start ? start : end };
}

/** Turns a bound into a binary key with the view's namespace before it. */
export type BoundEncoder = (bound: unknown, argument: string) => BinaryKey;

/**
 * A range object within a namespace.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT for whatever could mean more than was meant: `{}`, bounds all undefined,
 *   unknown properties
 */
export function parseRange(range: unknown, argument: string, namespace: BinaryKey, encode: BoundEncoder): KeyRange {
  if (!isPlainObject(range)) throw invalid(argument, `must be a range, a plain object, not ${kindOf(range)}`);
  for (const name of Reflect.ownKeys(range)) {
    if (typeof name === 'symbol' || !rangeProperties.has(name)) {
      throw invalid(`${argument}.${String(name)}`, 'is not a property of a range');
    }
  }
  const { all, prefix, gte, gt, lt, lte } = range;
  if (all !== undefined) return wholeRange(range, argument, namespace);
  if (gte !== undefined && gt !== undefined) throw invalid(`${argument}.gt`, 'excludes gte');
  if (lte !== undefined && lt !== undefined) throw invalid(`${argument}.lt`, 'excludes lte');
  const noBound = gte === undefined && gt === undefined && lt === undefined && lte === undefined;
  if (prefix === undefined && noBound) {
    throw invalid(argument, 'has no bound; every key is { all: true }');
  }
  let { start, end } =
    prefix === undefined ? namespaceRange(namespace) : prefixRange(encode(prefix, `${argument}.prefix`));
  if (gte !== undefined) start = later(start, encode(gte, `${argument}.gte`));
  if (gt !== undefined) start = later(start, `${encode(gt, `${argument}.gt`)}\0`);
  if (lt !== undefined) end = earlier(end, encode(lt, `${argument}.lt`));
  if (lte !== undefined) end = earlier(end, `${encode(lte, `${argument}.lte`)}\0`);
  return between(start, end);
}

function wholeRange(range: Readonly<Record<string, unknown>>, argument: string, namespace: BinaryKey): KeyRange {
  if (range['all'] !== true) throw invalid(`${argument}.all`, 'must be true or left out');
  for (const [name, value] of Object.entries(range)) {
    if (name !== 'all' && value !== undefined) throw invalid(`${argument}.${name}`, 'excludes all');
  }
  return namespaceRange(namespace);
}

function later(a: BinaryKey, b: BinaryKey): BinaryKey {
  return a < b ? b : a;
}

function earlier(a: BinaryKey | undefined, b: BinaryKey): BinaryKey {
  return a === undefined || b < a ? b : a;
}

/** The same keys in as few ranges as there can be, in order: a key that two ranges hold is watched once. */
export function mergeRanges(ranges: readonly KeyRange[]): readonly KeyRange[] {
  if (ranges.length < 2) return ranges;
  const sorted = ranges.toSorted((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  const merged: KeyRange[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last === undefined || (last.end !== undefined && last.end < range.start)) merged.push(range);
    else if (last.end !== undefined && (range.end === undefined || range.end > last.end)) {
      merged[merged.length - 1] = between(last.start, range.end);
    }
  }
  return merged;
}
