import type { ConfState, Entry } from '../core/messages.js';
import type { AppendBatch } from '../core/ready.js';
import type { LoadedLog, LogStorage } from '../ports/log-storage.js';
import { needs } from './suite.js';
import { settles } from './transport-ends.js';

/** A place where a log is kept over restarts. */
export interface LogPlace {
  /** Opens the log of this place; the one opened before is closed. Not loaded yet. */
  open(): LogStorage;
  /**
   * The process dies: what is not durable is lost, and nobody is told. Left out: the tests of crashes are skipped.
   */
  crash?(): Promise<void>;
  /** From now on each write of the open log fails, as a disk that broke. Left out: the test of fail-stop is skipped. */
  breakDisk?(): void;
  /** The place is no longer needed. */
  dispose?(): Promise<void>;
}

/** A configuration with something in each of its parts. */
export const markConf: ConfState = {
  voters: [1, 5],
  votersOutgoing: [2],
  learners: [9],
  learnersNext: [2],
  autoLeave: true,
};

/** Drives the log of one place through its lives. */
export class LogUser {
  readonly done: number[] = [];
  readonly #faults: string[] = [];
  readonly #place: LogPlace;
  #log: LogStorage;
  #seq = 0;

  constructor(place: LogPlace) {
    this.#place = place;
    this.#log = place.open();
    this.loaded = this.#log.load();
  }

  loaded: LoadedLog;

  get log(): LogStorage {
    return this.#log;
  }

  append(batch: Partial<AppendBatch>): Promise<void> {
    const seq = ++this.#seq;
    let returned = false;
    const answered = new Promise<void>((resolve, reject) => {
      this.#log.append({ seq, entries: [], mustSync: true, ...batch }, (error) => {
        // A claim thrown here would fall on the log, which called: it is kept, and thrown to whoever waits.
        const wrong = this.#wrongAnswer(seq, returned);
        this.done.push(seq);
        if (wrong !== undefined) this.#faults.push(wrong);
        if (error === undefined) resolve();
        else reject(error);
      });
    });
    returned = true;
    return settles(`batch ${seq} is answered`, answered);
  }

  /** @throws Error the first thing that was wrong about the answers of this log */
  claimAnswers(): void {
    const [fault] = this.#faults;
    claim(fault === undefined, fault ?? '', this.done);
  }

  #wrongAnswer(seq: number, returned: boolean): string | undefined {
    if (!returned) return 'done is not called from inside append';
    if (this.done.includes(seq)) return 'done is called once';
    if (this.done.some((earlier) => earlier > seq)) return 'done is called in the order of the batches';
    return undefined;
  }

  async reopen(): Promise<LoadedLog> {
    await this.#log.close();
    return this.#open();
  }

  /** @throws Skipped */
  needsCrash(): void {
    needs(this.canCrash, 'the place offers no crash');
  }

  get canCrash(): boolean {
    return this.#place.crash !== undefined;
  }

  async crash(): Promise<LoadedLog> {
    await this.#place.crash?.();
    return this.#open();
  }

  /** @throws Skipped */
  needsBreakDisk(): void {
    needs(this.#place.breakDisk !== undefined, 'the place offers no breakDisk');
  }

  breakDisk(): void {
    this.#place.breakDisk?.();
  }

  #open(): LoadedLog {
    this.#log = this.#place.open();
    this.loaded = this.#log.load();
    return this.loaded;
  }
}

/** @throws Error */
export function claim(holds: boolean, what: string, found?: unknown): void {
  if (!holds) throw new Error(`log storage: ${what}${found === undefined ? '' : `, but: ${JSON.stringify(found)}`}`);
}

/** Entries of all kinds and of sizes from 0 to 49 bytes. */
export function entries(from: number, count: number, term: number): Entry[] {
  return Array.from({ length: count }, (_, i): Entry => {
    const data = Uint8Array.from({ length: (from + i) % 50 }, (_byte, at) => (from + i + at) & 255);
    return { index: from + i, term, kind: (['normal', 'conf', 'empty'] as const)[i % 3] ?? 'normal', data };
  });
}

/** As text, so that a Buffer equals a Uint8Array of the same bytes. */
export function text(value: readonly Entry[]): string {
  return value.map(({ index, term, kind, data }) => `${index}.${term}.${kind}.${data.join(',')}`).join(' ');
}

/** @throws Error unless these are the log's entries */
export function claimEntries(loaded: LoadedLog, expected: readonly Entry[]): void {
  claim(text(loaded.entries) === text(expected), `entries are ${text(expected)}`, text(loaded.entries));
}

/** @throws Error unless both are the same as JSON */
export function claimEqual(found: unknown, expected: unknown, what: string): void {
  claim(JSON.stringify(found) === JSON.stringify(expected), `${what} is ${JSON.stringify(expected)}`, found);
}
