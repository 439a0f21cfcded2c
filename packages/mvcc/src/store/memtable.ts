import { OrderedIndex } from './ordered-index.js';
import type { BinaryKey, KeyRecord } from './types.js';

/** A version of a key in memory. `record` undefined: deleted by that revision. */
export interface Version {
  readonly revision: number;
  readonly record: KeyRecord | undefined;
  /** The version before it in this memtable, kept while a view may want it. */
  readonly older: Version | undefined;
}

interface Slot {
  revision: number;
  record: KeyRecord | undefined;
  older: Version | undefined;
}

/** Deleted keys that leave the index with one change, once no view wants them: bounds the work of a change. */
const buriedPerChange = 16;

/**
 * The changes since a checkpoint: the newest version of each changed key, and an index of those that were created.
 *
 * A scan finds the others below: a key that was alive when it was changed stands on the disk or in the index of the
 * memtable in between. So overwriting costs no place in an order, which is dear among keys that begin alike. The index
 * leaves out deleted keys too, so that the scan of a queue's head does not walk over everything that was taken from it.
 * A view is a revision: while one is open, versions keep what they replaced, and deleted keys stay in the index.
 */
export class Memtable {
  readonly #versions = new Map<BinaryKey, Slot>();
  /** Keys of which nothing lies below this memtable: deleted again, they leave no trace. */
  readonly #fresh = new Set<BinaryKey>();
  /** Alive, and not alive when they were put. */
  readonly #created = new OrderedIndex();
  #buried: BinaryKey[] = [];
  #views = 0;
  /** Estimated memory of all changes, also of those that were replaced: history holds them until the checkpoint. */
  bytes = 0;
  operations = 0;

  get views(): number {
    return this.#views;
  }

  /** How many keys it says something about. */
  get size(): number {
    return this.#versions.size;
  }

  get(key: BinaryKey): Version | undefined {
    return this.#versions.get(key);
  }

  has(key: BinaryKey): boolean {
    return this.#versions.has(key);
  }

  /** The version of a key that was the newest at a revision. */
  at(key: BinaryKey, revision: number): Version | undefined {
    let version: Version | undefined = this.#versions.get(key);
    while (version !== undefined && version.revision > revision) version = version.older;
    return version;
  }

  /** @param existed whether the key was alive before: in this memtable or below it */
  set(key: BinaryKey, revision: number, record: KeyRecord | undefined, existed: boolean): void {
    const previous = this.#versions.get(key);
    const watched = this.#views > 0;
    if (previous === undefined && !existed) this.#fresh.add(key);
    if (record !== undefined) {
      if (!existed) this.#created.add(key);
    } else if (watched) {
      this.#buried.push(key);
    } else {
      this.#created.delete(key);
      if (this.#fresh.delete(key)) {
        this.#versions.delete(key);
        return;
      }
    }
    if (previous === undefined || watched) {
      this.#versions.set(key, { revision, record, older: watched ? previous : undefined });
    } else {
      // Nobody but this table has it while no view is open: it is cheaper to change than to replace.
      previous.revision = revision;
      previous.record = record;
      previous.older = undefined;
    }
    if (!watched && this.#buried.length > 0) this.#bury();
  }

  /** All keys that it says something about, deleted ones too, in no order. */
  entries(): IterableIterator<[BinaryKey, Version]> {
    return this.#versions.entries();
  }

  /**
   * The keys in [start, end) that were created here and are alive, and perhaps some that were. It must not change while
   * they are drawn.
   */
  created(start: BinaryKey, end: BinaryKey | undefined, reverse: boolean): Generator<BinaryKey, void> {
    return reverse ? this.#created.descending(start, end) : this.#created.ascending(start, end);
  }

  openView(): void {
    this.#views++;
  }

  closeView(): void {
    this.#views--;
  }

  #bury(): void {
    for (const key of this.#buried.splice(-buriedPerChange)) {
      if (this.#versions.get(key)?.record === undefined) this.#created.delete(key);
    }
  }
}
