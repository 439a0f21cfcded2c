import { completion } from './completion.js';
import type { DiskImage, RecordCursor } from './disk-image.js';
import type { Layers } from './layers.js';
import { mergeOrdered, newest } from './overlay.js';
import type { StoreLimits } from './store-limits.js';
import type { BinaryKey, KeyedRecord, KeyRange, Wanted } from './types.js';

/** Records of a range as the disk has them, without those that memory had deleted. */
interface LoadedRange {
  readonly image: DiskImage;
  readonly records: readonly KeyedRecord[];
  /** Known up to here, exclusive; undefined: to the end of the range. */
  readonly coveredTo: BinaryKey | undefined;
  readonly bytes: number;
}

/** Keys of one read of the disk. */
const readKeys = 1_000;
/** Checkpoints that may end while something is loaded; after one more, keys are read when they are looked up. */
const triesMax = 3;
/** Starts of ranges of which the first stored keys are known to be gone. */
const skipEntries = 1_024;
/** What a loaded record costs beside key and value. */
const recordBytes = 200;

/** The key right behind another one. */
const behind = (key: BinaryKey): BinaryKey => `${key}\0`;

/**
 * Loads what an apply will read.
 *
 * A loaded range is what the disk has of it; memory is merged over it when it is scanned, so that writes in between
 * need no care. It is bound to its image: after a checkpoint the frozen memtable is part of the disk and no longer in
 * front of it, so a range that was loaded before misses its changes and is refused. The applier then asks again, and as
 * nothing is applied meanwhile no further checkpoint begins.
 */
export class Prefetch {
  readonly #layers: Layers;
  readonly #limits: StoreLimits;
  readonly #failed: (error: Error) => void;
  readonly #ranges = new Map<string, LoadedRange>();
  /** Where the first key that is alive may stand; holds for the current image, of which memory only ever hides more. */
  readonly #skips = new Map<BinaryKey, BinaryKey>();
  #skipsOf: DiskImage | undefined;
  #bytes = 0;
  #loads = 0;
  #steps = 0;

  constructor(layers: Layers, limits: StoreLimits, failed: (error: Error) => void) {
    this.#layers = layers;
    this.#limits = limits;
    this.#failed = failed;
  }

  get loading(): boolean {
    return this.#loads > 0;
  }

  /** Reads of the disk that have ended. */
  get steps(): number {
    return this.#steps;
  }

  /** @see Store.prefetch */
  prefetch(wanted: Wanted, ready: () => void): boolean {
    const keys = this.#onDisk(wanted.keys);
    const ranges = wanted.ranges.filter(({ range, limit }) => this.scan(range, limit) === undefined);
    if (keys.length === 0 && ranges.length === 0) return true;
    this.#load(keys, ranges, wanted).then(ready).catch(this.#failed);
    return false;
  }

  /** @see Store.scan */
  scan(range: KeyRange, limit: number): readonly KeyedRecord[] | undefined {
    const { image, overlay } = this.#layers;
    const loaded = this.#ranges.get(rangeId(range));
    if (loaded?.image !== image) return undefined;
    const found: KeyedRecord[] = [];
    const visible = overlay.visible(loaded.records, newest);
    for (const next of mergeOrdered(visible, overlay.created(range, false, newest), false)) {
      if (loaded.coveredTo !== undefined && next.key >= loaded.coveredTo) return undefined;
      found.push(next);
      if (found.length >= limit) return found;
    }
    return loaded.coveredTo === undefined ? found : undefined;
  }

  #onDisk(keys: readonly BinaryKey[]): readonly BinaryKey[] {
    return keys.filter((key) => this.#layers.peek(key) === 'on-disk');
  }

