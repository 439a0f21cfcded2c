import type { Peer } from 'coterie';
import { randomBytes } from 'node:crypto';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { LoadOptions } from './member-messages.js';

/** Different ones, and random, so that nothing compresses them away. */
const differentValues = 1024;

/** Closed loops of puts on random keys: each client waits for its answer before it asks again. */
export class PutLoad {
  /** Latency of each put, in microseconds. */
  readonly histogram: RecordableHistogram = createHistogram();
  errors: Record<string, number> = {};
  puts = 0;
  readonly #peer: Peer;
  readonly #options: LoadOptions;
  readonly #values: readonly string[];
  #stopping = false;
  readonly #clients: Promise<void>[];

  constructor(peer: Peer, options: LoadOptions) {
    this.#peer = peer;
    this.#options = options;
    this.#values = Array.from({ length: differentValues }, () =>
      randomBytes(options.valueBytes).toString('base64').slice(0, options.valueBytes),
    );
    this.#clients = Array.from({ length: options.clients }, () => this.#client());
  }

  /** Forgets what was counted. */
  reset(): void {
    this.histogram.reset();
    this.errors = {};
    this.puts = 0;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#clients);
  }

  async #client(): Promise<void> {
    const { keys } = this.#options;
    while (!this.#stopping) {
      const key = `bench/${Math.floor(Math.random() * keys)}`;
      const value = this.#values[Math.floor(Math.random() * differentValues)]!;
      const begun = performance.now();
      try {
        await this.#peer.put(key, value);
        this.puts++;
        this.histogram.record(Math.max(1, Math.round((performance.now() - begun) * 1000)));
      } catch (error) {
        const code = (error as { code?: string }).code ?? String(error);
        this.errors[code] = (this.errors[code] ?? 0) + 1;
      }
    }
  }
}
