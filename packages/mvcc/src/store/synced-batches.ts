import { completion } from './completion.js';
import type { OrderedBatch, OrderedStore } from './ordered-store.js';

/** Bytes of records in one batch. */
const batchBytes = 4 * 1024 * 1024;

/**
 * Fills a store with more than one batch should hold. Each batch is synced before the next one is written, so that a
 * crash leaves the first of them and no later one.
 */
export class SyncedBatches {
  readonly #store: OrderedStore;
  #batch: OrderedBatch | undefined;
  #bytes = 0;

  constructor(store: OrderedStore) {
    this.#store = store;
  }

  /** @throws CoterieError ERR_STORAGE */
  put(key: string, value: Uint8Array): Promise<void> {
    this.#begun().put(key, value);
    return this.#counted(key.length + value.length);
  }

  /** @throws CoterieError ERR_STORAGE */
  delete(key: string): Promise<void> {
    this.#begun().delete(key);
    return this.#counted(key.length);
  }

  /** All that was put is durable when it resolves. @throws CoterieError ERR_STORAGE */
  async flush(): Promise<void> {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#batch = undefined;
    this.#bytes = 0;
    await completion<undefined>((done) => {
      batch.write({ sync: true }, done);
    });
  }

  #begun(): OrderedBatch {
    return (this.#batch ??= this.#store.batch());
  }

  async #counted(bytes: number): Promise<void> {
    this.#bytes += bytes;
    if (this.#bytes >= batchBytes) await this.flush();
  }

  /** Gives up what is not flushed. */
  discard(): void {
    this.#batch?.discard();
    this.#batch = undefined;
    this.#bytes = 0;
  }
}