  async #load(keys: readonly BinaryKey[], ranges: Wanted['ranges'], wanted: Wanted): Promise<void> {
    // Of one entry everything must be there at once: if one of its ranges drove another out, it would never be ready.
    const needed = new Set(wanted.ranges.map(({ range }) => rangeId(range)));
    let { image } = this.#layers;
    await this.#loadFrom(image, keys, ranges, needed);
    // A checkpoint that ended meanwhile has made what was read of the image before it useless. Ranges are asked for
    // again anyhow.
    for (let tries = 1; image !== this.#layers.image && tries < triesMax; tries++) {
      image = this.#layers.image;
      await this.#loadFrom(image, this.#onDisk(keys), [], needed);
    }
  }

  async #loadFrom(
    image: DiskImage,
    keys: readonly BinaryKey[],
    ranges: Wanted['ranges'],
    needed: ReadonlySet<string>,
  ): Promise<void> {
    image.hold();
    this.#loads++;
    try {
      for (let at = 0; at < keys.length; at += readKeys) {
        const group = keys.slice(at, at + readKeys);
        const records = await completion<readonly (KeyedRecord['record'] | undefined)[]>((done) => {
          image.getMany(group, done);
        });
        this.#steps++;
        group.forEach((key, position) => {
          this.#layers.admit(image, key, records[position]);
        });
      }
      let bytes = 0;
      for (const { range, limit } of ranges) {
        // The rest is asked for again right away; in between, a checkpoint may have made all of this outdated.
        if (bytes > this.#limits.prefetchBytes) break;
        bytes += await this.#loadRange(image, range, limit, needed);
      }
    } finally {
      this.#loads--;
      image.release();
    }
  }

  async #loadRange(image: DiskImage, range: KeyRange, limit: number, needed: ReadonlySet<string>): Promise<number> {
    const from = this.#skip(image, range.start);
    const cursor = image.iterate({ ...range, start: from }, false, this.#limits.sliceBytes);
    try {
      const loaded = await this.#collect(image, cursor, range, limit);
      this.#keep(rangeId(range), loaded, needed);
      return loaded.bytes;
    } finally {
      cursor.close();
    }
  }

  /**
   * Reads on until `limit` records are there that are not deleted in memory, and takes the rest of that page with them.
   */
  async #collect(image: DiskImage, cursor: RecordCursor, range: KeyRange, limit: number): Promise<LoadedRange> {
    const records: KeyedRecord[] = [];
    let bytes = 0;
    for (;;) {
      const page = await completion<readonly KeyedRecord[]>((done) => {
        cursor.next(done);
      });
      this.#steps++;
      for (const entry of page) {
        const version = this.#layers.overlay.find(entry.key);
        if (version !== undefined && version.record === undefined) continue;
        records.push(entry);
        bytes += recordBytes + entry.key.length + entry.record.value.length;
      }
      const last = page.at(-1);
      if (last === undefined) return { image, records, bytes, coveredTo: undefined };
      const coveredTo = behind(last.key);
      if (records.length === 0) this.#remember(image, range.start, coveredTo);
      if (records.length >= limit) return { image, records, bytes, coveredTo };
    }
  }

  #keep(id: string, loaded: LoadedRange, needed: ReadonlySet<string>): void {
    if (loaded.image !== this.#layers.image) return;
    this.#drop(id);
    this.#ranges.set(id, loaded);
    this.#bytes += loaded.bytes;
    for (const [oldest, { image }] of this.#ranges) {
      const outdated = image !== loaded.image;
      if (outdated || (this.#bytes > this.#limits.prefetchBytes && !needed.has(oldest))) this.#drop(oldest);
    }
  }

  #drop(id: string): void {
    const old = this.#ranges.get(id);
    if (old === undefined) return;
    this.#ranges.delete(id);
    this.#bytes -= old.bytes;
  }

  #skip(image: DiskImage, start: BinaryKey): BinaryKey {
    return image === this.#skipsOf ? (this.#skips.get(start) ?? start) : start;
  }

  /**
   * Without it, taking the first key of a queue again and again would read over all that were taken since the
   * checkpoint.
   */
  #remember(image: DiskImage, start: BinaryKey, to: BinaryKey): void {
    if (image !== this.#layers.image) return;
    if (image !== this.#skipsOf || this.#skips.size >= skipEntries) this.#skips.clear();
    this.#skipsOf = image;
    this.#skips.set(start, to);
  }
}

/** Keys have no characters above U+00FF, so these cannot be mistaken. */
function rangeId(range: KeyRange): string {
  return `${range.start}\u0100${range.end ?? '\u0101'}`;
}
