import type { BinaryKey, KeyRecord } from './types.js';
import { SplitMap } from './split-map.js';
import { ValueSlabs } from './value-slabs.js';

/** What is known of a key; a `record` of undefined: that it is absent. */
export interface Known {
  readonly record: KeyRecord | undefined;
}

interface Entry {
  record: KeyRecord | undefined;
  /** The generation that it belongs to, by its number. */
  generation: number;
}

/** Keys that came into the cache, or were asked for again, at about the same time. */
interface Generation {
  readonly number: number;
  /** Among them keys that have moved on to a later one since. */
  readonly keys: BinaryKey[];
  /** How many of them are not its own any more, whatever they say. */
  taken: number;
  /** Bytes of entries that came into it. */
  bytes: number;
}

/** What an entry costs beside its key and value: record, Map slot, array view. */
const entryBytes = 250;
/** The generation of what has not come in yet. */
const none = -1;
/** How finely age is told. */
const generationsMax = 8;
/** An entry that is asked for becomes one of the youngest again when it is this many generations old. */
const renewedAtAge = generationsMax / 2;
/** Entries of the oldest generation that one call looks at, at the most. */
const stepsMax = 1024;
/** So many at least, while there are more generations than there should be: faster than they come. */
const stepsLeast = 4;

/**
 * The newest records by key, in a bounded number of bytes; keys known to be absent too.
 *
 * Contract with its owner: an entry is the newest version of its key. So whoever changes a key puts the new version
 * here, and what was read from a disk is put only where nothing newer is known. One look here then answers for memory
 * and disk alike, which is what nearly every write needs.
 *
 * Entries know their generation, and what goes is taken off the oldest one, a little with each entry that comes: as
 * long as what is asked for fits, all of it stays. (Generations that go as a whole hold between half and all of the
 * bytes, and of 100,000 keys that just fit a tenth was always read from the disk again.)
 */
export class RecordCache {
  readonly #limitBytes: number;
  #entries = new SplitMap<Entry>();
  /** Oldest first, never empty; the last one is being filled. */
  #generations: Generation[] = [newGeneration(0)];
  #bytes = 0;
  #live = 0;
  /** For values that stay longer than those beside which they were written. */
  #slabs = new ValueSlabs();

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** How many keys it knows that are there. */
  get live(): number {
    return this.#live;
  }

  /** @returns undefined when nothing is known */
  get(key: BinaryKey): Known | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || this.#youngest.number - entry.generation < renewedAtAge) return entry;
    const known = { record: this.#moved(entry.record) };
    entry.record = known.record;
    this.#join(key, entry);
    return known;
  }

  put(key: BinaryKey, record: KeyRecord | undefined): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      const added: Entry = { record, generation: none };
      this.#entries.set(key, added);
      this.#bytes += bytesOf(key, record);
      this.#live += liveKeys(record);
      this.#join(key, added);
      return;
    }
    this.#bytes += valueBytes(record) - valueBytes(entry.record);
    this.#live += liveKeys(record) - liveKeys(entry.record);
    entry.record = record;
    const old = this.#youngest.number - entry.generation >= renewedAtAge;
    // What grows in its place takes that of others, who are older then.
    if (old || this.#bytes > this.#limitBytes) this.#join(key, entry);
  }

  clear(): void {
    this.#entries = new SplitMap();
    this.#generations = [newGeneration(0)];
    this.#bytes = 0;
    this.#live = 0;
  }

  get #youngest(): Generation {
    return this.#generations[this.#generations.length - 1]!;
  }

  #join(key: BinaryKey, entry: Entry): void {
    let youngest = this.#youngest;
    // A key stands in each generation once, so that it goes from there when that generation does and not before.
    if (youngest.bytes >= this.#limitBytes / generationsMax || entry.generation === youngest.number) {
      youngest = newGeneration(youngest.number + 1);
      this.#generations.push(youngest);
      this.#slabs = new ValueSlabs();
    }
    youngest.keys.push(key);
    youngest.bytes += bytesOf(key, entry.record);
    entry.generation = youngest.number;
    this.#reap();
  }

  /**
   * Takes entries off the oldest generation while there are too many bytes; while there are only too many generations,
   * they go on in the next one.
   */
  #reap(): void {
    for (let steps = 0; steps < stepsMax; steps++) {
      const full = this.#bytes > this.#limitBytes;
      if (!full && (this.#generations.length <= generationsMax || steps >= stepsLeast)) return;
      const [oldest, next] = this.#generations as [Generation, Generation | undefined];
      const key = oldest.keys[oldest.taken++];
      if (key === undefined) {
        if (next === undefined) return;
        this.#generations.shift();
        continue;
      }
      const entry = this.#entries.get(key);
      if (entry?.generation !== oldest.number) continue;
      if (full || next === undefined) {
        this.#entries.delete(key);
        this.#bytes -= bytesOf(key, entry.record);
        this.#live -= liveKeys(entry.record);
      } else {
        entry.generation = next.number;
        next.keys.push(key);
      }
    }
  }

  #moved(record: KeyRecord | undefined): KeyRecord | undefined {
    if (record === undefined || record.value.buffer.byteLength <= 2 * record.value.length + entryBytes) return record;
    return { ...record, value: this.#slabs.keep(record.value) };
  }
}

const newGeneration = (number: number): Generation => ({ number, keys: [], taken: 0, bytes: 0 });

function bytesOf(key: BinaryKey, record: KeyRecord | undefined): number {
  return entryBytes + key.length + valueBytes(record);
}

const liveKeys = (record: KeyRecord | undefined): number => (record === undefined ? 0 : 1);

function valueBytes(record: KeyRecord | undefined): number {
  return record === undefined ? 0 : record.value.length;
}
