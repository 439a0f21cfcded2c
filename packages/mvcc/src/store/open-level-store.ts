import { CoterieError } from '@coterie/errors';
import type { BackgroundFiles } from '../files/background-files.js';
import type { FileSystem } from '../files/file-system.js';
import { storageError } from '../files/storage-error.js';
import { initialCheckpoint, type CheckpointRecord } from './checkpoint-record.js';
import type { Defer } from './completion.js';
import { reconcileHistory } from './history/history.js';
import { LevelStore } from './level-store.js';
import type { OrderedStore, OrderedStores } from './ordered-store.js';
import { StoreDirectory } from './store-directory.js';
import { resolveStoreLimits, type StoreLimits } from './store-limits.js';
import type { Store } from './store.js';
import { recoverCheckpoint } from './recover-checkpoint.js';

/** What a store is opened with. Time and disks come in here, so that a simulator owns both. */
export interface OpenLevelStoreOptions {
  /** Made when it is missing. It belongs to one process at a time. */
  readonly directory: string;
  readonly files: FileSystem;
  readonly background: BackgroundFiles;
  readonly ordered: OrderedStores;
  /** Runs a function after what already waits on the event loop: `setImmediate`. */
  readonly defer: Defer;
  readonly limits?: Partial<StoreLimits>;
  /**
   * The log holds nothing up to this index, so the store must; default 0. When the store that counts is behind it, a
   * received snapshot that is complete is taken instead: the process died between the mark in the log and making the
   * snapshot current.
   */
  readonly minAppliedIndex?: number;
}

type Opening = OpenLevelStoreOptions & { readonly limits: StoreLimits };

interface Found {
  readonly number: number;
  readonly store: OrderedStore;
  readonly checkpoint: CheckpointRecord | undefined;
}

/**
 * Opens the store of a directory at its last checkpoint, or makes it.
 *
 * @throws CoterieError ERR_CORRUPT when the state is damaged, or older than `minAppliedIndex`; ERR_DATA_DIR_IN_USE;
 *   ERR_STORAGE; ERR_INVALID_ARGUMENT for a bad limit
 */
export async function openLevelStore(options: OpenLevelStoreOptions): Promise<Store> {
  const limits = resolveStoreLimits(options.limits);
  const directory = new StoreDirectory(options.files, options.directory);
  let found: Found | undefined;
  try {
    options.files.mkdir(options.directory);
    directory.removeLeftovers();
    found = await findStore(directory, { ...options, limits });
    const checkpoint = found.checkpoint ?? initialCheckpoint;
    reconcileHistory(options.files, directory.storePath(found.number), checkpoint.history);
    await removeOthers(directory, options, found.number);
    const { number, store } = found;
    return new LevelStore({
      directory,
      number,
      files: { directory: directory.storePath(number), store, checkpoint },
      background: options.background,
      ordered: options.ordered,
      defer: options.defer,
      limits,
    });
  } catch (error) {
    if (found !== undefined) await closeStore(found.store);
    throw storageError('cannot open the store', error);
  }
}

async function findStore(directory: StoreDirectory, options: Opening): Promise<Found> {
  const { minAppliedIndex = 0 } = options;
  const current = directory.current();
  if (current !== undefined) {
    const found = await openStore(directory, options, current);
    if (appliedIndex(found) >= minAppliedIndex) return found;
    await closeStore(found.store);
  }
  for (const number of directory.numbers().reverse()) {
    if (number === current) continue;
    const found = await openStore(directory, options, number);
    try {
      if (isMissingState(current, found, minAppliedIndex)) {
        directory.makeCurrent(number);
        return found;
      }
    } catch (error) {
      await closeStore(found.store);
      throw error;
    }
    await closeStore(found.store);
  }
  if (current !== undefined || minAppliedIndex > 0) {
    const message = `the store is behind entry ${minAppliedIndex}, where the log begins: state is missing`;
    throw new CoterieError('ERR_CORRUPT', { message });
  }
  return createStore(directory, options);
}

/**
 * A store that CURRENT does not name may be taken only in the place of one that is behind the log. Where nothing is
 * current although a complete store is there, CURRENT is lost, and which of several stores counted is not to be
 * guessed.
 */
function isMissingState(current: number | undefined, found: Found, minAppliedIndex: number): boolean {
  if (found.checkpoint === undefined) return false;
  if (current === undefined && minAppliedIndex === 0) {
    throw new CoterieError('ERR_CORRUPT', { message: `store-${found.number} holds a state, but CURRENT is missing` });
  }
  return appliedIndex(found) >= minAppliedIndex;
}

async function createStore(directory: StoreDirectory, options: Opening): Promise<Found> {
  const number = (directory.numbers().at(-1) ?? 0) + 1;
  const found = await openStore(directory, options, number);
  // Last: what has no CURRENT has never been used.
  directory.makeCurrent(number);
  return found;
}

async function openStore(directory: StoreDirectory, options: Opening, number: number): Promise<Found> {
  options.files.mkdir(directory.storePath(number));
  const store = await options.ordered.open(directory.orderedPath(number));
  try {
    return { number, store, checkpoint: await recoverCheckpoint(store, directory.storePath(number), options) };
  } catch (error) {
    await closeStore(store);
    throw error;
  }
}

function appliedIndex(found: Found): number {
  return found.checkpoint?.state.appliedIndex ?? 0;
}

async function removeOthers(directory: StoreDirectory, options: OpenLevelStoreOptions, keep: number): Promise<void> {
  for (const number of directory.numbers()) {
    if (number === keep) continue;
    directory.removeHistory(number);
    await options.ordered.destroy(directory.storePath(number));
  }
}

/** On the way out of an error: what closing it says adds nothing. */
function closeStore(store: OrderedStore): Promise<void> {
  return new Promise((resolve) => {
    store.close(() => {
      resolve();
    });
  });
}
