import { randomBytes } from 'node:crypto';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadOptions } from './worker-messages.js';

/** One put of the system that is measured. */
export type Put = (key: string, value: string) => Promise<unknown>;

/** Puts that go on until they are stopped, and what is counted of them. */
export interface Load {
  /** In microseconds. */
  readonly histogram: RecordableHistogram;
  readonly errors: Readonly<Record<string, number>>;
  readonly puts: number;
  /** Forgets what was counted. */
  reset(): void;
  stop(): Promise<void>;
}

/** So many different values, and random ones, so that nothing compresses them away. */
export const differentValues = 1024;
/** An open loop begins what has become due so often. */
const tickMs = 1;
/** A client that was refused waits for so long. */
const refusedMs = 5;

/** Values of this size that do not compress. */
export function randomValues(bytes: number): readonly string[] {
  return Array.from({ length: differentValues }, () => randomBytes(bytes).toString('base64').slice(0, bytes));
}

/** The name of the n-th key of the key space. */
export const keyName = (n: number): string => `bench/${n}`;

/**
 * Puts on random keys, as closed loops or as an open one.
 *
 * The open one counts the time of a put from when it was due, not from when it was begun: a pause then shows in all the
 * puts that would have been made meanwhile (no coordinated omission).
 */
export class PutLoad implements Load {
  readonly histogram: RecordableHistogram = createHistogram();
  errors: Record<string, number> = {};
  puts = 0;
  readonly #put: Put;
  readonly #options: LoadOptions;
  readonly #values: readonly string[];
  #stopping = false;
  #open = 0;
  readonly #running: Promise<unknown>;

  constructor(put: Put, options: LoadOptions) {
    this.#put = put;
    this.#options = options;
    this.#values = randomValues(options.valueBytes);
    const { perSecond, clients } = options;
    this.#running =
      perSecond === undefined
        ? Promise.all(Array.from({ length: clients }, () => this.#client()))
        : this.#arrivals(perSecond);
  }

  reset(): void {
    this.histogram.reset();
    this.errors = {};
    this.puts = 0;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  async #client(): Promise<void> {
    while (!this.#stopping) {
      await this.#one(performance.now());
    }
  }

  async #arrivals(perSecond: number): Promise<void> {
    const begun = performance.now();
    let count = 0;
    while (!this.#stopping) {
      for (; begun + (count * 1000) / perSecond <= performance.now(); count++) {
        const due = begun + (count * 1000) / perSecond;
        if (this.#open < this.#options.clients) void this.#one(due);
        else this.#failed('not begun: too many open');
      }
      await sleep(tickMs);
    }
    while (this.#open > 0) await sleep(tickMs);
  }

  async #one(due: number): Promise<void> {
    const key = keyName(Math.floor(Math.random() * this.#options.keys));
    const value = this.#values[Math.floor(Math.random() * differentValues)]!;
    this.#open++;
    try {
      await this.#put(key, value);
      this.puts++;
      this.histogram.record(Math.max(1, Math.round((performance.now() - due) * 1000)));
    } catch (error) {
      this.#failed((error as { code?: unknown }).code ?? error);
      // As any caller does who was refused.
      await sleep(refusedMs);
    } finally {
      this.#open--;
    }
  }

  #failed(code: unknown): void {
    const name = String(code);
    this.errors[name] = (this.errors[name] ?? 0) + 1;
  }
}
