import { isOutOfSpace } from '../files/storage-error.js';
import type { FileHandle, FileSystem } from '../files/file-system.js';
import { nextSegmentName } from './format.js';

/**
 * How much is zero-filled at a time: a commit that arrives meanwhile waits for one slice at the most.
 *
 * On a busy disk a sync that grows a file costs as much for 64 KiB as for 1 MiB, on a quiet one 0.3 and 0.9 ms
 * (docs/performance.md).
 */
const sliceBytes = 1024 * 1024;

/** A zero-filled, synced file that still has its temporary name. */
export interface PreparedSegment {
  readonly file: FileHandle;
  readonly capacity: number;
}

/**
 * Fills the next segment with zeros, slice by slice, while the current one is being written.
 *
 * A sync into space that is allocated and written already is markedly cheaper than one that grows the file, because it
 * has no metadata to write; and a full disk is noticed here, a segment before the log would need the space.
 */
export class SegmentPreparer {
  readonly #fs: FileSystem;
  readonly path: string;
  readonly #zeros: Uint8Array;
  #file: FileHandle | undefined;
  #filled = 0;
  #capacity = 0;

  constructor(fs: FileSystem, dir: string, segmentBytes: number) {
    this.#fs = fs;
    this.path = `${dir}/${nextSegmentName}`;
    this.#zeros = new Uint8Array(Math.min(sliceBytes, segmentBytes));
  }

  /** The part that is ready, 0 to 1. */
  get progress(): number {
    return this.#capacity === 0 ? 0 : this.#filled / this.#capacity;
  }

  get ready(): boolean {
    return this.#capacity > 0 && this.#filled === this.#capacity;
  }

  /**
   * Prepares one more slice of a segment of `capacity` bytes (fixed by the first call).
   * @returns false when the disk is full: everything prepared was given back
   */
  slice(capacity: number): boolean {
    if (this.#file === undefined) {
      if (this.#fs.exists(this.path)) this.#fs.unlink(this.path);
      this.#file = this.#fs.open(this.path, 'create');
      this.#capacity = capacity;
    }
    const count = Math.min(this.#zeros.length, this.#capacity - this.#filled);
    try {
      this.#fs.write(this.#file, this.#zeros.subarray(0, count), this.#filled);
      // Every slice by itself: a sync of the whole at the end would hold up the commits behind it.
      this.#fs.datasync(this.#file);
    } catch (error) {
      if (!isOutOfSpace(error)) throw error;
      this.discard();
      return false;
    }
    this.#filled += count;
    return true;
  }

  /** Hands over the finished file. */
  take(): PreparedSegment {
    const prepared = { file: this.#file as FileHandle, capacity: this.#capacity };
    this.#forget();
    return prepared;
  }

  discard(): void {
    if (this.#file === undefined) return;
    this.#fs.close(this.#file);
    this.#forget();
    this.#fs.unlink(this.path);
  }

  #forget(): void {
    this.#file = undefined;
    this.#filled = this.#capacity = 0;
  }
}
