import { onlyKey } from '../command/key-range.js';
import type { CompareSign, Comparison } from '../command/operation.js';
import { replicatedLimits } from '../limits.js';
import type { KeyRecord } from '../store/types.js';
import { Refused, type TxnState } from './execution.js';

/**
 * Whether a compare holds: etcd's truth table, without its missing signs.
 *
 * A missing key has all numbers 0 and no value: a compare of its value never holds, not even `!=`. A range holds when
 * every key of it does; an empty range behaves like one missing key.
 *
 * @throws Refused ERR_TOO_LARGE when more keys would have to be looked at than one compare may read
 */
export function holds(comparison: Comparison, state: TxnState): boolean {
  const key = onlyKey(comparison.range);
  if (key !== undefined) return recordHolds(comparison, state.lookup(key));
  const limit = compareLimit(comparison);
  const records = state.scan(comparison.range, limit);
  if (records.length === 0) return recordHolds(comparison, undefined);
  for (const { record } of records) if (!recordHolds(comparison, record)) return false;
  if (records.length > replicatedLimits.txnRangeEntries) {
    throw new Refused({ kind: 'refused', code: 'ERR_TOO_LARGE', limit: replicatedLimits.txnRangeEntries });
  }
  return true;
}

/** How many records of its range decide a compare. */
export function compareLimit(comparison: Comparison): number {
  return failsOnAnyKey(comparison) ? 1 : replicatedLimits.txnRangeEntries + 1;
}

/**
 * "There is no key in the range": the first one decides, however many follow. Live keys have none of these numbers at
 * 0.
 */
function failsOnAnyKey(comparison: Comparison): boolean {
  if (comparison.target === 'value' || comparison.target === 'lease') return false;
  const { sign, operand } = comparison;
  return (operand === 0 && (sign === '==' || sign === '<=' || sign === '<')) || (operand === 1 && sign === '<');
}

function recordHolds(comparison: Comparison, record: KeyRecord | undefined): boolean {
  if (comparison.target === 'value') {
    return record !== undefined && signHolds(comparison.sign, Buffer.compare(record.value, comparison.operand));
  }
  const actual = record === undefined ? 0 : record[comparison.target];
  return signHolds(comparison.sign, actual - comparison.operand);
}

function signHolds(sign: CompareSign, difference: number): boolean {
  switch (sign) {
    case '==':
      return difference === 0;
    case '!=':
      return difference !== 0;
    case '<':
      return difference < 0;
    case '<=':
      return difference <= 0;
    case '>':
      return difference > 0;
    case '>=':
      return difference >= 0;
  }
}
