import { invariant } from '@coterie/errors';
import type {
  AddOperation,
  DeleteOperation,
  Operation,
  OperationResult,
  RangeOperation,
  RawEntry,
  TxnOperation,
} from '../command/operation.js';
import { onlyKey } from '../command/key-range.js';
import { replicatedLimits } from '../limits.js';
import type { BinaryKey, KeyedRecord, KeyRange, KeyRecord, RevisionEvents } from '../store/types.js';
import { holds } from './compare.js';
import { addWithinBounds, counterBytes, counterValue } from './counter.js';
import { Refused, type TxnState } from './execution.js';
import { LeaseUse } from './lease-use.js';
import { Overlay, tooLarge } from './overlay.js';
import { entryBytes, nextRecord, rawEntry } from './record.js';

const emptyValue = new Uint8Array(0);

/** Which branch a transaction takes, and each transaction inside that branch, in the order of its operations. */
export interface Decision {
  readonly succeeded: boolean;
  readonly nested: readonly Decision[];
}

/**
 * Evaluates all compares of the path that will be taken, nested ones too, against the state before the transaction.
 *
 * That is etcd's rule: a nested compare never sees what the same transaction writes. The bounds of an `add` of the
 * success branch count among the compares (its key cannot change before it runs, because a key changes once), as does
 * the bound of the safe integers.
 */
export function decide(txn: TxnOperation, state: TxnState): Decision {
  const succeeded = txn.compare.every((comparison) => holds(comparison, state)) && additionsFit(txn.success, state);
  const nested: Decision[] = [];
  for (const operation of succeeded ? txn.success : txn.failure) {
    if (operation.kind === 'txn') nested.push(decide(operation, state));
  }
  return { succeeded, nested };
}

function additionsFit(operations: readonly Operation[], state: TxnState): boolean {
  for (const operation of operations) {
    if (operation.kind !== 'add') continue;
    const value = counterValue(state.lookup(operation.key));
    if (value === undefined) throw new Refused({ kind: 'refused', code: 'ERR_NOT_A_NUMBER' });
    if (addWithinBounds(operation, value) === undefined) return false;
  }
  return true;
}

/** The operations of one transaction as they run, in order, each seeing what those before it wrote. */
export class TxnRun {
  readonly #state: TxnState;
  readonly #overlay: Overlay;
  /** What its puts tie their keys to. */
  readonly leases: LeaseUse;
  #resultBytes = 0;

  constructor(state: TxnState) {
    this.#state = state;
    this.#overlay = new Overlay(state);
    this.leases = new LeaseUse(state.leases);
  }

  branch(txn: TxnOperation, decision: Decision): readonly OperationResult[] {
    const results: OperationResult[] = [];
    let nested = 0;
    for (const operation of decision.succeeded ? txn.success : txn.failure) {
      if (operation.kind !== 'txn') {
        results.push(this.#operation(operation));
        continue;
      }
      const inner = decision.nested[nested++];
      invariant(inner !== undefined, 'each transaction of a branch was decided');
      const innerResults = this.branch(operation, inner);
      const { revision } = this.#overlay;
      results.push({ kind: 'txn', revision, succeeded: inner.succeeded, results: innerResults });
    }
    return results;
  }

  /** @throws Refused when a lease would get more than it may have */
  finish(): RevisionEvents | undefined {
    const change = this.#overlay.finish();
    if (change !== undefined) this.leases.check(change.events);
    return change;
  }

  delete(operation: DeleteOperation): { readonly deleted: number; readonly prev?: readonly RawEntry[] } {
    const found = this.#find(operation.range, replicatedLimits.changesPerRevision + 1);
    // Also above the limit: adding the changes one by one ends with the refusal that says so.
    this.#overlay.delete(found);
    if (!operation.prev) return { deleted: found.length };
    return { deleted: found.length, prev: found.map(({ key, record }) => this.#entry(key, record)) };
  }

  #operation(operation: Exclude<Operation, TxnOperation>): OperationResult {
    switch (operation.kind) {
      case 'put': {
        const { key, value, prev } = operation;
        const before = this.#overlay.lookup(key);
        this.#put(key, value, before, this.leases.choose(operation, before));
        return prev && before !== undefined ? { kind: 'put', prev: this.#entry(key, before) } : { kind: 'put' };
      }
      case 'delete':
        return { kind: 'delete', ...this.delete(operation) };
      case 'get': {
        const record = this.#overlay.lookup(operation.key);
        return record === undefined ? { kind: 'get' } : { kind: 'get', entry: this.#entry(operation.key, record) };
      }
      case 'range':
        return this.#range(operation);
      case 'add':
        return this.#add(operation);
    }
  }

  #put(key: BinaryKey, value: Uint8Array, before: KeyRecord | undefined, lease: number): void {
    this.#overlay.put(key, nextRecord(key, value, before, this.#state.revision + 1, lease), before);
  }

  /** In the failure branch no compare has looked at the bounds: then the whole transaction is refused. */
  #add(operation: AddOperation): OperationResult {
    const before = this.#overlay.lookup(operation.key);
    const value = counterValue(before);
    if (value === undefined) throw new Refused({ kind: 'refused', code: 'ERR_NOT_A_NUMBER' });
    const sum = addWithinBounds(operation, value);
    if (sum === undefined) throw new Refused({ kind: 'refused', code: 'ERR_CONFLICT' });
    this.#put(operation.key, counterBytes(sum), before, before?.lease ?? 0);
    return { kind: 'add', value: sum };
  }

  #range(operation: RangeOperation): OperationResult {
    const { range, limit, reverse, keysOnly, countOnly } = operation;
    const allowed = replicatedLimits.txnRangeEntries;
    const found = this.#find(range, rangeNeed(operation));
    if (found.length > allowed) throw tooLarge(allowed);
    const { revision } = this.#overlay;
    if (countOnly) return { kind: 'range', revision, entries: [], more: false, count: found.length };
    const ordered = reverse ? [...found].reverse() : found;
    const more = limit > 0 && ordered.length > limit;
    const entries = (more ? ordered.slice(0, limit) : ordered).map(({ key, record }) =>
      this.#entry(key, keysOnly ? { ...record, value: emptyValue } : record),
    );
    return { kind: 'range', revision, entries, more };
  }

  #find(range: KeyRange, limit: number): readonly KeyedRecord[] {
    const key = onlyKey(range);
    if (key === undefined) return this.#overlay.scan(range, limit);
    const record = this.#overlay.lookup(key);
    return record === undefined ? [] : [{ key, record }];
  }

  #entry(key: BinaryKey, record: KeyRecord): RawEntry {
    this.#resultBytes += entryBytes(key, record);
    if (this.#resultBytes > replicatedLimits.resultBytes) throw tooLarge(replicatedLimits.resultBytes);
    return rawEntry(key, record);
  }
}

/**
 * How many records decide a range of a transaction: one more than its limit, to tell whether there are more.
 *
 * From the end, or counted, the whole range is read; it must then have no more keys than one operation may read.
 */
export function rangeNeed(operation: RangeOperation): number {
  const all = replicatedLimits.txnRangeEntries + 1;
  if (operation.limit === 0 || operation.reverse || operation.countOnly) return all;
  return Math.min(operation.limit + 1, all);
}
