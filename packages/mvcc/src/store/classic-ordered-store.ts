import { CoterieError, invariant } from '@coterie/errors';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { storageError } from '../files/storage-error.js';
import { readEitherWay } from './read-either-way.js';
import { systemSharedPool } from './system-shared-pool.js';
import { checkLevelFiles } from './level/check-level-files.js';
import type {
  OrderedBatch,
  OrderedCursor,
  OrderedEntry,
  OrderedRange,
  OrderedSnapshot,
  OrderedStore,
  OrderedStores,
} from './ordered-store.js';

type Level = ClassicLevel<string, Uint8Array>;
type LevelSnapshot = ReturnType<Level['snapshot']>;

/**
 * A checkpoint becomes a few tables, not one for each of its batches: of many small tables with keys from
 * everywhere LevelDB merges the same records again and again. Not larger, so that the newest tables are among those
 * that are checked before a store is opened. Compression costs as much processor time as the rest of that merging.
 */
const writeBufferBytes = 12 * 1024 * 1024;

/** {@link OrderedStores} on LevelDB. */
export const classicOrderedStores: OrderedStores = {
  open: openClassicOrderedStore,
  destroy: (directory) => rm(directory, { recursive: true, force: true, maxRetries: 3 }),
};

/**
 * An {@link OrderedStore} on LevelDB.
 *
 * Keys are handed over as strings, which LevelDB stores as UTF-8: characters up to U+00FF keep their order there, ASCII
 * keys are their own bytes, and a string crosses into native code at about half the cost of a Buffer (ADR 0001).
 *
 * @throws CoterieError ERR_DATA_DIR_IN_USE when another process or store has the directory open; ERR_CORRUPT;
 *   ERR_STORAGE
 */
async function openClassicOrderedStore(directory: string): Promise<OrderedStore> {
  try {
    await checkLevelFiles(directory);
  } catch (error) {
    throw storageError('cannot open the store', error);
  }
  const level: Level = new ClassicLevel(directory, {
    ...{ keyEncoding: 'utf8', valueEncoding: 'view' },
    writeBufferSize: writeBufferBytes,
    compression: false,
  });
  try {
    await level.open();
  } catch (error) {
    throw levelError('cannot open the store', error, directory);
  }
  try {
    const names = await openNames(directory);
    await names?.sync();
    const parent = await openNames(dirname(directory));
    await parent?.sync();
    await parent?.close();
    return new ClassicOrderedStore(level, names);
  } catch (error) {
    await level.close();
    throw levelError('cannot open the store', error);
  }
}

/**
 * A directory as a file that can be synced. LevelDB syncs a new log file but not its name, and POSIX promises neither
 * for the other: a batch counts as durable only when both are. Undefined where the platform keeps names durable by
 * itself and has no such sync (Windows).
 */
async function openNames(directory: string): Promise<FileHandle | undefined> {
  return process.platform === 'win32' ? undefined : open(directory, 'r');
}

class ClassicSnapshot implements OrderedSnapshot {
  #released = false;

  constructor(readonly level: LevelSnapshot) {}

  release(): void {
    if (this.#released) return;
    this.#released = true;
    // It cannot fail: the handle is a number in memory. Reads under way hold it until they are done.
    this.level.close().catch(() => undefined);
  }
}

class ClassicOrderedStore implements OrderedStore {
  readonly #level: Level;
  readonly #names: FileHandle | undefined;
  #closing: Promise<void> | undefined;
  #writtenBytes = 0;

  constructor(level: Level, names: FileHandle | undefined) {
    this.#level = level;
    this.#names = names;
  }

