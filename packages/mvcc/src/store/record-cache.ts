import type { BinaryKey, KeyRecord } from './types.js';
import { SplitMap } from './split-map.js';
import { ownCopy } from './value-slabs.js';

/** What is known of a key; a `record` of undefined: that it is absent. */
export interface Known {
  readonly record: KeyRecord | undefined;
}

/** What an entry costs beside its key and value: record, Map slot, array view. */
const entryBytes = 250;

/**
 * Clean records by key, in a bounded number of bytes; keys known to be absent too.
 *
 * Contract with its owner: an entry is the newest version of its key unless a memtable has one. So whoever changes a
 * key deletes it here, and only what no memtable overrides is put here.
 *
 * Two generations: when the young one is full it becomes the old one, and the old one goes as a whole, without those
 * that were asked for meanwhile. Taking single entries off the front of a Map instead would walk over the slots of all
 * that were taken before.
 */
export class RecordCache {
  readonly #generationBytes: number;
  #young = new SplitMap<Known>();
  #old = new SplitMap<Known>();
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
    this.#old.delete(key);
    // It outlives its neighbours, so it must not keep their slab.
    const known = { record: alone(old.record) };
    this.#insert(key, known);
    return known;
  }

  put(key: BinaryKey, record: KeyRecord | undefined): void {
    this.delete(key);
    this.#insert(key, { record });
  }

  delete(key: BinaryKey): void {
    const young = this.#young.get(key);
    if (young === undefined) {
      this.#old.delete(key);
      return;
    }
    this.#young.delete(key);
    this.#youngBytes -= costOf(key, young.record);
  }

  clear(): void {
    this.#young = new SplitMap();
    this.#old = new SplitMap();
    this.#youngBytes = 0;
  }

  #insert(key: BinaryKey, known: Known): void {
    const bytes = costOf(key, known.record);
    if (bytes > this.#generationBytes) return;
    if (this.#youngBytes + bytes > this.#generationBytes) {
      this.#old = this.#young;
      this.#young = new SplitMap();
      this.#youngBytes = 0;
    }
    this.#young.set(key, known);
    this.#youngBytes += bytes;
  }
}

function alone(record: KeyRecord | undefined): KeyRecord | undefined {
  if (record === undefined || record.value.buffer.byteLength <= 2 * record.value.length + entryBytes) return record;
  return { ...record, value: ownCopy(record.value) };
}

function costOf(key: BinaryKey, record: KeyRecord | undefined): number {
  return entryBytes + key.length + (record?.value.length ?? 0);
}
