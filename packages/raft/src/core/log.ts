import { CoterieError, invariant } from '@coterie/errors';
import type { Entry, Index, Term } from './messages.js';

/** What an entry weighs beside its data, in bytes, so that a page of empty entries has an end too. */
const entryOverheadBytes = 16;

/** Freed slots in front of the log are cut off once there are this many and they are the greater part. */
const trimSlotsMin = 1024;

const none: readonly Entry[] = Object.freeze([]);

/** Where two logs may still agree: an index, and the term there (0 when it is not known). */
export interface LogPoint {
  readonly index: Index;
  readonly term: Term;
}

function corrupt(message: string): never {
  throw new CoterieError('ERR_CORRUPT', { message });
}

/**
 * The log in memory, behind `start`, and how far its entries have got.
 *
 * ```
 *   start   applied <= handed <= commit   last
 *     |        |          |        |        |
 *     +--------+----------+--------+--------+
 *                     staged: first entry that the storage has not been given yet
 * ```
 *
 * `applied`: the state machine holds it. `handed`: given out to be applied. Commit and storage are independent of each
 * other: a quorum without us may commit what our own disk does not hold yet (thesis §10.2.1).
 */
export class RaftLog {
  startIndex: Index;
  startTerm: Term;
  commit: Index;
  handed: Index;
  applied: Index;
  staged: Index;
  /** Bytes of data held, for limits and metrics. */
  bytes = 0;

  // Entry i stands in slot head + i - startIndex - 1. Slots before `head` are compacted: emptied at once, cut off now
  // and then, so that compaction costs what it drops and never the length of the log.
  private slots: (Entry | undefined)[] = [];
  private head = 0;

  // Followers that keep pace are sent the same entries, so they share one array; a transport can see that by identity.
  private sharedFrom: Index = 0;
  private sharedLast: Index = 0;
  private sharedMax = 0;
  private shared: readonly Entry[] = none;

  constructor(start: LogPoint, entries: readonly Entry[], commit: Index, applied: Index) {
    this.startIndex = start.index;
    this.startTerm = start.term;
    let term = start.term;
    for (const entry of entries) {
      const expected = this.lastIndex + 1;
      if (entry.index !== expected) corrupt(`the log holds entry ${entry.index} where ${expected} belongs`);
      if (entry.term < term) corrupt(`the term falls from ${term} to ${entry.term} at entry ${entry.index}`);
      term = entry.term;
      this.slots.push(entry);
      this.bytes += entry.data.length;
    }
    if (applied < start.index) corrupt(`the log starts behind ${start.index}, the state machine ends at ${applied}`);
    if (applied > this.lastIndex) corrupt(`the state machine is at ${applied}, the log ends at ${this.lastIndex}`);
    if (commit > this.lastIndex) corrupt(`entry ${commit} is committed, the log ends at ${this.lastIndex}`);
    // The commit index alone is never synced, so the state machine may know better (etcd's MustSync rule).
    this.commit = Math.max(commit, applied);
    this.applied = applied;
    this.handed = applied;
    this.staged = this.lastIndex + 1;
  }

  get firstIndex(): Index {
    return this.startIndex + 1;
  }

  get lastIndex(): Index {
    return this.startIndex + this.slots.length - this.head;
  }

  get lastTerm(): Term {
    return this.slots.length === this.head ? this.startTerm : (this.slots[this.slots.length - 1] as Entry).term;
  }

  /**
   * The term at `index`; undefined where it is compacted or beyond the end. Unknown is never 0 (etcd commit 76f1249).
   */
  termAt(index: Index): Term | undefined {
    if (index === this.startIndex) return this.startTerm;
    return this.entryAt(index)?.term;
  }

  entryAt(index: Index): Entry | undefined {
    return index <= this.startIndex ? undefined : this.slots[this.head + index - this.startIndex - 1];
  }

  matches(index: Index, term: Term): boolean {
    return this.termAt(index) === term;
  }

  /** Whether a log that ends in (index, term) holds everything that ours may have committed (Raft §5.4.1). */
  isUpToDate(index: Index, term: Term): boolean {
    const ours = this.lastTerm;
    return term > ours || (term === ours && index >= this.lastIndex);
  }

  /**
   * The last index at or before `index` whose term does not exceed `term`: the highest at which a log with that term
   * there can still agree with ours. Both sides skip whole terms this way, so divergent tails cost one probe a term and
   * not one an entry.
   *
   * Worked case: a follower with terms 1 1 3 3 3 3 refuses a probe at index 6 with term 2. Nothing of term 3 can match,
   * so it answers with index 2, term 1, and the leader skips its own terms above 1 the same way.
   */
  findConflict(index: Index, term: Term): LogPoint {
    for (let at = index; at > 0; at--) {
      const ours = this.termAt(at);
      if (ours === undefined) return { index: at, term: 0 };
      if (ours <= term) return { index: at, term: ours };
    }
    return { index: 0, term: 0 };
  }

