import { invariant } from '@coterie/errors';
import { changeFrameBytes, changesBefore, ListedRun, type ChangeRun, type RunPart } from './history/change-run.js';
import { FrameRun } from './history/frame-run.js';
import { FrameSpaces, type FrameSpace } from './history/frame-space.js';
import type { StoreLimits } from './store-limits.js';
import type { RevisionEvents } from './types.js';

/** A change with more bytes of frames is kept as it is: to copy it would be too much for one call. */
const copiedBytes = 64 * 1024;
/** Runs in `recentBytes`: how finely it is kept to. */
const recentRuns = 8;

/** What an event costs beside its frame and the value behind it: records, array view, slots in memtable and cache. */
const eventBytes = 250;

/** The memory that a change takes until the next checkpoint, estimated: memtable and cache have its values too. */
export function changeCost({ events }: RevisionEvents, frameBytes: number): number {
  let bytes = frameBytes + events.length * eventBytes;
  // What is kept as it is has them in common with memtable and cache.
  if (frameBytes <= copiedBytes) for (const { after } of events) bytes += after?.value.length ?? 0;
  return bytes;
}

/**
 * The newest changes, in order of revision and without a gap: all since the last checkpoint, because only they hold
 * them until the next one, and a window before it, so that a watch that is only a little behind needs no file.
 *
 * They stand in runs, nearly all of them as the frames that history will write. Runs go as a whole: at the end of a
 * checkpoint some hundred thousand changes go in one turn, and looking at each would fetch what no cache holds any
 * more.
 */
export class RecentChanges {
  #runs: (FrameRun | ListedRun)[] = [];
  readonly #runBytes: number;
  readonly #spaces: FrameSpaces;
  /** That the newest frames stand in. */
  #space: FrameSpace | undefined;
  #bytes = 0;
  #last: number;

  /** @param revision the last revision before these */
  constructor(revision: number, { sliceBytes, recentBytes, checkpointBytes }: StoreLimits) {
    this.#last = revision;
    this.#runBytes = Math.min(sliceBytes, Math.ceil(recentBytes / recentRuns));
    this.#spaces = new FrameSpaces(sliceBytes, checkpointBytes);
  }

  get lastRevision(): number {
    return this.#last;
  }

  /** Everything from this revision on is here. */
  get firstRevision(): number {
    return this.#runs[0]?.revisionAt(0) ?? this.#last + 1;
  }

  /** Of all frames. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes what it needs of the change: its events may change afterwards, but for those of a large one.
   * @returns its cost
   */
  push(change: RevisionEvents): number {
    invariant(change.revision > this.#last, 'revisions grow', { revision: change.revision, last: this.#last });
    invariant(change.events.length > 0, 'a revision changes something', { revision: change.revision });
    this.#last = change.revision;
    const bytes = changeFrameBytes(change);
    if (bytes > copiedBytes) this.#listed().push(change, bytes);
    else this.#framed(bytes).push(change);
    this.#bytes += bytes;
    return changeCost(change, bytes);
  }

  /** Changes in (after, through], as they stand here. */
  between(after: number, through: number): readonly RunPart[] {
    const found: RunPart[] = [];
    for (let at = this.#runOf(after + 1); at < this.#runs.length; at++) {
      const run = this.#runs[at] as ChangeRun;
      const [from, to] = [changesBefore(run, after + 1), changesBefore(run, through + 1)];
      if (to > from) found.push({ run, from, to });
      if (to < run.length) break;
    }
    return found;
  }

  /** From a revision on, about `maxBytes` of them, one at least if there is one. */
  take(from: number, maxBytes: number): readonly RevisionEvents[] {
    const found: RevisionEvents[] = [];
    let left = Math.max(1, maxBytes);
    for (let at = this.#runOf(from); at < this.#runs.length && left > 0; at++) {
      const run = this.#runs[at] as ChangeRun;
      const { changes, bytes } = run.read(changesBefore(run, from), left);
      for (const change of changes) found.push(change);
      left -= bytes;
    }
    return found;
  }

  /**
   * Gives up the oldest runs, up to `through` at the most, while `keepBytes` are left without them. Nobody may read
   * their frames any more.
   */
  trim(through: number, keepBytes: number): void {
    let gone = 0;
    for (; gone < this.#runs.length; gone++) {
      const run = this.#runs[gone] as ChangeRun;
      if (run.revisionAt(run.length - 1) > through || this.#bytes - run.frameBytes < keepBytes) break;
      this.#bytes -= run.frameBytes;
    }
    if (gone === 0) return;
    const unused = spacesOf(this.#runs.slice(0, gone));
    this.#runs = this.#runs.slice(gone);
    for (const space of spacesOf(this.#runs)) unused.delete(space);
    if (this.#space !== undefined) unused.delete(this.#space);
    for (const space of unused) this.#spaces.giveBack(space);
    if (this.#runs.length === 0 && this.#space !== undefined) this.#space.used = 0;
  }

  /** Lets go of memory that it would use again. */
  release(): void {
    this.#spaces.clear();
  }

  #listed(): ListedRun {
    const newest = this.#runs.at(-1);
    if (newest instanceof ListedRun && newest.frameBytes < this.#runBytes) return newest;
    const run = new ListedRun();
    this.#runs.push(run);
    return run;
  }

  /** A run with room for so many bytes. */
  #framed(bytes: number): FrameRun {
    if (this.#space === undefined || bytes > this.#space.left) this.#space = this.#spaces.take(bytes);
    const newest = this.#runs.at(-1);
    if (newest instanceof FrameRun && newest.space === this.#space && newest.frameBytes < this.#runBytes) return newest;
    const run = new FrameRun(this.#space);
    this.#runs.push(run);
    return run;
  }

  /** The first run that holds a revision not below `revision`. */
  #runOf(revision: number): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const run = this.#runs[middle] as ChangeRun;
      if (run.revisionAt(run.length - 1) < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function spacesOf(runs: readonly ChangeRun[]): Set<FrameSpace> {
  const spaces = new Set<FrameSpace>();
  for (const run of runs) if (run instanceof FrameRun) spaces.add(run.space);
  return spaces;
}
