import type { KeyEvent, RevisionEvents } from '../types.js';
import { frameBytes, frameTarget, writeFrame } from './event-codec.js';

/** Where a writer of frames stands: event `sub` of change `at`. */
export interface EventPosition {
  readonly at: number;
  readonly sub: number;
}

export interface EncodedFrames {
  readonly bytes: Uint8Array;
  readonly next: EventPosition;
}

export interface ReadChanges {
  readonly changes: readonly RevisionEvents[];
  /** Of their frames. */
  readonly bytes: number;
}

/** Changes that follow each other in order of revision, from which history is written and watches are served. */
export interface ChangeRun {
  /** How many changes. */
  readonly length: number;
  /** Bytes of all their frames. */
  readonly frameBytes: number;
  revisionAt(at: number): number;
  /** The frames of events from a position on, before change `end`: about `maxBytes` of them, one event at least. */
  frames(from: EventPosition, end: number, maxBytes: number): EncodedFrames;
  /** The changes from one on: about `maxBytes` of frames, one change at least. */
  read(from: number, maxBytes: number): ReadChanges;
}

/** Changes [from, to) of a run. */
export interface RunPart {
  readonly run: ChangeRun;
  readonly from: number;
  readonly to: number;
}

/** How many changes of a run are below a revision. */
export function changesBefore(run: ChangeRun, revision: number): number {
  let low = 0;
  let high = run.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (run.revisionAt(middle) < revision) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Bytes of the frames of a change. */
export function changeFrameBytes({ events }: RevisionEvents): number {
  let bytes = 0;
  for (const event of events) bytes += frameBytes(event);
  return bytes;
}

/** Changes as they are: what comes out of a file or a snapshot, and changes too large to be copied in one call. */
export class ListedRun implements ChangeRun {
  readonly #changes: RevisionEvents[];
  #frameBytes = 0;

  constructor(changes: readonly RevisionEvents[] = []) {
    this.#changes = [...changes];
    for (const change of changes) this.#frameBytes += changeFrameBytes(change);
  }

  get length(): number {
    return this.#changes.length;
  }

  get frameBytes(): number {
    return this.#frameBytes;
  }

  push(change: RevisionEvents, bytes: number): void {
    this.#changes.push(change);
    this.#frameBytes += bytes;
  }

  revisionAt(at: number): number {
    return (this.#changes[at] as RevisionEvents).revision;
  }

  frames(from: EventPosition, end: number, maxBytes: number): EncodedFrames {
    const chosen: { readonly change: RevisionEvents; readonly sub: number }[] = [];
    let { at, sub } = from;
    let size = 0;
    while (at < end && (chosen.length === 0 || size < maxBytes)) {
      const change = this.#changes[at] as RevisionEvents;
      size += frameBytes(change.events[sub] as KeyEvent);
      chosen.push({ change, sub });
      if (++sub === change.events.length) {
        at++;
        sub = 0;
      }
    }
    const target = frameTarget(Buffer.allocUnsafe(size));
    let offset = 0;
    for (const { change, sub: position } of chosen) offset = writeFrame(target, offset, change, position);
    return { bytes: target.bytes, next: { at, sub } };
  }

  read(from: number, maxBytes: number): ReadChanges {
    let bytes = 0;
    let to = from;
    while (to < this.#changes.length && (to === from || bytes < maxBytes)) {
      bytes += changeFrameBytes(this.#changes[to++] as RevisionEvents);
    }
    return { changes: this.#changes.slice(from, to), bytes };
  }
}
