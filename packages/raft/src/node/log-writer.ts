import type { RaftCore } from '../core/core.js';
import type { AppendBatch } from '../core/ready.js';
import type { Clock } from '../ports/clock.js';
import type { LogStorage } from '../ports/log-storage.js';
import type { Observer } from '../ports/observer.js';

interface Started {
  readonly batch: AppendBatch;
  readonly atMs: number;
}

type Done = (error?: Error) => void;

/** A batch that says nothing but how far the log is committed, and waits for one that says more. */
interface Held {
  readonly batch: AppendBatch;
  readonly done: Done;
}

/**
 * Batches on their way to the log, oldest first, and how long the oldest has been.
 *
 * That the commit index has moved is not worth a write of its own, with two awakenings: a crash may take it, and a
 * quorum knows it. So it goes with the next batch, or with the next tick.
 */
export class LogWriter {
  readonly #core: RaftCore;
  readonly #storage: LogStorage;
  readonly #clock: Clock;
  readonly #observer: Observer;
  readonly #stalledMs: number;
  readonly #started: Started[] = [];
  #held: Held | undefined;

  /** @param stalledMs a batch that takes longer is a disk that stands still */
  constructor(core: RaftCore, storage: LogStorage, clock: Clock, observer: Observer, stalledMs: number) {
    this.#core = core;
    this.#storage = storage;
    this.#clock = clock;
    this.#observer = observer;
    this.#stalledMs = stalledMs;
  }

  get stalled(): boolean {
    const oldest = this.#started[0];
    return oldest !== undefined && this.#clock.now() - oldest.atMs > this.#stalledMs;
  }

  /** @param done as in the port, but not of a batch that was held when a later one came: of that one only */
  append(batch: AppendBatch, done: Done): void {
    const { hardState = this.#held?.batch.hardState } = batch;
    // The core is told of a later batch alone: with it everything before it is durable.
    this.#held = { batch: hardState === undefined ? batch : { ...batch, hardState }, done };
    if (batch.mustSync) this.flush();
  }

  /** Writes what is held. */
  flush(): void {
    if (this.#held === undefined) return;
    const { batch, done } = this.#held;
    this.#held = undefined;
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