  /** Puts `entries` at the end, replacing everything from the first of them on. */
  append(entries: readonly Entry[], from = 0): void {
    const first = (entries[from] as Entry).index;
    const last = this.lastIndex;
    invariant(first > this.commit && first <= last + 1, 'an append touches no committed entry and leaves no gap', {
      first,
      commit: this.commit,
      last,
    });
    if (first <= last) this.truncateFrom(first);
    if (first < this.staged) this.staged = first;
    for (let i = from; i < entries.length; i++) {
      const entry = entries[i] as Entry;
      invariant(entry.index === first + i - from, 'appended entries are contiguous', { at: entry.index, first });
      this.slots.push(entry);
      this.bytes += entry.data.length;
    }
  }

  /** The snapshot takes the place of everything: the log is empty behind it. */
  restore(index: Index, term: Term): void {
    invariant(index > this.commit, 'a snapshot only moves forward', { index, commit: this.commit });
    this.slots = [];
    this.head = 0;
    this.bytes = 0;
    this.startIndex = index;
    this.startTerm = term;
    this.commit = index;
    this.handed = index;
    this.staged = index + 1;
    this.shared = none;
    this.sharedFrom = 0;
  }

  commitTo(index: Index): void {
    if (index <= this.commit) return;
    invariant(index <= this.lastIndex, 'what is committed is in the log', { index, last: this.lastIndex });
    this.commit = index;
  }

  /** Drops entries up to `through`; its term stays readable, since the next append may refer to it. */
  compact(through: Index): void {
    if (through <= this.startIndex) return;
    invariant(through <= this.applied && through < this.staged, 'only applied entries are compacted', {
      through,
      applied: this.applied,
      staged: this.staged,
    });
    const term = this.termAt(through) as Term;
    const keep = this.head + through - this.startIndex;
    for (let slot = this.head; slot < keep; slot++) {
      this.bytes -= (this.slots[slot] as Entry).data.length;
      this.slots[slot] = undefined;
    }
    this.head = keep;
    if (this.head >= trimSlotsMin && this.head * 2 >= this.slots.length) {
      this.slots.splice(0, this.head);
      this.head = 0;
    }
    this.startIndex = through;
    this.startTerm = term;
  }

  /**
   * The lowest index behind which at most `entries` entries up to `through` remain, with at most `bytes` of data; not
   * before the start of the log.
   */
  windowBefore(through: Index, entries: number, bytes: number): Index {
    const lowest = Math.max(this.startIndex, through - entries);
    let at = through;
    for (let left = bytes; at > lowest; at--) {
      left -= this.entryAt(at)?.data.length ?? 0;
      if (left < 0) break;
    }
    return at;
  }

  /** Entries from `from` to `to`, as many as `maxBytes` takes and one at least. */
  page(from: Index, to: Index, maxBytes: number): readonly Entry[] {
    if (from > to) return none;
    const page: Entry[] = [];
    let bytes = 0;
    for (let index = from; index <= to; index++) {
      const entry = this.entryAt(index);
      invariant(entry !== undefined, 'a page lies inside the log', {
        index,
        first: this.firstIndex,
        last: this.lastIndex,
      });
      bytes += entry.data.length + entryOverheadBytes;
      if (bytes > maxBytes && page.length > 0) break;
      page.push(entry);
    }
    return page;
  }

  /** As `page` to the end of the log, but the array is the same for everybody who asks for the same entries. */
  sharedPage(from: Index, maxBytes: number): readonly Entry[] {
    const last = this.lastIndex;
    if (from > last) return none;
    if (from !== this.sharedFrom || last !== this.sharedLast || maxBytes !== this.sharedMax) {
      this.shared = this.page(from, last, maxBytes);
      this.sharedFrom = from;
      this.sharedLast = last;
      this.sharedMax = maxBytes;
    }
    return this.shared;
  }

  private truncateFrom(first: Index): void {
    const length = this.head + first - this.startIndex - 1;
    for (let slot = length; slot < this.slots.length; slot++) this.bytes -= (this.slots[slot] as Entry).data.length;
    this.slots.length = length;
    this.shared = none;
    this.sharedFrom = 0;
  }
}

/** Bytes of data in `entries`. */
export function dataBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.data.length;
  return bytes;
}
