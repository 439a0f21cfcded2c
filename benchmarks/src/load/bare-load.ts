import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { Load } from './put-load.js';

/** Closed loops of clients that do nothing besides: the same put each time, and the time that it took. */
export class BareLoad implements Load {
  readonly histogram: RecordableHistogram = createHistogram();
  readonly errors = {};
  puts = 0;
  readonly #put: () => Promise<void>;
  readonly #running: Promise<unknown>;
  #stopping = false;

  constructor(put: () => Promise<void>, clients: number) {
    this.#put = put;
    this.#running = Promise.all(Array.from({ length: clients }, () => this.#client()));
  }

  reset(): void {
    this.histogram.reset();
    this.puts = 0;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  async #client(): Promise<void> {
    while (!this.#stopping) {
      const begun = performance.now();
      await this.#put();
      this.puts++;
      this.histogram.record(Math.max(1, Math.round((performance.now() - begun) * 1000)));
    }
  }
}
