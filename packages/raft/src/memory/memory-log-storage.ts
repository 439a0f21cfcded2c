import { CoterieError, invariant } from '@coterie/errors';
import type { ConfState, Entry, Index, Term } from '../core/messages.js';
import type { AppendBatch, HardState } from '../core/ready.js';
import type { LoadedLog, LogStorage } from '../ports/log-storage.js';

/** When a log in memory says that a batch is done. */
export interface MemoryLogStorageOptions {
  /** Calls `fn` once, later: what was appended until then is "durable" together. */
  readonly defer: (fn: () => void) => void;
}

interface Pending {
  readonly batch: AppendBatch;
  readonly bytes: number;
  readonly done: (error?: Error) => void;
}

/**
 * A log that keeps everything in memory: for peers that keep nothing, and for tests.
 *
 * It behaves as one on a disk does, grouping included. After `close` it can be loaded again: what was done is still
 * there, as if the process had started anew; so a test can restart a peer. What {@link crash} finds on its way is lost.
 */
export class MemoryLogStorage implements LogStorage {
  readonly #defer: (fn: () => void) => void;
  #hardState: HardState = { term: 0, vote: 0, commit: 0 };
  #start: { readonly index: Index; readonly term: Term } = { index: 0, term: 0 };
  #conf: ConfState | undefined;
  #entries: Entry[] = [];
  #pending: Pending[] = [];
  #backlogBytes = 0;
  #syncCount = 0;
  #open = false;
  #life = 0;

  constructor({ defer }: MemoryLogStorageOptions) {
    this.#defer = defer;
  }

  get syncCount(): number {
    return this.#syncCount;
  }

  /** Bytes of entries that were given and are not done. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  load(): LoadedLog {
    invariant(!this.#open, 'a log is loaded before the first append, once a life');
    this.#open = true;
    const { index } = this.#start;
    return {
      hardState: { ...this.#hardState, commit: Math.max(this.#hardState.commit, index) },
      start: this.#start,
      ...(this.#conf === undefined ? {} : { conf: this.#conf }),
      entries: [...this.#entries],
    };
  }

  append(batch: AppendBatch, done: (error?: Error) => void): void {
    if (!this.#open) {
      const error = new CoterieError('ERR_CLOSED', { message: 'the log is closed' });
      this.#defer(() => done(error));
      return;
    }
    const bytes = batch.entries.reduce((sum, { data }) => sum + data.length, 0);
    this.#backlogBytes += bytes;
    this.#pending.push({ batch, bytes, done });
    if (this.#pending.length > 1) return;
    const life = this.#life;
    this.#defer(() => {
      if (life === this.#life) this.#flush();
    });
  }

  release(through: { readonly index: Index; readonly term: Term }): void {
    if (!this.#open || through.index <= this.#start.index) return;
    this.#entries = this.#entries.slice(through.index - this.#start.index);
    this.#start = { index: through.index, term: through.term };
  }

  close(): Promise<void> {
    this.#flush();
    this.#open = false;
    this.#life++;
    return Promise.resolve();
  }

  /** The process dies: what is on its way is lost and nobody is told. */
  crash(): void {
    this.#pending = [];
    this.#backlogBytes = 0;
    this.#open = false;
    this.#life++;
  }

  #flush(): void {
    const group = this.#pending;
    this.#pending = [];
    for (const { batch, bytes } of group) {
      this.#take(batch);
      this.#backlogBytes -= bytes;
    }
    if (group.some(({ batch }) => batch.mustSync)) this.#syncCount++;
    for (const { done } of group) done();
  }

  #take({ snapshot, entries, hardState }: AppendBatch): void {
    if (snapshot !== undefined) {
      this.#start = { index: snapshot.index, term: snapshot.term };
      this.#conf = snapshot.conf;
      this.#entries = [];
    }
    const first = entries[0]?.index;
    if (first !== undefined) {
      const kept = first - this.#start.index - 1;
      invariant(kept >= 0 && kept <= this.#entries.length, 'entries follow the log or replace its end', { first });
      this.#entries.length = kept;
      for (const entry of entries) this.#entries.push(entry);
    }
    if (hardState !== undefined) this.#hardState = hardState;
  }
}
