import type { FileHandle, FileSystem } from '../files/file-system.js';
import { viewOf } from './format.js';

/** How much of a segment is in memory at a time; a record that is longer is there as a whole. */
const defaultWindowBytes = 1024 * 1024;

const nothing = new Uint8Array(0);

/** Fills `into` from `position` on. @returns how many bytes there were */
export type ReadAt = (into: Uint8Array, position: number) => number;

/**
 * The bytes of a segment, of which a window is in memory: a log is as long as two checkpoints apart, and whoever opens
 * it should not need that much memory for it.
 *
 * `bytes` and `view` are those of the window, valid until the next call.
 */
export class SegmentBytes {
  readonly size: number;
  bytes: Uint8Array = nothing;
  view: DataView = viewOf(nothing);
  readonly #path: string;
  readonly #read: ReadAt;
  readonly #window: number;
  #buffer: Uint8Array = nothing;
  #base = 0;

  /** @param windowBytes default 1 MiB */
  constructor(path: string, size: number, read: ReadAt, windowBytes = defaultWindowBytes) {
    this.#path = path;
    this.size = size;
    this.#read = read;
    this.#window = windowBytes;
  }

  /**
   * Brings `[from, to)`, which lies in the segment, into memory.
   *
   * @returns where `from` stands in `bytes`
   * @throws Error with the code `EIO` when fewer bytes can be read than there are: a segment that seems to end too
   *   early would look like a log that ends there
   */
  at(from: number, to: number): number {
    if (from < this.#base || to > this.#base + this.bytes.length) this.#move(from, to - from);
    return from - this.#base;
  }

  /** The end of the last byte in `[from, size)` that is not zero; `from` if all are. */
  lastUsed(from: number): number {
    for (let to = this.size; to > from;) {
      const begin = Math.max(from, to - this.#window);
      const start = this.at(begin, to);
      let end = start + to - begin;
      if (!isZero(this.bytes.subarray(start, end))) {
        while (this.bytes[end - 1] === 0) end--;
        return begin + end - start;
      }
      to = begin;
    }
    return from;
  }

  #move(from: number, needed: number): void {
    const wanted = Math.min(this.size - from, Math.max(needed, this.#window));
    // One record may be longer than the window: what it needs goes again with it.
    if (this.#buffer.length < wanted || this.#buffer.length > Math.max(this.#window, needed)) {
      this.#buffer = new Uint8Array(wanted);
    }
    this.bytes = nothing;
    const bytes = this.#buffer.subarray(0, wanted);
    const got = this.#read(bytes, from);
    if (got !== wanted) {
      const message = `EIO: only ${got} of ${wanted} bytes of '${this.#path}' at byte ${from} can be read`;
      throw Object.assign(new Error(message), { code: 'EIO', syscall: 'read', path: this.#path });
    }
    this.bytes = bytes;
    this.view = viewOf(bytes);
    this.#base = from;
  }
}

/** The bytes of an open segment. */
export function segmentBytes(fs: FileSystem, file: FileHandle, path: string): SegmentBytes {
  return new SegmentBytes(path, fs.size(file), (into, position) => fs.read(file, into, position));
}

const zeros = Buffer.alloc(64 * 1024);

/** Most of a segment that was just begun: compared by the block, not by the byte. */
function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const piece = bytes.subarray(at, at + zeros.length);
    if (zeros.compare(piece, 0, piece.length, 0, piece.length) !== 0) return false;
  }
  return true;
}
