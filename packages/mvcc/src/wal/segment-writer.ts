import { CoterieError, invariant } from '@coterie/errors';
import type { FileHandle, FileSystem } from '../files/file-system.js';
import {
  batchEndFrom,
  headerBytes,
  lengthAt,
  recordBytes,
  recordTypes,
  sealRecord,
  segmentBytesMin,
  segmentName,
  typeAt,
  viewOf,
} from './format.js';
import { decodeRelease, entryIndexAt } from './payloads.js';
import { encodeHead, type HeadState } from './segment-head.js';
import { SegmentPreparer } from './segment-preparer.js';

/** A segment that is full, and the highest index of an entry in it (0: none). */
export interface FullSegment {
  readonly sequence: number;
  readonly lastIndex: number;
}

/** Where writing goes on. Structured-cloneable: it crosses to the log's thread. */
export interface WriterInit {
  readonly dir: string;
  readonly segmentBytes: number;
  readonly sequence: number;
  /** Where the next record goes; everything before is durable, everything behind is zeros. */
  readonly offset: number;
  readonly capacity: number;
  /** The length of this segment's head. */
  readonly headLength: number;
  readonly running: number;
  readonly lastIndex: number;
  readonly head: HeadState;
  /** Oldest first. */
  readonly full: readonly FullSegment[];
  /** Entries up to here are not needed. */
  readonly released: number;
}

/**
 * What {@link SegmentWriter.maintain} says: call again when idle, nothing left to do, or the disk is full: call again
 * later.
 */
export type Maintenance = 'more' | 'done' | 'retry';

/** How long a full disk is left alone after {@link SegmentWriter.maintain} said `retry`. */
export const outOfSpaceRetryMs = 1000;
/**
 * A new segment is this much larger than the last one until segmentBytes is reached, so that a small log stays small.
 */
const growthFactor = 4;
/**
 * A log that is closed and of which nothing is needed goes on in a segment of at most this part of segmentBytes: the
 * next start reads all of the last segment, whatever is in it.
 */
const closedShare = 1 / 16;
/** How much of a segment may be used before the next one is prepared. */
const prepareFrom = 1 / 8;

/**
 * Writes batches into segments: seals the records, cuts at the border of a batch, syncs, prepares the next segment,
 * removes old ones.
 *
 * Purely synchronous over a {@link FileSystem}; a runner decides when. After anything here threw the log must not be
 * written again: it is not known what reached the disk, and a second sync that succeeds proves nothing
 * (https://wiki.postgresql.org/wiki/Fsync_Errors).
 */
export class SegmentWriter {
  readonly #fs: FileSystem;
  readonly #dir: string;
  readonly #segmentBytes: number;
  readonly #preparer: SegmentPreparer;
  readonly #head: HeadState;
  readonly #full: FullSegment[];
  #file: FileHandle;
  #sequence: number;
  #capacity: number;
  #headLength: number;
  #offset: number;
  /** Bytes of this segment that are durable. */
  #synced: number;
  #running: number;
  #lastIndex: number;
  #releaseWritten: number;
  #released: number;
  #syncCount = 0;
  #outOfSpace = false;

  constructor(fs: FileSystem, init: WriterInit) {
    this.#fs = fs;
    this.#dir = init.dir;
    this.#segmentBytes = init.segmentBytes;
    this.#preparer = new SegmentPreparer(fs, init.dir, init.segmentBytes);
    this.#head = { ...init.head };
    this.#full = [...init.full];
    this.#sequence = init.sequence;
    this.#capacity = init.capacity;
    this.#headLength = init.headLength;
    this.#offset = this.#synced = init.offset;
    this.#running = init.running;
    this.#lastIndex = init.lastIndex;
    this.#releaseWritten = this.#released = init.released;
    this.#file = fs.open(this.#pathOf(init.sequence), 'write');
  }

  /** Syncs of batches so far; those of preparing and removing segments are not counted. */
  get syncCount(): number {
    return this.#syncCount;
  }

  /** The disk had no room for the next segment. Ends by itself once it has. */
  get outOfSpace(): boolean {
    return this.#outOfSpace;
  }

  /** Writes whole batches of unsealed records, in order; seals them in place. Not durable before {@link sync}. */
  write(region: Uint8Array): void {
    const view = viewOf(region);
    let from = 0;
    for (let at = 0; at < region.length;) {
      const end = batchEndFrom(view, at);
      if (!this.#fits(end - from)) {
        this.#put(region.subarray(from, at));
        from = at;
        // A batch is never split: a torn one could then reach back into a segment that is full. One larger than a whole
        // segment makes its segment larger.
        if (!this.#fits(end - from) && !this.#isEmpty()) this.#cut();
      }
      this.#sealBatch(region, view, at, end, this.#offset - from);
      at = end;
    }
    this.#put(region.subarray(from));
  }

  /** Makes everything written durable. */
  sync(): void {
    if (this.#synced === this.#offset) return;
    this.#fs.datasync(this.#file);
    this.#syncCount++;
    this.#synced = this.#offset;
    this.#released = this.#releaseWritten;
  }

  /**
   * One step of the work that no batch waits for.
   * @param idle false: only what cannot wait, because otherwise the next cut would have to do it all at once
   */
  maintain(idle: boolean): Maintenance {
    // Removing comes first: it may be what makes room for preparing.
    if (idle && this.#removable(this.#releaseWritten)) {
      this.sync();
      this.#removeOldest();
      return 'more';
    }
    if (!this.#mustPrepare(idle)) return 'done';
    this.#outOfSpace = !this.#preparer.slice(this.#nextCapacity());
    return this.#outOfSpace ? 'retry' : 'more';
  }

  /** Makes everything durable and closes the files. */
  close(): void {
    this.sync();
    this.#shrink();
    this.#fs.close(this.#file);
    this.#preparer.discard();
  }

  #fits(bytes: number): boolean {
    return this.#offset + bytes <= this.#capacity;
  }

  #isEmpty(): boolean {
    return this.#offset === this.#headLength;
  }

  #put(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#fs.write(this.#file, bytes, this.#offset);
    this.#offset += bytes.length;
    this.#capacity = Math.max(this.#capacity, this.#offset);
  }

