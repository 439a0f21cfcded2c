import type { RevisionEvents } from '../types.js';
import { ChangeAssembler } from './change-assembler.js';
import type { ChangeRun, EncodedFrames, EventPosition, ReadChanges } from './change-run.js';
import { writeFrame } from './event-codec.js';
import type { FrameSpace } from './frame-space.js';

/**
 * Changes as the frames that history will write.
 *
 * Most changes live from one checkpoint to the next, far too long for the young generation of a collector: as objects,
 * each put would leave it half a dozen to move and to mark. And when history is written, the value that was replaced is
 * in no cache of the processor any more; it is when the change is made.
 */
export class FrameRun implements ChangeRun {
  readonly #start: number;
  readonly #revisions: number[] = [];
  /** Where the frames of each change end in the space. */
  readonly #ends: number[] = [];

  /** @param space no other run may be written to it from now on, until one of its own takes this one's place */
  constructor(readonly space: FrameSpace) {
    this.#start = space.used;
  }

  get length(): number {
    return this.#revisions.length;
  }

  get frameBytes(): number {
    return this.#startOf(this.length) - this.#start;
  }

  /** There must be room for its frames. */
  push(change: RevisionEvents): void {
    const { space } = this;
    let at = space.used;
    for (let sub = 0; sub < change.events.length; sub++) at = writeFrame(space.target, at, change, sub);
    space.used = at;
    this.#revisions.push(change.revision);
    this.#ends.push(at);
  }

  revisionAt(at: number): number {
    return this.#revisions[at] as number;
  }

  /**
   * Views of the space, which do not change while it has this run: more frames come behind them. Cut between changes
   * only, which are small.
   */
  frames({ at }: EventPosition, end: number, maxBytes: number): EncodedFrames {
    const to = this.#enough(at, end, maxBytes);
    const bytes = this.space.target.bytes.subarray(this.#startOf(at), this.#startOf(to));
    return { bytes, next: { at: to, sub: 0 } };
  }

  /** From a copy of just these: the space is written again, and whoever keeps an event is not to keep all of it. */
  read(from: number, maxBytes: number): ReadChanges {
    const { bytes } = this.frames({ at: from, sub: 0 }, this.length, maxBytes);
    const assembler = new ChangeAssembler(0);
    assembler.take(Uint8Array.prototype.slice.call(bytes), Number.POSITIVE_INFINITY);
    return { changes: assembler.changes, bytes: bytes.length };
  }

  #startOf(at: number): number {
    return at === 0 ? this.#start : (this.#ends[at - 1] as number);
  }

  /** The end of the fewest changes from `from` on that have so many bytes; `end` where all have fewer. */
  #enough(from: number, end: number, bytes: number): number {
    const wanted = this.#startOf(from) + bytes;
    let low = from + 1;
    let high = end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#startOf(middle) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
