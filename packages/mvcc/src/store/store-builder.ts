import type { FileSystem } from '../files/file-system.js';
import { encodeCheckpoint } from './checkpoint-record.js';
import { completion } from './completion.js';
import { emptyManifest } from './history/manifest.js';
import type { OrderedStore, OrderedStores } from './ordered-store.js';
import { encodeRecord } from './record-codec.js';
import { StoreDirectory } from './store-directory.js';
import { checkpointKey, storedKey } from './stored-keys.js';
import { SyncedBatches } from './synced-batches.js';
import type { KeyedRecord, StoreState } from './types.js';

/**
 * Builds a store without history in an empty directory. The record of the checkpoint goes last and `CURRENT` after it:
 * what a crash leaves before is no store.
 */
export class StoreBuilder {
  readonly #directory: StoreDirectory;
  readonly #store: OrderedStore;
  readonly #batches: SyncedBatches;

  private constructor(directory: StoreDirectory, store: OrderedStore) {
    this.#directory = directory;
    this.#store = store;
    this.#batches = new SyncedBatches(store);
  }

  /** @throws CoterieError ERR_STORAGE */
  static async begin(files: FileSystem, ordered: OrderedStores, path: string): Promise<StoreBuilder> {
    const directory = new StoreDirectory(files, path);
    files.mkdir(directory.storePath(1));
    return new StoreBuilder(directory, await ordered.open(directory.orderedPath(1)));
  }

  /** One call at a time. */
  async add(items: readonly KeyedRecord[]): Promise<void> {
    for (const { key, record } of items) await this.#batches.put(storedKey(key), encodeRecord(record));
  }

  /** Durable and current when it resolves. */
  async finish(state: StoreState): Promise<void> {
    await this.#batches.flush();
    await this.#batches.put(checkpointKey, encodeCheckpoint({ state, history: emptyManifest }));
    await this.#batches.flush();
    await this.close();
    this.#directory.makeCurrent(1);
  }

  /** Once, unless it was finished. */
  async close(): Promise<void> {
    this.#batches.discard();
    await completion<undefined>((done) => {
      this.#store.close(done);
    });
  }
}
