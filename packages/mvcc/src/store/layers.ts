import type { DiskImage } from './disk-image.js';
import { Memtable } from './memtable.js';
import { Overlay } from './overlay.js';
import type { RecordCache } from './record-cache.js';
import type { BinaryKey, KeyRecord } from './types.js';

/** Where the newest version of a key is looked for: cache, memtable, frozen memtable, disk. */
export class Layers {
  overlay = new Overlay(new Memtable(), undefined);

  constructor(
    public image: DiskImage,
    readonly cache: RecordCache,
  ) {}

  /** What memory knows of a key. */
  peek(key: BinaryKey): KeyRecord | undefined | 'on-disk' {
    const cached = this.cache.get(key);
    if (cached !== undefined) return cached.record;
    const version = this.overlay.find(key);
    return version === undefined ? 'on-disk' : version.record;
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
