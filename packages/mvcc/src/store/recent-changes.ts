import { invariant } from '@coterie/errors';
import { changeBytes } from './change-bytes.js';
import type { RevisionEvents } from './types.js';

/** Changes of one run: they are let go of by the run, and one by one within the oldest only. */
const runChanges = 1_024;

/** Changes that follow each other, and the bytes of each: letting them go does not look at every event again. */
interface Run {
  readonly changes: RevisionEvents[];
  readonly costs: number[];
  bytes: number;
}

/**
 * The newest changes, in order of revision and without a gap: all since the last checkpoint, because only they hold
 * them until the next one, and a window before it, so that a watch that is only a little behind needs no file.
 *
 * They stand in runs: at the end of a checkpoint some hundred thousand go in one turn, and looking at each would fetch
 * what no cache holds any more.
 */
export class RecentChanges {
  #runs: Run[] = [];
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
    return this.#runs[0]?.changes[0]?.revision ?? this.#last + 1;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(change: RevisionEvents): void {
    invariant(change.revision > this.#last, 'revisions grow', { revision: change.revision, last: this.#last });
    invariant(change.events.length > 0, 'a revision changes something', { revision: change.revision });
    this.#last = change.revision;
    const cost = changeBytes(change);
    let run = this.#runs.at(-1);
    if (run === undefined || run.changes.length >= runChanges) {
      run = { changes: [], costs: [], bytes: 0 };
      this.#runs.push(run);
    }
    run.changes.push(change);
    run.costs.push(cost);
    run.bytes += cost;
    this.#bytes += cost;
  }

  /**
   * Changes in (after, through], in runs as they stand here: one list of a hundred thousand takes 10 ms to make. They
   * must be used before `trim`.
   */
  between(after: number, through: number): readonly (readonly RevisionEvents[])[] {
    const found: (readonly RevisionEvents[])[] = [];
    for (let at = this.#runOf(after + 1); at < this.#runs.length; at++) {
      const { changes } = this.#runs[at] as Run;
      const [from, to] = [changesBefore(changes, after + 1), changesBefore(changes, through + 1)];
      // The newest run still grows.
      const whole = from === 0 && to === runChanges;
      if (to > from) found.push(whole ? changes : changes.slice(from, to));
      if (to < changes.length) break;
    }
    return found;
  }

  /** From a revision on, about `maxBytes` of them, one at least if there is one. */
  take(from: number, maxBytes: number): readonly RevisionEvents[] {
    const found: RevisionEvents[] = [];
    let bytes = 0;
    for (let at = this.#runOf(from); at < this.#runs.length; at++) {
      const { changes, costs } = this.#runs[at] as Run;
      for (let i = changesBefore(changes, from); i < changes.length; i++) {
        if (found.length > 0 && bytes >= maxBytes) return found;
        bytes += costs[i] as number;
        found.push(changes[i] as RevisionEvents);
      }
    }
    return found;
  }

  /** Gives up the oldest, up to `through` at the most, until `keepBytes` are left. */
  trim(through: number, keepBytes: number): void {
    let whole = 0;
    for (; whole < this.#runs.length; whole++) {
      const { changes, bytes } = this.#runs[whole] as Run;
      if ((changes.at(-1) as RevisionEvents).revision > through || this.#bytes - bytes < keepBytes) break;
      this.#bytes -= bytes;
    }
    if (whole > 0) this.#runs = this.#runs.slice(whole);
    const oldest = this.#runs[0];
    if (oldest !== undefined) this.#trimRun(oldest, through, keepBytes);
  }

  #trimRun(run: Run, through: number, keepBytes: number): void {
    const { changes, costs } = run;
    let gone = 0;
    for (; gone < changes.length && this.#bytes > keepBytes; gone++) {
      if ((changes[gone] as RevisionEvents).revision > through) break;
      this.#bytes -= costs[gone] as number;
      run.bytes -= costs[gone] as number;
    }
    if (gone === changes.length) {
      this.#runs = this.#runs.slice(1);
      return;
    }
    changes.splice(0, gone);
    costs.splice(0, gone);
  }

  /** The first run that holds a revision not below `revision`. */
  #runOf(revision: number): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (((this.#runs[middle] as Run).changes.at(-1) as RevisionEvents).revision < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** How many of them, which are in order, are below a revision. */
export function changesBefore(changes: readonly RevisionEvents[], revision: number): number {
  let low = 0;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((changes[middle] as RevisionEvents).revision < revision) low = middle + 1;
    else high = middle;
  }
  return low;
}
