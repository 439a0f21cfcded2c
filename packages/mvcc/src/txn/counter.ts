import type { AddOperation } from '../command/operation.js';
import type { KeyRecord } from '../store/types.js';

/** Decimal digits of the largest safe integer. */
const digitsMax = 16;
const minus = 0x2d;
const zero = 0x30;

/**
 * The integer that a value spells in decimal ASCII, in the one form that `add` writes: no leading zeros, no plus, no
 * "-0". A missing key counts as 0.
 *
 * @returns undefined when the value spells none
 */
export function counterValue(record: KeyRecord | undefined): number | undefined {
  if (record === undefined) return 0;
  const bytes = record.value;
  const negative = bytes[0] === minus;
  const digits = bytes.length - (negative ? 1 : 0);
  if (digits < 1 || digits > digitsMax) return undefined;
  let value = 0;
  for (let at = negative ? 1 : 0; at < bytes.length; at++) {
    const digit = bytes[at]! - zero;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  if (negative) value = -value;
  // "007" and "-0" are shorter when written out.
  if (!Number.isSafeInteger(value) || String(value).length !== bytes.length) return undefined;
  return value;
}

export function counterBytes(value: number): Uint8Array {
  const text = String(value);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** The sum, when it lies within the bounds of the operation and the safe integers. */
export function addWithinBounds(operation: AddOperation, value: number): number | undefined {
  const sum = value + operation.delta;
  if (!Number.isSafeInteger(sum)) return undefined;
  if (operation.min !== undefined && sum < operation.min) return undefined;
  if (operation.max !== undefined && sum > operation.max) return undefined;
  return sum;
}
