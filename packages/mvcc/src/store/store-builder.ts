import type { FileSystem } from '../files/file-system.js';
import { encodeCheckpoint } from './checkpoint-record.js';
import { completion } from './completion.js';
import { emptyManifest } from './history/manifest.js';
import type { OrderedBatch, OrderedStore, OrderedStores } from './ordered-store.js';
import { encodeRecord } from './record-codec.js';
import { StoreDirectory } from './store-directory.js';
import { checkpointKey, storedKey } from './stored-keys.js';
import type { KeyedRecord, StoreState } from './types.js';

/** Bytes of records in one batch: each batch is synced, so that no later one can survive it. */
const batchBytes = 4 * 1024 * 1024;

/**
 * Builds a store without history in an empty directory. The record of the checkpoint goes last and `CURRENT` after it:
 * what a crash leaves before is no store.
 */
export class StoreBuilder {
  readonly #directory: StoreDirectory;
  readonly #store: OrderedStore;
  #batch: OrderedBatch | undefined;
  #inBatch = 0;

  private constructor(directory: StoreDirectory, store: OrderedStore) {
    this.#directory = directory;
    this.#store = store;
  }

  /** @throws CoterieError ERR_STORAGE */
  static async begin(files: FileSystem, ordered: OrderedStores, path: string): Promise<StoreBuilder> {
    const directory = new StoreDirectory(files, path);
    files.mkdir(directory.storePath(1));
    return new StoreBuilder(directory, await ordered.open(directory.orderedPath(1)));
  }

  /** One call at a time. */
  async add(items: readonly KeyedRecord[]): Promise<void> {
    for (const { key, record } of items) await this.#write(storedKey(key), encodeRecord(record));
  }

  /** Durable and current when it resolves. */
  async finish(state: StoreState): Promise<void> {
    await this.#flush();
    await this.#write(checkpointKey, encodeCheckpoint({ state, history: emptyManifest }));
    await this.#flush();
    await this.close();
    this.#directory.makeCurrent(1);
  }

  /** Once, unless it was finished. */
  async close(): Promise<void> {
    this.#batch?.discard();
    this.#batch = undefined;
    await completion<undefined>((done) => {
      this.#store.close(done);
    });
  }

  async #write(key: string, value: Uint8Array): Promise<void> {
    this.#batch ??= this.#store.batch();
    this.#batch.put(key, value);
    this.#inBatch += key.length + value.length;
    if (this.#inBatch >= batchBytes) await this.#flush();
  }

  async #flush(): Promise<void> {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#batch = undefined;
    this.#inBatch = 0;
    await completion<undefined>((done) => {
      batch.write({ sync: true }, done);
    });
  }
}
