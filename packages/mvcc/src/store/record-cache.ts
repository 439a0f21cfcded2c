import type { BinaryKey, KeyRecord } from './types.js';
import { ownCopy } from './value-slabs.js';

interface Cached {
  record: KeyRecord | undefined;
  /** Asked for since it was last considered for eviction. */
  used: boolean;
}

/** What an entry costs beside its key and value: record, Map slot, array view. */
const entryBytes = 250;

/**
 * Clean records by key, in a bounded number of bytes; keys known to be absent too.
 *
 * Contract with its owner: an entry is the newest version of its key unless the memtable has one. So whoever changes a key deletes it
 * here, and only what no memtable overrides is put here. Eviction is second chance: in order of entry, once around for what was used.
 */
export class RecordCache {
  readonly #entries = new Map<BinaryKey, Cached>();
  readonly #limit: number;
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(key: BinaryKey): boolean {
    return this.#entries.has(key);
  }

  /** @returns undefined when nothing is known; a `record` of undefined: known to be absent */
  get(key: BinaryKey): { readonly record: KeyRecord | undefined } | undefined {
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.used = true;
    return entry;
  }

  put(key: BinaryKey, record: KeyRecord | undefined): void {
    this.delete(key);
    const bytes = costOf(key, record);
    if (bytes > this.#limit) return;
    this.#entries.set(key, { record, used: false });
    this.#bytes += bytes;
    if (this.#bytes > this.#limit) this.#evict();
  }

  delete(key: BinaryKey): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= costOf(key, entry.record);
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  /** Ends: a second chance clears the mark that gave it. */
  #evict(): void {
    for (const [key, entry] of this.#entries) {
      if (this.#bytes <= this.#limit) return;
      this.#entries.delete(key);
      if (entry.used) {
        // It outlives its neighbours, so it must not keep their slab.
        this.#entries.set(key, { record: alone(entry.record), used: false });
      } else {
        this.#bytes -= costOf(key, entry.record);
      }
    }
  }
}

function alone(record: KeyRecord | undefined): KeyRecord | undefined {
  if (record === undefined || record.value.buffer.byteLength <= 2 * record.value.length + entryBytes) return record;
  return { ...record, value: ownCopy(record.value) };
}

function costOf(key: BinaryKey, record: KeyRecord | undefined): number {
  return entryBytes + key.length + (record?.value.length ?? 0);
}
