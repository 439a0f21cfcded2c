import type { AppendBatch, LoadedLog } from '@coterie/raft';
import type { MemberLog } from '../../data-dir/storage.js';

/** Who listens at the port of a log. */
export interface LogListener {
  loaded(log: LoadedLog): void;
  /** @returns what is to be called when the batch is durable, before whoever waits for it hears of it */
  appended(batch: AppendBatch): () => void;
}

/** A log with somebody who listens; it changes nothing. */
export class WatchedLog implements MemberLog {
  readonly #inner: MemberLog;
  readonly #listener: LogListener;

  constructor(inner: MemberLog, listener: LogListener) {
    this.#inner = inner;
    this.#listener = listener;
  }

  get syncCount(): number {
    return this.#inner.syncCount;
  }

  get backlogBytes(): number {
    return this.#inner.backlogBytes;
  }

  get outOfSpace(): boolean {
    return this.#inner.outOfSpace;
  }

  load(): LoadedLog {
    const log = this.#inner.load();
    this.#listener.loaded(log);
    return log;
  }

  append(batch: AppendBatch, done: (error?: Error) => void): void {
    const durable = this.#listener.appended(batch);
    this.#inner.append(batch, (error) => {
      if (error === undefined) durable();
      done(error);
    });
  }

  release(through: { readonly index: number; readonly term: number }): void {
    this.#inner.release(through);
  }

  abandon(): void {
    this.#inner.abandon();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
