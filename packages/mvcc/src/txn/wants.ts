import { inRange, onlyKey, rangesOverlap } from '../command/key-range.js';
import type { Operation, TxnOperation, WriteRequest } from '../command/operation.js';
import { replicatedLimits } from '../limits.js';
import type { BinaryKey, KeyRange, Wanted } from '../store/types.js';
import { compareLimit } from './compare.js';
import { rangeNeed } from './txn-run.js';

/**
 * Above this many deletes of one kind each is taken to meet every range that is read: telling them apart would cost
 * more.
 */
const comparedMax = 64;

/**
 * Deletes before a command of the same entry (more are refused, see `deletesPerEntry` and `leaseDeletesPerEntry`) and
 * in the command itself.
 */
const surplusMax =
  replicatedLimits.deletesPerEntry + replicatedLimits.leaseDeletesPerEntry + replicatedLimits.changesPerRevision;

/**
 * Gathers what the commands of one entry will read, both branches of every transaction.
 *
 * Reads of ranges ask for the first n live records of the moment at which they run. Commands before them in the entry
 * may delete records that are among those n when they are loaded, so each range is asked for with as many more as may
 * be deleted until then.
 */
export class EntryWants {
  readonly #keys: BinaryKey[] = [];
  readonly #ranges: { readonly range: KeyRange; readonly limit: number }[] = [];
  readonly #keyDeletes: BinaryKey[] = [];
  readonly #rangeDeletes: KeyRange[] = [];
  #leasesEnd = false;

  add(request: WriteRequest): void {
    if (request.kind === 'txn') this.#txn(request);
    else if (request.kind === 'setQuota' || request.kind === 'countQuota') this.#count(request);
    else if (isOperation(request)) this.#operation(request);
  }

  #count({ prefix, range }: { readonly prefix: BinaryKey; readonly range: KeyRange }): void {
    if (prefix !== '') this.#read(range, replicatedLimits.quotaCountEntries + 1);
  }

  /** The keys of leases that end, as far as they are known: a command before may still add to them. */
  endsLeases(keys: Iterable<BinaryKey>): void {
    this.#leasesEnd = true;
    for (const key of keys) this.#keys.push(key);
  }

  finish(): Wanted {
    return { keys: this.#keys, ranges: this.#ranges };
  }

  /** How many records of a range the reads gathered so far may delete before it is read. */
  #surplus(range: KeyRange): number {
    const keys = this.#keyDeletes;
    let surplus = keys.length;
    if (keys.length <= comparedMax) surplus = keys.filter((key) => inRange(key, range)).length;
    // Beyond it, a command that reads a range is refused and sent again.
    if (this.#leasesEnd) surplus += replicatedLimits.leaseDeletesPerEntry;
    const ranges = this.#rangeDeletes;
    for (const deleted of ranges) {
      if (surplus >= surplusMax) return surplusMax;
      const meets = ranges.length > comparedMax || rangesOverlap(deleted, range);
      if (meets) surplus += replicatedLimits.changesPerRevision;
    }
    return Math.min(surplus, surplusMax);
  }

  #txn(txn: TxnOperation): void {
    for (const comparison of txn.compare) this.#read(comparison.range, compareLimit(comparison));
    for (const operation of txn.success) this.#operation(operation);
    for (const operation of txn.failure) this.#operation(operation);
  }

  #operation(operation: Operation): void {
    switch (operation.kind) {
      case 'put':
      case 'get':
      case 'add':
        this.#keys.push(operation.key);
        return;
      case 'delete':
        this.#delete(operation.range);
        return;
      case 'range':
        this.#read(operation.range, rangeNeed(operation));
        return;
      case 'txn':
        this.#txn(operation);
        return;
    }
  }

  #delete(range: KeyRange): void {
    this.#read(range, replicatedLimits.changesPerRevision + 1);
    const key = onlyKey(range);
    if (key === undefined) this.#rangeDeletes.push(range);
    else this.#keyDeletes.push(key);
  }

  #read(range: KeyRange, limit: number): void {
    const key = onlyKey(range);
    if (key === undefined) this.#ranges.push({ range, limit: limit + this.#surplus(range) });
    else this.#keys.push(key);
  }
}

/** What one request will read. */
export function wants(request: WriteRequest): Wanted {
  const gathered = new EntryWants();
  gathered.add(request);
  return gathered.finish();
}

type WriteOperation = Extract<WriteRequest, { readonly kind: Operation['kind'] }>;

function isOperation(request: WriteRequest): request is WriteOperation {
  return request.kind === 'put' || request.kind === 'delete' || request.kind === 'add' || request.kind === 'txn';
}

/** Whether a request reads ranges: only then may deletes before it in its entry matter. */
export function readsRanges(request: WriteRequest): boolean {
  return request.kind !== 'put' && request.kind !== 'add' && wants(request).ranges.length > 0;
}
