import type { DiskImage } from './disk-image.js';
import { Memtable } from './memtable.js';
import { Overlay } from './overlay.js';
import type { RecordCache } from './record-cache.js';
import type { BinaryKey, KeyEvent, KeyRecord } from './types.js';

/** Where the newest version of a key is looked for: cache, memtable, frozen memtable, disk. */
export class Layers {
  overlay = new Overlay(new Memtable(), undefined);
  #keys: number;

  /** @param keys how many there are on the disk */
  constructor(
    public image: DiskImage,
    readonly cache: RecordCache,
    keys: number,
  ) {
    this.#keys = keys;
  }

  /**
   * What memory knows of a key.
   *
   * What the cache knows to be there is there. So when it knows as many keys as there are, all others are not: a new
   * store that fits into memory creates keys without asking the disk for each, an old one once it has seen all that it
   * has.
   */
  peek(key: BinaryKey): KeyRecord | undefined | 'on-disk' {
    const cached = this.cache.get(key);
    if (cached !== undefined) return cached.record;
    if (this.cache.live === this.#keys) return undefined;
    const version = this.overlay.find(key);
    return version === undefined ? 'on-disk' : version.record;
  }

  /** Takes in a change. */
  put({ key, before, after }: KeyEvent, revision: number): void {
    const { active } = this.overlay;
    active.set(key, revision, after, before !== undefined);
    active.operations++;
    this.cache.put(key, after);
    this.#keys += (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
  }

  /**
   * Keeps what was read from an image, if it still is the newest: the image is the current one and memory does not know
   * the key. Both must hold: a key that was read, changed and taken into a checkpoint meanwhile has left the memtables,
   * and the image with them.
   */
  admit(image: DiskImage, key: BinaryKey, record: KeyRecord | undefined): void {
    if (image === this.image && this.peek(key) === 'on-disk') this.cache.put(key, record);
  }

  /** Begins a checkpoint. */
  freeze(): Memtable {
    const frozen = this.overlay.active;
    this.overlay = new Overlay(new Memtable(), frozen);
    return frozen;
  }

  /** The frozen memtable is on disk: the new image holds it. */
  thaw(image: DiskImage): void {
    const old = this.image;
    this.image = image;
    this.overlay = new Overlay(this.overlay.active, undefined);
    old.release();
  }
}