  snapshot(): OrderedSnapshot {
    try {
      return new ClassicSnapshot(this.#level.snapshot());
    } catch (error) {
      throw levelError('cannot take a snapshot', error);
    }
  }

  getSync(key: string, snapshot: OrderedSnapshot | undefined): Uint8Array | undefined {
    try {
      // A Buffer, not the string: for strings classic-level 3.0.0 writes into a shared buffer and takes a key that ends
      // one byte before the buffer's end for complete, although a two-byte character may have been cut off there.
      return this.#level.getSync(Buffer.from(key) as unknown as string, { keyEncoding: 'buffer', ...over(snapshot) });
    } catch (error) {
      throw levelError('cannot read', error);
    }
  }

  getMany(
    keys: readonly string[],
    snapshot: OrderedSnapshot | undefined,
    done: (error: Error | undefined, values: readonly (Uint8Array | undefined)[]) => void,
  ): void {
    const reading = this.#level.getMany(keys as string[], over(snapshot));
    readEitherWay(
      (answer) => settle(reading, 'cannot read', [], answer),
      keys,
      (key) => this.getSync(key, snapshot),
      done,
      systemSharedPool,
    );
  }

  iterate(range: OrderedRange): OrderedCursor {
    try {
      return new ClassicCursor(this.#level, range);
    } catch (error) {
      return new BrokenCursor(levelError('cannot read', error));
    }
  }

  batch(): OrderedBatch {
    try {
      return new ClassicBatch(this.#level, this.#names, (bytes) => (this.#writtenBytes += bytes));
    } catch (error) {
      throw levelError('cannot write', error);
    }
  }

  approximateBytes(start: string, end: string, done: (error: Error | undefined, bytes: number) => void): void {
    settle(this.#level.approximateSize(start, end), 'cannot measure', 0, done);
  }

  close(done: (error: Error | undefined) => void): void {
    this.#closing ??= this.#close();
    settle(this.#closing, 'cannot close', undefined, (error) => {
      done(error);
    });
  }

  async #close(): Promise<void> {
    try {
      // Of a range that holds nothing: LevelDB writes its memory to a table first, and then finds nothing to compact.
      // Where that fails nothing is lost, its log still has everything.
      if (this.#writtenBytes >= settledFromBytes) await this.#level.compactRange('\0', '\0').catch(() => undefined);
      await this.#level.close();
    } finally {
      await this.#names?.close();
    }
  }
}

/**
 * Bytes of batches from which on closing moves them from the log of LevelDB into tables: that of LevelDB's own write
 * buffer. Otherwise the next opening would have to, in its own memory.
 */
const settledFromBytes = 4 * 1024 * 1024;

/** Records in one page; the byte limit is the one that counts for large values. */
const pageRecords = 1_000;

/** What is used of an iterator; the overloads of the library's own type lose the types of key and value. */
interface LevelIterator {
  nextv(size: number): Promise<OrderedEntry[]>;
  close(): Promise<void>;
}

class ClassicCursor implements OrderedCursor {
  readonly #iterator: LevelIterator;
  readonly #pageRecords: number;

  constructor(level: Level, range: OrderedRange) {
    this.#pageRecords = Math.min(pageRecords, range.pageRecords ?? pageRecords);
    this.#iterator = level.iterator({
      gte: range.start,
      lt: range.end,
      reverse: range.reverse,
      highWaterMarkBytes: range.pageBytes,
      fillCache: false,
      ...over(range.snapshot),
    });
  }

  next(done: (error: Error | undefined, page: readonly OrderedEntry[]) => void): void {
    settle(this.#iterator.nextv(this.#pageRecords), 'cannot read', [], done);
  }

  close(): void {
    this.#iterator.close().catch(() => undefined);
  }
}

/** Stands for a cursor that could not be opened, so that `iterate` tells it in one way only. */
class BrokenCursor implements OrderedCursor {
  constructor(private readonly error: Error) {}

  next(done: (error: Error | undefined, page: readonly OrderedEntry[]) => void): void {
    queueMicrotask(() => {
      done(this.error, []);
    });
  }

  close(): void {
    // Nothing is open.
  }
}

class ClassicBatch implements OrderedBatch {
  readonly #batch: ReturnType<Level['batch']> & { put(key: string, value: Uint8Array): unknown };
  #fault: Error | undefined;
  #bytes = 0;

  constructor(
    level: Level,
    private readonly names: FileHandle | undefined,
    private readonly written: (bytes: number) => void,
  ) {
    this.#batch = level.batch();
  }

  put(key: string, value: Uint8Array): void {
    this.#bytes += key.length + value.length;
    this.#guard(() => this.#batch.put(key, value));
  }

  delete(key: string): void {
    this.#guard(() => this.#batch.del(key));
  }

  write(options: { readonly sync: boolean }, done: (error: Error | undefined) => void): void {
    settle(this.#write(options), 'cannot write', undefined, (error) => {
      done(error);
    });
  }

  async #write(options: { readonly sync: boolean }): Promise<void> {
    if (this.#fault !== undefined) throw this.#fault;
    this.written(this.#bytes);
    await this.#batch.write(options);
    if (options.sync) await this.names?.sync();
  }

  discard(): void {
    this.#batch.close().catch(() => undefined);
  }

  /** A store that is closed under a batch is told by `write`, where the writer listens for faults. */
  #guard(change: () => unknown): void {
    if (this.#fault !== undefined) return;
    try {
      change();
    } catch (error) {
      this.#fault = error as Error;
    }
  }
}

function over(snapshot: OrderedSnapshot | undefined): { snapshot?: LevelSnapshot } {
  if (snapshot === undefined) return {};
  invariant(snapshot instanceof ClassicSnapshot, 'a snapshot goes back to the store that took it');
  return { snapshot: snapshot.level };
}

function settle<T>(
  promise: Promise<T>,
  what: string,
  none: T,
  done: (error: Error | undefined, value: T) => void,
): void {
  promise.then(
    (value) => {
      done(undefined, value);
    },
    (error: unknown) => {
      done(levelError(what, error), none);
    },
  );
}

function levelError(what: string, error: unknown, directory?: string): Error {
  const code = codeOf(error);
  const cause = codeOf((error as { cause?: unknown }).cause);
  const message = `${what}: ${String((error as { cause?: unknown }).cause ?? error)}`;
  if (cause === 'LEVEL_LOCKED') {
    const text = `the store in ${directory ?? 'this directory'} is open already, in this process or in another one`;
    return new CoterieError('ERR_DATA_DIR_IN_USE', { message: text, cause: error });
  }
  if (code === 'LEVEL_CORRUPTION' || cause === 'LEVEL_CORRUPTION')
    return new CoterieError('ERR_CORRUPT', { message, cause: error });
  // With a cause it is not closed: it could not be opened.
  if (code?.endsWith('_NOT_OPEN') === true && cause === undefined)
    return new CoterieError('ERR_CLOSED', { message, cause: error });
  return new CoterieError('ERR_STORAGE', { message, cause: error });
}

function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null ? (error as { code?: string }).code : undefined;
}
