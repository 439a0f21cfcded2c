import { CoterieError } from '@coterie/errors';
import type { EngineStream, RawBatch, WatchRequest } from '../engine/engine.js';
import type { RevisionEvents } from '../store/types.js';
import { type InitialState } from './initial-state.js';
import { batchBytes, changeBatch } from './watch-events.js';

/** What a watch needs of its hub. */
export interface WatchSource {
  /** The last revision that was published. */
  readonly revision: number;
  readonly compactRevision: number;
  /** Bytes that a watch holds for a slow reader. */
  readonly watchBytes: number;
  changes(
    from: number,
    maxBytes: number,
    done: (error: Error | undefined, changes: readonly RevisionEvents[], next: number) => void,
  ): void;
  /** Runs later, after everything that waits on the event loop. */
  defer(fn: () => void): void;
  /** From now on `offer` is called for what matches. */
  goLive(watch: Watch): void;
  /** `offer` is not called any more. */
  goBehind(watch: Watch): void;
  closed(watch: Watch): void;
}

/** What one read of earlier changes asks for: small enough that going through it does not hold up the event loop. */
const catchUpBytes = 256 * 1024;

/**
 * One watch: batches wait in it until its consumer pulls them.
 *
 * It is either live (the hub offers it each batch at apply) or behind (it reads earlier changes from the store, one
 * chunk whenever the consumer has taken everything). It falls behind when it starts at an earlier revision, when its
 * consumer is slower than the writes and `watchBytes` are waiting, and when a snapshot has replaced the state. `#next`
 * is the first revision not yet looked at: it only grows, and whatever comes from either side below it is passed over,
 * so that nothing is repeated, reordered or left out.
 */
export class Watch implements EngineStream<RawBatch> {
  readonly request: WatchRequest;
  readonly #source: WatchSource;
  #queue: RawBatch[] = [];
  #bytes = 0;
  #next: number;
  #live = false;
  /** The chunk of the store, or the page of the initial state, that is on its way. */
  #loading: object | undefined;
  #initial: InitialState | undefined;
  /** Up to where the consumer knows that it has seen everything. */
  #told: number;
  #waiting:
    | { readonly resolve: (batches: readonly RawBatch[] | undefined) => void; readonly reject: (e: unknown) => void }
    | undefined;
  #ended: { readonly error: unknown } | undefined;

  /** @param next the first revision that the watch is to see */
  constructor(source: WatchSource, request: WatchRequest, next: number, initial: InitialState | undefined) {
    this.#source = source;
    this.request = request;
    this.#next = next;
    this.#told = next - 1;
    this.#initial = initial;
    this.#push({ kind: 'opened', revision: next - 1, events: [] });
    if (initial === undefined && next > source.revision) this.#goLive();
  }

