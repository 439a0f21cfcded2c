import { CoterieError } from '@coterie/errors';
import { completion } from '../store/completion.js';
import { ContentSum } from '../store/content-sum.js';
import { checkRecord } from '../store/record-codec.js';
import type { Store } from '../store/store.js';
import type { BinaryKey, KeyedRecord, KeyEvent, RevisionEvents } from '../store/types.js';

/** What a scrub reads from: the store, and what the replicated state says it holds. */
export interface ScrubSource {
  readonly store: Pick<Store, 'view' | 'changes'>;
  /** The sum that apply keeps, as of the last applied entry. */
  content(): ContentSum;
  revision(): number;
  compactRevision(): number;
}

/** What one slice of a scrub did. `done` and `left` count keys, or revisions of the history. */
export interface ScrubStep {
  readonly part: 'keys' | 'history';
  readonly bytes: number;
  readonly done: number;
  readonly left: number;
  /** With this slice a whole round is over: everything was read once. */
  readonly roundEnded: boolean;
}

/** Bytes of one slice: a few milliseconds of the event loop at the most, its disk read not counted. */
const sliceBytes = 128 * 1024;

/** Changes that may come while one slice is read; beyond it the slice is read again later. */
const changesPerSlice = 10_000;

interface Slice {
  /** Changes of keys from the cursor on: whether the slice holds them is known when it has been read. */
  readonly late: KeyEvent[];
  tooMany: boolean;
}

/**
 * Reads everything that the store keeps, a slice at a time: what nobody asks for rots unseen (etcd has its checks off
 * by default, and its users found out years later).
 *
 * Each record is held against its checksum on the way. Their sum is held against the one that apply keeps, because a
 * record that is missing, or is an older one with its own good checksum, shows in no other way. The sum is not of one
 * pinned revision, since a view that is pinned for as long as a slow scrub takes would hold disk space and memory: what
 * was read already follows every change instead, so that behind the last slice it is the sum of the present state.
 * (`late` changes are those of the keys that are being read: they count only where the slice has come to.)
 */
export class Scrub {
  readonly #source: ScrubSource;
  #sum = new ContentSum();
  /** Keys before it have been read. */
  #cursor: BinaryKey = '';
  #slice: Slice | undefined;
  /** The next revision of the history to be read; undefined while keys are. */
  #revision: number | undefined;
  #firstRevision = 0;
  #lives = 0;
  #running: Promise<ScrubStep | undefined> | undefined;
  #closed = false;

  constructor(source: ScrubSource) {
    this.#source = source;
  }

  /** The state has been replaced: a new round begins. */
  restart(): void {
    this.#lives++;
    this.#begin();
  }

  /** Called with every change as it is applied. */
  applied({ events }: RevisionEvents): void {
    if (this.#revision !== undefined) return;
    for (const event of events) {
      if (event.key < this.#cursor) this.#sum.change(event);
      else if (this.#slice !== undefined) this.#takeLate(this.#slice, event);
    }
  }

  /**
   * Reads the next slice. One call at a time; a second one meanwhile does nothing.
   *
   * @throws CoterieError ERR_CORRUPT when a record is damaged, or records are missing or too many; what a read throws
   *   otherwise (ERR_OVERLOADED, ERR_STORAGE, ERR_CLOSED), after which the same slice is read again
   */
  async step(): Promise<ScrubStep | undefined> {
    if (this.#running !== undefined || this.#closed) return undefined;
    this.#running = this.#revision === undefined ? this.#keys() : this.#history(this.#revision);
    try {
      return await this.#running;
    } finally {
      this.#running = undefined;
      this.#slice = undefined;
    }
  }

  /** Resolves when no file is read any more. Before the store is closed, which does not wait for readers. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running?.catch(() => undefined);
  }

  async #keys(): Promise<ScrubStep | undefined> {
    const life = this.#lives;
    const slice: Slice = (this.#slice = { late: [], tooMany: false });
    // Opened in the same turn: every change behind this view is in `late`.
    const page = await this.#readPage();
    if (life !== this.#lives || slice.tooMany) return undefined;
    let bytes = 0;
    for (const { key, record } of page) {
      checkRecord(key, record);
      this.#sum.add(record.crc32c);
      bytes += key.length + record.value.length;
    }
    const last = page.at(-1)?.key;
    for (const event of slice.late) if (last === undefined || event.key <= last) this.#sum.change(event);
    const { keys } = this.#source.content();
    if (last !== undefined) {
      this.#cursor = `${last}\0`;
      return this.#step('keys', bytes, this.#sum.keys, Math.max(1, keys - this.#sum.keys));
    }
    this.#compare();
    this.#firstRevision = this.#source.compactRevision();
    this.#revision = this.#firstRevision;
    return this.#step('keys', bytes, keys, 0);
  }

  async #readPage(): Promise<readonly KeyedRecord[]> {
    const view = this.#source.store.view();
    try {
      const pages = view.scan({ range: { start: this.#cursor }, reverse: false, pageBytes: sliceBytes });
      for await (const page of pages) return page;
      return [];
    } finally {
      await view.close();
    }
  }

  #compare(): void {
    const content = this.#source.content();
    if (this.#sum.equals(content)) return;
    const message =
      `the store holds ${this.#sum.keys} keys of sum ${this.#sum.sum.toString(16)}; ` +
      `what was applied makes ${content.keys} keys of sum ${content.sum.toString(16)}`;
    throw new CoterieError('ERR_CORRUPT', { message });
  }

  async #history(asked: number): Promise<ScrubStep | undefined> {
    const life = this.#lives;
    // What was compacted since is nobody's any more.
    const from = Math.max(asked, this.#source.compactRevision());
    let read: { readonly changes: readonly RevisionEvents[]; readonly next: number };
    try {
      read = await completion((done) => {
        this.#source.store.changes(from, sliceBytes, (error, changes, next) => {
          done(error, { changes, next });
        });
      });
    } catch (error) {
      if (error instanceof CoterieError && error.code === 'ERR_COMPACTED') return undefined;
      throw error;
    }
    if (life !== this.#lives) return undefined;
    const { changes, next } = read;
    this.#revision = next;
    const left = this.#source.revision() + 1 - next;
    if (changes.length === 0 || left <= 0) {
      this.#begin();
      return { ...this.#step('history', 0, next - this.#firstRevision, 0), roundEnded: true };
    }
    let bytes = 0;
    for (const { events } of changes) for (const event of events) bytes += checkEvent(event);
    return this.#step('history', bytes, next - this.#firstRevision, left);
  }

  #step(part: ScrubStep['part'], bytes: number, done: number, left: number): ScrubStep {
    return { part, bytes, done, left, roundEnded: false };
  }

  #takeLate(slice: Slice, event: KeyEvent): void {
    if (slice.late.length < changesPerSlice) slice.late.push(event);
    else slice.tooMany = true;
  }

  #begin(): void {
    this.#sum = new ContentSum();
    this.#cursor = '';
    this.#revision = undefined;
  }
}

/** @returns its bytes. @throws CoterieError ERR_CORRUPT */
function checkEvent({ key, after, before }: KeyEvent): number {
  for (const record of [after, before]) if (record !== undefined) checkRecord(key, record);
  return key.length + (after?.value.length ?? 0) + (before?.value.length ?? 0);
}
