import { compareKeys, inRange } from '../command/key-range.js';
import { replicatedLimits } from '../limits.js';
import type { BinaryKey, KeyEvent, KeyedRecord, KeyRange, KeyRecord, RevisionEvents } from '../store/types.js';
import { Refused, type TxnState } from './execution.js';
import { entryBytes } from './record.js';

/**
 * The changes of one running transaction over the state before it: what its own reads see, and nobody else until it
 * ends.
 *
 * Each key changes at most once in a transaction (a second change is ERR_DUPLICATE_KEY here too, should a request ever
 * get by the check of its proposer), so the events of the revision are the changes in the order in which they were
 * made.
 */
export class Overlay {
  readonly #state: TxnState;
  readonly #changes = new Map<BinaryKey, KeyEvent>();
  #bytes = 0;

  constructor(state: TxnState) {
    this.#state = state;
  }

  get changed(): boolean {
    return this.#changes.size > 0;
  }

  /**
   * The revision that a read of this moment belongs to: the new one, once something has changed (as etcd reports it).
   */
  get revision(): number {
    return this.#state.revision + (this.changed ? 1 : 0);
  }

  lookup(key: BinaryKey): KeyRecord | undefined {
    const change = this.#changes.get(key);
    return change === undefined ? this.#state.lookup(key) : change.after;
  }

  scan(range: KeyRange, limit: number): readonly KeyedRecord[] {
    if (this.#changes.size === 0) return this.#state.scan(range, limit);
    const own: KeyedRecord[] = [];
    let deleted = 0;
    for (const { key, after } of this.#changes.values()) {
      if (!inRange(key, range)) continue;
      if (after === undefined) deleted++;
      else own.push({ key, record: after });
    }
    const merged = this.#state.scan(range, limit + deleted).filter(({ key }) => !this.#changes.has(key));
    merged.push(...own);
    merged.sort((a, b) => compareKeys(a.key, b.key));
    return merged.length > limit ? merged.slice(0, limit) : merged;
  }

  put(key: BinaryKey, after: KeyRecord, before: KeyRecord | undefined): void {
    if (this.#changes.has(key)) throw new Refused({ kind: 'refused', code: 'ERR_DUPLICATE_KEY' });
    this.#add({ key, after, before });
  }

  /** Deletes live keys. @throws Refused ERR_DUPLICATE_KEY when one of them was put by this transaction */
  delete(found: readonly KeyedRecord[]): void {
    for (const { key, record } of found) {
      if (this.#changes.has(key)) throw new Refused({ kind: 'refused', code: 'ERR_DUPLICATE_KEY' });
      this.#add({ key, after: undefined, before: record });
    }
  }

  finish(): RevisionEvents | undefined {
    if (!this.changed) return undefined;
    return { revision: this.#state.revision + 1, events: [...this.#changes.values()] };
  }

  #add(event: KeyEvent): void {
    this.#changes.set(event.key, event);
    if (this.#changes.size > replicatedLimits.changesPerRevision) throw tooLarge(replicatedLimits.changesPerRevision);
    this.#bytes += eventBytes(event);
    if (this.#bytes > replicatedLimits.revisionBytes) throw tooLarge(replicatedLimits.revisionBytes);
  }
}

/** What an event counts for: the key and its old and new version. */
export function eventBytes(event: KeyEvent): number {
  const after = event.after === undefined ? 0 : entryBytes(event.key, event.after);
  return after + (event.before === undefined ? 0 : entryBytes(event.key, event.before));
}

export function tooLarge(limit: number): Refused {
  return new Refused({ kind: 'refused', code: 'ERR_TOO_LARGE', limit });
}
