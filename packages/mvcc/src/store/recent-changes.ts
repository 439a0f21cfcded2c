import { invariant } from '@coterie/errors';
import { changeBytes } from './change-bytes.js';
import type { RevisionEvents } from './types.js';

/** A removed head of this many is worth moving the rest. */
const compactAt = 1_024;

/**
 * The newest changes, in order of revision and without a gap: all since the last checkpoint, because only they hold
 * them until the next one, and a window before it, so that a watch that is only a little behind needs no file.
 */
export class RecentChanges {
  #changes: RevisionEvents[] = [];
  /** The bytes of each, so that letting many go at once does not look at every event again. */
  #costs: number[] = [];
  #head = 0;
  #bytes = 0;
  #last: number;

  /** @param revision the last revision before these */
  constructor(revision: number) {
    this.#last = revision;
  }

  get lastRevision(): number {
    return this.#last;
  }

  /** Everything from this revision on is here. */
  get firstRevision(): number {
    return this.#changes[this.#head]?.revision ?? this.#last + 1;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(change: RevisionEvents): void {
    invariant(change.revision > this.#last, 'revisions grow', { revision: change.revision, last: this.#last });
    invariant(change.events.length > 0, 'a revision changes something', { revision: change.revision });
    this.#changes.push(change);
    this.#last = change.revision;
    const cost = changeBytes(change);
    this.#costs.push(cost);
    this.#bytes += cost;
  }

  /** Changes in (after, through], as they are: the caller takes them in slices. */
  between(after: number, through: number): readonly RevisionEvents[] {
    return this.#changes.slice(this.#position(after + 1), this.#position(through + 1));
  }

  /** From a revision on, about `maxBytes` of them, one at least if there is one. */
  take(from: number, maxBytes: number): readonly RevisionEvents[] {
    const first = this.#position(from);
    let bytes = 0;
    let at = first;
    for (; at < this.#changes.length && (at === first || bytes < maxBytes); at++) {
      bytes += this.#costs[at] as number;
    }
    return this.#changes.slice(first, at);
  }

  /** Gives up the oldest, up to `through` at the most, until `keepBytes` are left. */
  trim(through: number, keepBytes: number): void {
    for (; this.#head < this.#changes.length && this.#bytes > keepBytes; this.#head++) {
      const oldest = this.#changes[this.#head] as RevisionEvents;
      if (oldest.revision > through) break;
      this.#bytes -= this.#costs[this.#head] as number;
    }
    if (this.#head < compactAt && this.#head < this.#changes.length) return;
    this.#changes = this.#changes.slice(this.#head);
    this.#costs = this.#costs.slice(this.#head);
    this.#head = 0;
  }

  /** The first position whose revision is not below `revision`. */
  #position(revision: number): number {
    let low = this.#head;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle] as RevisionEvents).revision < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
