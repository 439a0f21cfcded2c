import { CoterieError } from '@coterie/errors';
import type { ConfState, Entry, HardState, LoadedLog } from '@coterie/raft';
import { recordTypes } from './format.js';
import { decodeEntry, decodeHardState, decodeRelease, decodeSnapshot, groupOf, type LogPosition } from './payloads.js';
import type { ReadRecord } from './segment-reader.js';

const nowhere: LogPosition = { index: 0, term: 0 };

/** Rebuilds the log from its records in the order in which they were written. */
export class ReplayedLog {
  readonly #group: number;
  #hardState: HardState = { term: 0, vote: 0, commit: 0 };
  #start = nowhere;
  #conf: ConfState | undefined;
  #entries: Entry[] = [];

  constructor(group: number) {
    this.#group = group;
  }

  /** The position up to which nothing is needed any more. */
  get start(): LogPosition {
    return this.#start;
  }

  /** @returns false for a record that this log cannot hold */
  replay({ type, payload, view }: ReadRecord): boolean {
    if (type === recordTypes.carry || type === recordTypes.metadata || type === recordTypes.nothing) return true;
    if (groupOf(view) !== this.#group) return false;
    if (type === recordTypes.entry) return this.#addEntry(decodeEntry(payload, view));
    if (type === recordTypes.hardState) return taken(decodeHardState(view), (state) => (this.#hardState = state));
    if (type === recordTypes.snapshot) return taken(decodeSnapshot(view), (mark) => this.#restart(mark));
    if (type === recordTypes.release) return taken(decodeRelease(view), (through) => this.#release(through));
    return false;
  }

  /**
   * The log as it stands after the last record.
   * @throws CoterieError ERR_CORRUPT when entries are missing
   */
  finish(): LoadedLog {
    const { index, term } = this.#start;
    const first = this.#entries[0]?.index ?? index + 1;
    // The start may lie before, in or behind what the segments hold: segments are removed whole, and a crash can come
    // before the removal.
    if (first > index + 1) throw missing(index + 1, first - 1);
    const entryAtStart = this.#entries[index - first];
    if (entryAtStart !== undefined && entryAtStart.term !== term) {
      throw new CoterieError('ERR_CORRUPT', {
        message: `the log starts at ${index} of term ${term}, its entry says ${entryAtStart.term}`,
      });
    }
    const entries = this.#entries.slice(index + 1 - first);
    // What is released or in a snapshot was committed, whatever the last hard state says: they share a batch or come
    // later.
    const commit = Math.max(this.#hardState.commit, index);
    const last = index + entries.length;
    if (commit > last) throw missing(last + 1, commit);
    return {
      hardState: { ...this.#hardState, commit },
      start: this.#start,
      ...(this.#conf === undefined ? {} : { conf: this.#conf }),
      entries,
    };
  }

  /** An entry replaces the one of its index and everything behind it: a new leader overwrote an uncommitted end. */
  #addEntry(entry: Entry | undefined): boolean {
    if (entry === undefined) return false;
    const first = this.#entries[0]?.index ?? entry.index;
    if (entry.index > first + this.#entries.length) throw missing(first + this.#entries.length, entry.index - 1);
    this.#entries.length = Math.max(0, entry.index - first);
    this.#entries.push(entry);
    return true;
  }

  /**
   * A received snapshot: whatever log there was, it goes on from here. Heads repeat the mark, which then is behind the
   * start or at it.
   */
  #restart({ index, term, conf }: LogPosition & { readonly conf: ConfState }): void {
    if (index <= this.#start.index && this.#conf !== undefined) return;
    this.#conf = conf;
    if (index < this.#start.index) return;
    this.#start = { index, term };
    this.#entries = [];
  }

  #release(through: LogPosition): void {
    if (through.index > this.#start.index) this.#start = through;
  }
}

/** @returns whether there was something to take */
function taken<T>(found: T | undefined, take: (found: T) => void): boolean {
  if (found === undefined) return false;
  take(found);
  return true;
}

function missing(from: number, to: number): Error {
  return new CoterieError('ERR_CORRUPT', { message: `the log lacks entries ${from} to ${to}` });
}
