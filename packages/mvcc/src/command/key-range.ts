import type { BinaryKey, KeyRange } from '../store/types.js';

/** The range that holds exactly this key: nothing sorts between a key and the key followed by a zero byte. */
export function keyAlone(key: BinaryKey): KeyRange {
  return { start: key, end: `${key}\0` };
}

/** The key of a range that can hold only one. */
export function onlyKey(range: KeyRange): BinaryKey | undefined {
  const { start, end } = range;
  if (end === undefined || end.length !== start.length + 1 || end.charCodeAt(start.length) !== 0) return undefined;
  return start.length > 0 && end.startsWith(start) ? start : undefined;
}

export function inRange(key: BinaryKey, range: KeyRange): boolean {
  return key >= range.start && (range.end === undefined || key < range.end);
}

export function rangesOverlap(a: KeyRange, b: KeyRange): boolean {
  return (b.end === undefined || a.start < b.end) && (a.end === undefined || b.start < a.end);
}

/** Byte order: with one byte a character, the order of UTF-16 units is that of bytes. */
export function compareKeys(a: BinaryKey, b: BinaryKey): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The first key after all keys that begin with `prefix`; `undefined` when there is none (a prefix of 0xff bytes only,
 * or none).
 */
export function prefixEnd(prefix: BinaryKey): BinaryKey | undefined {
  let length = prefix.length;
  while (length > 0 && prefix.charCodeAt(length - 1) === 0xff) length--;
  if (length === 0) return undefined;
  return prefix.slice(0, length - 1) + String.fromCharCode(prefix.charCodeAt(length - 1) + 1);
}

/** All keys that begin with `prefix`. */
export function prefixRange(prefix: BinaryKey): KeyRange {
  const end = prefixEnd(prefix);
  return end === undefined ? { start: prefix } : { start: prefix, end };
}