  next(): Promise<readonly RawBatch[] | undefined> {
    if (this.#waiting !== undefined) {
      return Promise.reject(
        new CoterieError('ERR_INVALID_ARGUMENT', {
          message: 'a watch has one consumer, which asks once at a time',
          argument: 'next',
        }),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.flush();
      if (this.#waiting !== undefined) this.#load();
    });
  }

  close(): void {
    if (this.#ended !== undefined) return;
    this.#queue = [];
    this.#end(undefined);
  }

  // ------------------------------------------------------------------------------------------------ what the hub tells

  /** A batch of a revision, at apply. The consumer is woken by `flush`, after the whole entry. */
  offer(batch: RawBatch): void {
    if (!this.#live || batch.revision < this.#next) return;
    const bytes = batchBytes(batch);
    if (this.#queue.length > 0 && this.#bytes + bytes > this.#source.watchBytes) {
      this.#overflow(batch.revision);
      return;
    }
    this.#next = batch.revision + 1;
    this.#told = batch.revision;
    this.#queue.push(batch);
    this.#bytes += bytes;
  }

  /** Everything up to this revision has been offered: a bookmark for a consumer that has heard nothing for long. */
  progress(revision: number): void {
    if (!this.#live || this.#queue.length > 0 || revision <= this.#told) return;
    this.#next = Math.max(this.#next, revision + 1);
    this.#told = revision;
    this.#push({ kind: 'progress', revision, events: [] });
    this.flush();
  }

  /** Hands what waits to the consumer that waits. */
  flush(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    if (this.#queue.length > 0) {
      const batches = this.#queue;
      this.#queue = [];
      this.#bytes = 0;
      this.#waiting = undefined;
      waiting.resolve(batches);
    } else if (this.#ended !== undefined) {
      this.#waiting = undefined;
      if (this.#ended.error === undefined) waiting.resolve(undefined);
      else waiting.reject(this.#ended.error);
    }
  }

  /**
   * A snapshot replaced the state: what it skipped is read from its history.
   *
   * @param revision where the state stood before
   */
  rebind(revision: number): void {
    if (this.#live) this.#fallBehind(revision + 1);
    // What the store that was replaced still owes may never come; what comes of it all the same is not heard.
    if (this.#initial === undefined) this.#loading = undefined;
    if (this.#waiting !== undefined) this.#load();
  }

  // ------------------------------------------------------------------------------------------------------- catching up

  #overflow(revision: number): void {
    if (this.request.overflow === 'resume') {
      this.#fallBehind(revision);
      return;
    }
    const message = `the consumer is slower than the writes; everything before revision ${revision} was handed out`;
    this.#end(new CoterieError('ERR_WATCH_OVERFLOW', { message, revision: revision - 1 }));
  }

  #load(): void {
    if (this.#loading !== undefined || this.#live || this.#ended !== undefined) return;
    if (this.#initial !== undefined) this.#loadInitial(this.#initial);
    else this.#loadChanges();
  }

  #loadInitial(initial: InitialState): void {
    this.#loading = initial;
    initial.page(this.request).then(
      (batch) => {
        this.#loading = undefined;
        if (this.#ended !== undefined) return;
        if (batch.kind === 'synced') this.#initial = undefined;
        this.#push(batch);
        this.#caughtUp();
      },
      (error: unknown) => {
        this.#loading = undefined;
        this.#end(error);
      },
    );
  }

  #loadChanges(): void {
    const { compactRevision } = this.#source;
    // Reads at the compact revision are still possible: etcd's bound.
    if (this.#next < compactRevision) {
      const message = `revision ${this.#next} is compacted; the oldest is ${compactRevision}`;
      this.#end(new CoterieError('ERR_COMPACTED', { message, compactRevision }));
      return;
    }
    const loading = {};
    this.#loading = loading;
    this.#source.changes(this.#next, Math.min(catchUpBytes, this.#source.watchBytes), (error, changes, next) => {
      if (this.#loading !== loading || this.#ended !== undefined) return;
      this.#loading = undefined;
      if (error !== undefined) {
        this.#end(error);
        return;
      }
      for (const change of changes) {
        const batch = changeBatch(change, this.request);
        if (batch !== undefined) this.#push(batch);
        this.#next = change.revision + 1;
      }
      this.#next = Math.max(this.#next, next);
      this.#caughtUp();
    });
  }

  /** After a load: live when nothing is left, else on with the next chunk if the consumer still waits. */
  #caughtUp(): void {
    if (this.#initial === undefined && this.#next > this.#source.revision) this.#goLive();
    this.flush();
    // Chunks without an event for this watch may be many: each leaves the event loop to others.
    if (this.#waiting !== undefined && !this.#live) this.#source.defer(() => this.#load());
  }

  #goLive(): void {
    this.#live = true;
    this.#source.goLive(this);
  }

  /** @param next a live watch has seen everything before it, also where nothing was for it */
  #fallBehind(next: number): void {
    this.#next = Math.max(this.#next, next);
    this.#live = false;
    this.#source.goBehind(this);
  }

  #push(batch: RawBatch): void {
    this.#queue.push(batch);
    this.#bytes += batchBytes(batch);
    if (batch.kind === 'change') this.#told = batch.revision;
  }

  /** @param error undefined: a normal end. What waits is handed out before it. */
  #end(error: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    if (this.#live) this.#fallBehind(this.#next);
    this.#initial?.close();
    this.#initial = undefined;
    this.#source.closed(this);
    this.flush();
  }
}
