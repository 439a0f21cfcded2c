import { CoterieError } from '@coterie/errors';
import type { EngineStream, RawBatch, WatchRequest } from '../engine/engine.js';
import type { LateWatch } from './catch-up.js';
import type { SizedBatch } from './fan-out.js';
import { type InitialState } from './initial-state.js';
import { batchBytes } from './watch-events.js';

/** What a watch needs of its hub. */
export interface WatchSource {
  /** The last revision that live watches have been offered, or are being offered. */
  readonly offering: number;
  /** Bytes that a watch holds for a slow reader. */
  readonly watchBytes: number;
  /** Revisions without an event after which a watch with `progress` is told where it stands. */
  readonly progressRevisions: number;
  /** From now on `offer` is called for what matches. */
  goLive(watch: Watch): void;
  /** `offer` is not called any more. */
  goBehind(watch: Watch): void;
  /** It is behind and its consumer waits: `take` is called for what it missed, then `arrived`, or `fail`. */
  wantChanges(watch: Watch): void;
  closed(watch: Watch): void;
}

/**
 * One watch: batches wait in it until its consumer pulls them.
 *
 * It is either live (the hub offers it what is applied) or behind (it is given earlier changes from the store, a chunk
 * whenever the consumer has taken everything). It falls behind when it starts at an earlier revision, and when its
 * consumer is slower than the writes and `watchBytes` are waiting. `#next` is the first revision not yet looked at: it
 * only grows, and whatever comes from either side below it is passed over, so that nothing is repeated, reordered or
 * left out.
 */
export class Watch implements EngineStream<RawBatch>, LateWatch {
  readonly request: WatchRequest;
  readonly #source: WatchSource;
  #queue: RawBatch[] | undefined;
  #bytes = 0;
  #next: number;
  #live = false;
  /** A chunk of the store, or a page of the initial state, is on its way. */
  #loading = false;
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
    if (initial === undefined && next > source.offering) this.#goLive();
  }

  get position(): number {
    return this.#next;
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
    this.#queue = undefined;
    this.#end(undefined);
  }

  // ------------------------------------------------------------------------------------------------ what the hub tells

  /** A batch of a revision that was applied. The consumer is woken by `flush`. */
  offer({ batch, bytes }: SizedBatch): void {
    if (!this.wants(batch.revision)) return;
    if (this.#queue !== undefined && this.#bytes + bytes > this.#source.watchBytes) {
      this.#overflow(batch.revision);
      return;
    }
    this.#add(batch, bytes);
  }

  /** Whether it is live and has not looked at this revision yet. */
  wants(revision: number): boolean {
    return this.#live && this.#next <= revision;
  }

  /** Everything up to this revision has been offered: a bookmark for a consumer that has heard nothing for long. */
  progress(revision: number): void {
    if (!this.#live || this.#queue !== undefined || revision <= this.#told) return;
    this.#next = Math.max(this.#next, revision + 1);
    this.#bookmark(revision);
    this.flush();
  }

  /** Hands what waits to the consumer that waits. */
  flush(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    if (this.#queue !== undefined) {
      const batches = this.#queue;
      this.#queue = undefined;
      this.#bytes = 0;
      this.#waiting = undefined;
      waiting.resolve(batches);
    } else if (this.#ended !== undefined) {
      this.#waiting = undefined;
      if (this.#ended.error === undefined) waiting.resolve(undefined);
      else waiting.reject(this.#ended.error);
    }
  }

  // ------------------------------------------------------------------------------------------------------- catching up

  take({ batch, bytes }: SizedBatch): void {
    this.#add(batch, bytes);
  }

  arrived(next: number): void {
    this.#loading = false;
    if (this.#ended !== undefined) return;
    this.#next = Math.max(this.#next, next);
    // Chunks without an event for it may be many: one that starts again goes on behind them.
    const { request } = this;
    const quiet = this.#next - 1 - this.#told;
    if (request.progress && this.#queue === undefined && quiet >= this.#source.progressRevisions) {
      this.#bookmark(this.#next - 1);
    }
    this.#caughtUp();
  }

  /** What it missed, or what it was to be offered next, cannot be read. What waits is handed out before. */
  fail(error: unknown): void {
    this.#loading = false;
    this.#end(error);
  }

  #overflow(revision: number): void {
    if (this.request.overflow === 'resume') {
      this.#fallBehind(revision);
      return;
    }
    const message = `the consumer is slower than the writes; everything before revision ${revision} was handed out`;
    this.#end(new CoterieError('ERR_WATCH_OVERFLOW', { message, revision: revision - 1 }));
  }

  #load(): void {
    if (this.#loading || this.#live || this.#ended !== undefined) return;
    this.#loading = true;
    if (this.#initial !== undefined) this.#loadInitial(this.#initial);
    else this.#source.wantChanges(this);
  }

  #loadInitial(initial: InitialState): void {
    initial.page(this.request).then(
      (batch) => {
        this.#loading = false;
        if (this.#ended !== undefined) return;
        if (batch.kind === 'synced') this.#initial = undefined;
        this.#push(batch);
        this.#caughtUp();
      },
      (error: unknown) => {
        this.fail(error);
      },
    );
  }

  /** After a load: live when nothing is left, else on with the next chunk if the consumer still waits. */
  #caughtUp(): void {
    if (this.#initial === undefined && this.#next > this.#source.offering) this.#goLive();
    this.flush();
    if (this.#waiting !== undefined) this.#load();
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

  #bookmark(revision: number): void {
    this.#told = revision;
    this.#push({ kind: 'progress', revision, events: [] });
  }

  #add(batch: RawBatch, bytes: number): void {
    this.#next = batch.revision + 1;
    this.#told = batch.revision;
    this.#bytes += bytes;
    if (this.#queue === undefined) this.#queue = [batch];
    else this.#queue.push(batch);
  }

  /** What is no change: it waits alone. */
  #push(batch: RawBatch): void {
    this.#bytes += batchBytes(batch);
    if (this.#queue === undefined) this.#queue = [batch];
    else this.#queue.push(batch);
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