  #sealBatch(region: Uint8Array, view: DataView, start: number, end: number, base: number): void {
    for (let at = start; at < end; at += recordBytes(lengthAt(view, at))) {
      const place = { sequence: this.#sequence, offset: base + at };
      this.#running = sealRecord(region, view, at, place, this.#synced, this.#running);
      this.#note(region, view, at);
    }
  }

  /** Keeps what heads repeat, and what decides when a segment may go. */
  #note(region: Uint8Array, view: DataView, at: number): void {
    const payload = at + headerBytes;
    const type = typeAt(view, at);
    if (type === recordTypes.entry) {
      this.#lastIndex = Math.max(this.#lastIndex, entryIndexAt(view, payload));
      return;
    }
    const copy = region.slice(payload, payload + lengthAt(view, at));
    if (type === recordTypes.hardState) this.#head.hardState = copy;
    else if (type === recordTypes.snapshot) this.#head.snapshot = copy;
    else if (type === recordTypes.release) {
      this.#head.release = copy;
      this.#releaseWritten = Math.max(this.#releaseWritten, decodeRelease(view, payload)?.index ?? 0);
    }
  }

  /**
   * Goes on in a new segment. The old one is durable before the new one has its name, and the new one's head before it:
   * so damage in any but the last segment, or in a head, is never the work of a crash.
   */
  #cut(): void {
    this.sync();
    while (!this.#preparer.ready) {
      if (!this.#preparer.slice(this.#nextCapacity()) && !this.#removeOldest()) throw fullDisk(this.#dir);
    }
    const { file, capacity } = this.#preparer.take();
    const sequence = this.#sequence + 1;
    const head = encodeHead(sequence, this.#running, this.#head);
    this.#fs.write(file, head.bytes, 0);
    this.#fs.datasync(file);
    this.#fs.rename(this.#preparer.path, this.#pathOf(sequence));
    this.#fs.syncDirectory(this.#dir);
    this.#fs.close(this.#file);
    this.#full.push({ sequence: this.#sequence, lastIndex: this.#lastIndex });
    invariant(this.#synced === this.#offset, 'a full segment is durable', { sequence: this.#sequence });

    this.#file = file;
    this.#sequence = sequence;
    this.#capacity = Math.max(capacity, head.bytes.length);
    this.#offset = this.#synced = this.#headLength = head.bytes.length;
    this.#running = head.running;
    this.#lastIndex = 0;
    this.#outOfSpace = false;
    // A log that never idles would otherwise never give anything back: two for one, so that it catches up.
    for (let i = 0; i < 2; i++) this.#removeOldest();
  }

  /** Leaves a small segment behind, where nothing is needed of what there is. A full disk only keeps more of it. */
  #shrink(): void {
    const capacity = Math.max(segmentBytesMin, Math.floor(this.#segmentBytes * closedShare));
    const needed = this.#lastIndex > this.#released || this.#full.some(({ lastIndex }) => lastIndex > this.#released);
    if (needed || this.#capacity <= capacity) return;
    this.#preparer.discard();
    while (!this.#preparer.ready) if (!this.#preparer.slice(capacity)) return;
    this.#cut();
    while (this.#removeOldest());
  }

  #nextCapacity(): number {
    return Math.min(this.#segmentBytes, Math.max(segmentBytesMin, this.#capacity * growthFactor));
  }

  #mustPrepare(idle: boolean): boolean {
    // While the disk is full a busy log does not try again: it would fail after every batch.
    if (this.#preparer.ready || (this.#outOfSpace && !idle)) return false;
    const used = this.#offset / this.#capacity;
    if (used < prepareFrom) return false;
    return idle || this.#preparer.progress < used;
  }

  #removable(released: number): boolean {
    const oldest = this.#full[0];
    return oldest !== undefined && oldest.lastIndex <= released;
  }

  /**
   * Removes the oldest segment if all its entries are released, durably before the next may go: a gap would look like a
   * loss.
   */
  #removeOldest(): boolean {
    if (!this.#removable(this.#released)) return false;
    const oldest = this.#full.shift() as FullSegment;
    this.#fs.unlink(this.#pathOf(oldest.sequence));
    this.#fs.syncDirectory(this.#dir);
    return true;
  }

  #pathOf(sequence: number): string {
    return `${this.#dir}/${segmentName(sequence)}`;
  }
}

function fullDisk(dir: string): Error {
  return new CoterieError('ERR_STORAGE', { message: `no space for the next segment of the log in ${dir}` });
}

/** Creates the first segment of a new log, whole, under its name, which the caller makes durable. */
export function createFirstSegment(fs: FileSystem, dir: string, capacity: number, head: HeadState): void {
  const preparer = new SegmentPreparer(fs, dir, capacity);
  while (!preparer.ready) if (!preparer.slice(capacity)) throw fullDisk(dir);
  const { file } = preparer.take();
  fs.write(file, encodeHead(1, 0, head).bytes, 0);
  fs.datasync(file);
  fs.close(file);
  fs.rename(preparer.path, `${dir}/${segmentName(1)}`);
}
