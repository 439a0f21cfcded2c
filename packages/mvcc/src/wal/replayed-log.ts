import { CoterieError } from '@coterie/errors';
import type { ConfState, Entry, HardState, LoadedLog } from '@coterie/raft';
import { recordTypes } from './format.js';
import {
  decodeEntry,
  decodeHardState,
  decodeRelease,
  decodeSnapshot,
  entryPosition,
  groupOf,
  type LogPosition,
} from './payloads.js';
import { TermRuns } from './term-runs.js';

const nowhere: LogPosition = { index: 0, term: 0 };
const noChange = (): void => undefined;

/** Rebuilds the log from its records in the order in which they were written. */
export class ReplayedLog {
  readonly #group: number;
  readonly #keep: boolean;
  readonly #runs = new TermRuns();
  #hardState: HardState = { term: 0, vote: 0, commit: 0 };
  #start = nowhere;
  #conf: ConfState | undefined;
  #entries: Entry[] = [];

  /** @param keep whether the entries are wanted, or only where they begin and end */
  constructor(group: number, keep = true) {
    this.#group = group;
    this.#keep = keep;
  }

  /** The position up to which nothing is needed any more. */
  get start(): LogPosition {
    return this.#start;
  }

  /** The last entry, or the position that the log starts from. */
  get lastIndex(): number {
    return this.#runs.first === undefined ? this.#start.index : Math.max(this.#start.index, this.#runs.last);
  }

  /**
   * Reads a record, keeping none of its bytes.
   *
   * @returns what makes it count, for when its batch is known to be whole; undefined for what this log cannot hold
   */
  decode(type: number, payload: Uint8Array, view: DataView): (() => void) | undefined {
    if (type === recordTypes.carry || type === recordTypes.metadata || type === recordTypes.nothing) return noChange;
    if (groupOf(view) !== this.#group) return undefined;
    if (type === recordTypes.entry) {
      const entry = this.#keep ? decodeEntry(payload, view) : entryPosition(view);
      return entry && ((): void => this.#addEntry(entry));
    }
    if (type === recordTypes.hardState) {
      const state = decodeHardState(view);
      return state && ((): void => void (this.#hardState = state));
    }
    if (type === recordTypes.snapshot) {
      const mark = decodeSnapshot(view);
      return mark && ((): void => this.#restart(mark));
    }
    if (type !== recordTypes.release) return undefined;
    const through = decodeRelease(view);
    return through && ((): void => this.#release(through));
  }

  /**
   * The log as it stands after the last record; without entries where they are not kept.
   * @throws CoterieError ERR_CORRUPT when entries are missing
   */
  finish(): LoadedLog {
    const { index, term } = this.#start;
    const first = this.#runs.first ?? index + 1;
    // The start may lie before, in or behind what the segments hold: segments are removed whole, and a crash can come
    // before the removal.
    if (first > index + 1) throw missing(index + 1, first - 1);
    const termAtStart = this.#runs.termAt(index);
    if (termAtStart !== undefined && termAtStart !== term) {
      throw new CoterieError('ERR_CORRUPT', {
        message: `the log starts at ${index} of term ${term}, its entry says ${termAtStart}`,
      });
    }
    // What is released or in a snapshot was committed, whatever the last hard state says: they share a batch or come
    // later.
    const commit = Math.max(this.#hardState.commit, index);
    const last = this.lastIndex;
    if (commit > last) throw missing(last + 1, commit);
    return {
      hardState: { ...this.#hardState, commit },
      start: this.#start,
      ...(this.#conf === undefined ? {} : { conf: this.#conf }),
      entries: this.#entries.slice(index + 1 - first),
    };
  }

  /** An entry replaces the one of its index and everything behind it: a new leader overwrote an uncommitted end. */
  #addEntry(entry: Entry | LogPosition): void {
    const { index, term } = entry;
    const { first = index, last } = this.#runs;
    if (this.#runs.first !== undefined && index > last + 1) throw missing(last + 1, index - 1);
    this.#runs.put(index, term);
    if (!('data' in entry)) return;
    this.#entries.length = Math.max(0, index - first);
    this.#entries.push(entry);
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
    this.#runs.clear();
    this.#entries = [];
  }

  #release(through: LogPosition): void {
    if (through.index > this.#start.index) this.#start = through;
  }
}

function missing(from: number, to: number): Error {
  return new CoterieError('ERR_CORRUPT', { message: `the log lacks entries ${from} to ${to}` });
}
