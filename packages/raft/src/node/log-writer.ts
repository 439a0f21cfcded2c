import type { RaftCore } from '../core/core.js';
import type { AppendBatch } from '../core/ready.js';
import type { Clock } from '../ports/clock.js';
import type { LogStorage } from '../ports/log-storage.js';
import type { Observer } from '../ports/observer.js';

interface Started {
  readonly batch: AppendBatch;
  readonly atMs: number;
}

/** Batches on their way to the log, oldest first, and how long the oldest has been. */
export class LogWriter {
  readonly #core: RaftCore;
  readonly #storage: LogStorage;
  readonly #clock: Clock;
  readonly #observer: Observer;
  readonly #stalledMs: number;
  readonly #started: Started[] = [];

  /** @param stalledMs a batch that takes longer is a disk that stands still */
  constructor(core: RaftCore, storage: LogStorage, clock: Clock, observer: Observer, stalledMs: number) {
    this.#core = core;
    this.#storage = storage;
    this.#clock = clock;
    this.#observer = observer;
    this.#stalledMs = stalledMs;
  }

  /** A log may take its time with a batch that nobody waits for, and while this loop stood still it did not see it. */
  get stalled(): boolean {
    const oldest = this.#started.find(({ batch }) => batch.mustSync || batch.entries.length > 0);
    return oldest !== undefined && this.#clock.now() - oldest.atMs > this.#stalledMs;
  }

  /** @param done as in the port: in order, once, never from inside this call */
  append(batch: AppendBatch, done: (error?: Error) => void): void {
    this.#started.push({ batch, atMs: this.#clock.now() });
    this.#tell('started', batch);
    this.#storage.append(batch, done);
  }

  /** The oldest batch is durable, and the core knows. */
  durable(): void {
    const batch = this.#started.shift()?.batch;
    if (batch === undefined) return;
    this.#tell('durable', batch);
    if (batch.hardState !== undefined) this.#observer({ type: 'hardState', ...batch.hardState });
    this.#observer({ type: 'durable', index: this.#core.durableIndex });
  }

  #tell(action: 'started' | 'durable', { seq, entries, mustSync }: AppendBatch): void {
    const [first, last] = [entries[0]?.index ?? 0, entries.at(-1)];
    const range = { first, last: last?.index ?? 0, term: last?.term ?? 0 };
    this.#observer({ type: 'append', action, seq, ...range, mustSync });
  }
}
