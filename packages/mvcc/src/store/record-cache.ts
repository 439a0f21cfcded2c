import type { BinaryKey, KeyRecord } from './types.js';
import { SplitMap } from './split-map.js';
import { ownCopy } from './value-slabs.js';

/** What is known of a key; a `record` of undefined: that it is absent. */
export interface Known {
  readonly record: KeyRecord | undefined;
}

interface Entry {
  record: KeyRecord | undefined;
}

/** What an entry costs beside its key and value: record, Map slot, array view. */
const entryBytes = 250;

/**
 * The newest records by key, in a bounded number of bytes; keys known to be absent too.
 *
 * Contract with its owner: an entry is the newest version of its key. So whoever changes a key puts the new version
 * here, and what was read from a disk is put only where nothing newer is known. One look here then answers for memory
 * and disk alike, which is what nearly every write needs.
 *
 * Two generations: when the young one is full it becomes the old one, and the old one goes as a whole, without those
 * that were asked for meanwhile. Taking single entries off the front of a Map instead would walk over the slots of all
 * that were taken before. What stands in the young one hides what the old one has of the same key.
 */
export class RecordCache {
  readonly #generationBytes: number;
  #young = new SplitMap<Entry>();
  #old = new SplitMap<Entry>();
  #youngBytes = 0;

  constructor(limitBytes: number) {
    this.#generationBytes = limitBytes / 2;
  }

  /** @returns undefined when nothing is known */
  get(key: BinaryKey): Known | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    // It outlives its neighbours, so it must not keep their slab.
    const known = { record: alone(old.record) };
    this.#insert(key, known);
    return known;
  }

  put(key: BinaryKey, record: KeyRecord | undefined): void {
    const young = this.#young.get(key);
    const bytes = this.#youngBytes + valueBytes(record) - valueBytes(young?.record);
    // Keys that only grow in place would never fill a generation by their number.
    if (young === undefined || bytes > this.#generationBytes) {
      this.#insert(key, { record });
      return;
    }
    this.#youngBytes = bytes;
    young.record = record;
  }

  clear(): void {
    this.#young = new SplitMap();
    this.#old = new SplitMap();
    this.#youngBytes = 0;
  }

  #insert(key: BinaryKey, entry: Entry): void {
    const bytes = entryBytes + key.length + valueBytes(entry.record);
    if (this.#youngBytes + bytes > this.#generationBytes) {
      this.#old = this.#young;
      this.#young = new SplitMap();
      this.#youngBytes = 0;
    }
    this.#young.set(key, entry);
    this.#youngBytes += bytes;
  }
}

function alone(record: KeyRecord | undefined): KeyRecord | undefined {
  if (record === undefined || record.value.buffer.byteLength <= 2 * record.value.length + entryBytes) return record;
  return { ...record, value: ownCopy(record.value) };
}

function valueBytes(record: KeyRecord | undefined): number {
  return record === undefined ? 0 : record.value.length;
}
