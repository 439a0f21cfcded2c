import { compareKeys, inRange } from '../../src/command/key-range.js';
import type { BinaryKey, KeyedRecord, KeyRange, KeyRecord, RevisionEvents, Wanted } from '../../src/store/types.js';
import { LeaseTable } from '../../src/lease/lease-table.js';
import type { TxnState } from '../../src/txn/execution.js';

/** Keys in a map, and a watch over what is read of them: only what was asked for before. */
export class PlainState implements TxnState {
  revision = 1;
  compactRevision = 0;
  logTimeMs = 0;
  readonly leases = new LeaseTable();
  readonly records = new Map<BinaryKey, KeyRecord>();
  #wanted: Wanted | undefined;

  /** From now on reading anything else is a fault. */
  expectReads(wanted: Wanted): void {
    this.#wanted = wanted;
  }

  lookup(key: BinaryKey): KeyRecord | undefined {
    if (this.#wanted !== undefined && !this.#wanted.keys.includes(key)) throw new Error(`${key} was not loaded`);
    return this.records.get(key);
  }

  scan(range: KeyRange, limit: number): readonly KeyedRecord[] {
    const loaded = this.#wanted?.ranges.some((each) => each.range === range && each.limit >= limit) ?? true;
    if (!loaded) throw new Error(`${limit} of ${JSON.stringify(range)} were not loaded`);
    return [...this.records]
      .filter(([key]) => inRange(key, range))
      .sort(([a], [b]) => compareKeys(a, b))
      .slice(0, limit)
      .map(([key, record]) => ({ key, record }));
  }

  commit(change: RevisionEvents): void {
    this.revision = change.revision;
    this.leases.committed(change);
    for (const { key, after } of change.events) {
      if (after === undefined) this.records.delete(key);
      else this.records.set(key, after);
    }
  }
}
