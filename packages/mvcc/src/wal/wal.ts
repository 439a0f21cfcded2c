import { CoterieError, invariant } from '@coterie/errors';
import type { AppendBatch, Entry, LoadedLog, LogStorage } from '@coterie/raft';
import type { FileSystem } from '../files/file-system.js';
import { storageError } from '../files/storage-error.js';
import { segmentBytesMax, segmentBytesMin } from './format.js';
import { loadLog, type LoadResult } from './load-log.js';
import {
  batchBytes,
  encodeBatch,
  encodeRelease,
  entryDataBytesMax,
  releaseBatchBytes,
  type LogPosition,
} from './payloads.js';
import type { WalRunner } from './wal-runner.js';

/** How many bytes may be given and not be done. Whoever appends stays well below, by {@link Wal.backlogBytes}. */
export const backlogBytesMax = 64 * 1024 * 1024;
const defaultSegmentBytes = 64 * 1024 * 1024;
const metadataBytesMax = 64 * 1024;

/** What a log is opened with. */
export interface WalOptions {
  /** A directory for the log alone. */
  readonly dir: string;
  readonly fs: FileSystem;
  /** Who writes: a {@link ThreadWalRunner} or an {@link InlineWalRunner}, of this log alone. */
  readonly runner: WalRunner;
  /** Who owns this log; opaque, at most 64 KiB. A log of another owner is refused. */
  readonly metadata: Uint8Array;
  /** Size of a segment, 4 KiB to 1 GiB. Default: 64 MiB. */
  readonly segmentBytes?: number;
  /** The raft group, an unsigned 32-bit integer. Default: 0. */
  readonly group?: number;
  /** Whether a missing log is a new one. Give false where one must be there: then it is ERR_CORRUPT. Default: true. */
  readonly create?: boolean;
}

/** A log whose entries are read when they are needed. */
export interface LogToReplay {
  /** The last entry before the log's first. */
  readonly start: LogPosition;
  /** Of the last entry; the start's where there is none. */
  readonly lastIndex: number;
  /** The entries behind an index, to the last one. To be read before anything is appended. */
  behind(index: number): Generator<Entry, void>;
}

type Done = (error?: Error) => void;

interface Batch {
  readonly bytes: number;
  readonly encode: (into: Uint8Array, view: DataView) => void;
  readonly done: Done;
}

/**
 * The log on disk: entries, hard states and snapshot marks in one ordered stream of checksummed segments, with group
 * commit.
 *
 * While one group of batches is being synced the next one gathers; there is no timer. A batch counts whole or not at
 * all after a crash. After the first error nothing more is accepted (fail-stop). `docs/wal-format.md` describes the
 * files.
 */
export class Wal implements LogStorage {
  readonly #options: WalOptions;
  readonly #runner: WalRunner;
  readonly #group: number;
  /** With the runner, in order. */
  #published: Batch[] = [];
  /** Batches that the runner has no room for yet, in order. */
  #waiting: Batch[] = [];
  #backlogBytes = 0;
  #released = 0;
  #loaded = false;
  #error: Error | undefined;
  #closing: Promise<void> | undefined;
  #drained: (() => void) | undefined;

  private constructor(options: WalOptions) {
    this.#options = options;
    this.#runner = options.runner;
    this.#group = options.group ?? 0;
  }

  /** Touches no file yet. @throws CoterieError ERR_INVALID_ARGUMENT */
  static open(options: WalOptions): Wal {
    const { metadata, segmentBytes = defaultSegmentBytes, group = 0 } = options;
    const sized = Number.isInteger(segmentBytes) && segmentBytes >= segmentBytesMin && segmentBytes <= segmentBytesMax;
    if (!sized) throw invalid('segmentBytes', `${segmentBytes} is not an integer from 4 KiB to 1 GiB`);
    if (group !== group >>> 0) throw invalid('group', `${group} is not an unsigned 32-bit integer`);
    if (metadata.length > metadataBytesMax) throw invalid('metadata', 'it is longer than 64 KiB');
    return new Wal({ ...options, segmentBytes, group });
  }

  /** @throws CoterieError ERR_CORRUPT, ERR_STORAGE; ERR_DATA_DIR_MISMATCH for the log of another owner */
  load(): LoadedLog {
    return this.#load(true).log;
  }

  /**
   * As {@link load}, for a log of which every entry is committed and is applied once: checks all of it without keeping
   * it, and reads the entries again one by one as they are asked for.
   *
   * @throws CoterieError as load; reading entries throws ERR_CORRUPT and ERR_STORAGE
   */
  loadToReplay(): LogToReplay {
    const { log, lastIndex, entries } = this.#load(false);
    return { start: log.start, lastIndex, behind: (index) => this.#reading(entries.behind(index)) };
  }

  #load(keepEntries: boolean): LoadResult {
    invariant(!this.#loaded && this.#closing === undefined, 'a log is loaded once');
    this.#loaded = true;
    const { dir, fs, metadata, segmentBytes = defaultSegmentBytes, create = true } = this.#options;
    try {
      const found = loadLog({ dir, fs, metadata, segmentBytes, group: this.#group, create, keepEntries });
      this.#released = found.log.start.index;
      this.#runner.start(found.writer, {
        completed: (batches) => this.#complete(batches),
        failed: (error) => this.#fail(error),
      });
      return found;
    } catch (error) {
      this.#error = this.#unreadable(error);
      throw this.#error;
    }
  }

  *#reading(entries: Iterable<Entry>): Generator<Entry, void> {
    try {
      yield* entries;
    } catch (error) {
      throw this.#unreadable(error);
    }
  }

  #unreadable(error: unknown): Error {
    return storageError(`the log in ${this.#options.dir} cannot be read`, error);
  }

  /**
   * Beyond the contract: throws before anything is taken when an entry is larger than {@link entryDataBytesMax}.
   *
   * @throws CoterieError ERR_TOO_LARGE
   */
  append(batch: AppendBatch, done: Done): void {
    invariant(this.#loaded, 'a log is loaded before it is written');
    if (batch.entries.some(({ data }) => data.length > entryDataBytesMax)) {
      throw new CoterieError('ERR_TOO_LARGE', {
        message: 'an entry is too large for the log',
        limit: entryDataBytesMax,
      });
    }
    const refusal = this.#error ?? (this.#closing === undefined ? undefined : closed());
    if (refusal !== undefined) {
      queueMicrotask(() => done(refusal));
      return;
    }
    const bytes = batchBytes(batch);
    const fits = this.#backlogBytes === 0 || this.#backlogBytes + bytes <= backlogBytesMax;
    invariant(fits, 'the backlog of the log is bounded', { backlogBytes: this.#backlogBytes, bytes });
    this.#submit({ bytes, encode: (into, view) => encodeBatch(batch, this.#group, into, view), done });
  }

  release(through: LogPosition): void {
    if (this.#error !== undefined || this.#closing !== undefined || through.index <= this.#released) return;
    this.#released = through.index;
    const encode = (_into: Uint8Array, view: DataView): void => encodeRelease(through, this.#group, view);
    this.#submit({ bytes: releaseBatchBytes, encode, done: () => undefined });
  }

  get syncCount(): number {
    return this.#runner.syncCount;
  }

  /** Bytes that were given and are not done: refuse proposals before this comes near {@link backlogBytesMax}. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  /**
   * The disk had no room to prepare the next segment: refuse proposals with ERR_NO_SPACE, or the log fails when it
   * needs it.
   */
  get outOfSpace(): boolean {
    return this.#runner.outOfSpace;
  }

  /** Waits for the disk without limit; {@link abandon} cuts that short. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /**
   * Gives up at once: what is not done fails with ERR_CLOSED, its outcome unknown. For a disk that is stuck, or a
   * process that "died".
   */
  abandon(): void {
    this.#runner.abandon();
    this.#fail(new CoterieError('ERR_CLOSED', { message: 'the log was abandoned', outcome: 'unknown' }));
  }

  async #close(): Promise<void> {
    if (this.#published.length > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
    this.#error ??= closed();
    if (this.#loaded) await this.#runner.close();
  }

  #submit(batch: Batch): void {
    this.#backlogBytes += batch.bytes;
    this.#waiting.push(batch);
    // Behind others that wait, or there is room now.
    if (this.#waiting.length === 1) this.#publish();
  }

  #publish(): void {
    let published = 0;
    for (const batch of this.#waiting) {
      const room = this.#runner.reserve(batch.bytes);
      if (room === undefined) break;
      batch.encode(room.bytes, room.view);
      this.#runner.publish();
      this.#published.push(batch);
      published++;
    }
    this.#waiting.splice(0, published);
  }

  #complete(batches: number): void {
    if (this.#error !== undefined) return;
    const completed = this.#published.splice(0, batches);
    invariant(completed.length === batches, 'only published batches complete', { batches });
    for (const { bytes } of completed) this.#backlogBytes -= bytes;
    // First the runner's work, then what the completed batches set off.
    this.#publish();
    settleAll(completed, undefined);
    this.#wakeCloser();
  }

  #fail(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    const failed = [...this.#published, ...this.#waiting];
    this.#published = [];
    this.#waiting = [];
    this.#backlogBytes = 0;
    settleAll(failed, error);
    this.#wakeCloser();
  }

  #wakeCloser(): void {
    if (this.#published.length === 0) this.#drained?.();
  }
}

/** Every batch is answered, even if the answer of an earlier one throws. */
function settleAll(batches: readonly Batch[], error: Error | undefined): void {
  let thrown: { readonly error: unknown } | undefined;
  for (const { done } of batches) {
    try {
      if (error === undefined) done();
      else done(error);
    } catch (caught) {
      thrown ??= { error: caught };
    }
  }
  if (thrown !== undefined) throw thrown.error;
}

function closed(): Error {
  return new CoterieError('ERR_CLOSED', { message: 'the log is closed' });
}

function invalid(argument: string, message: string): Error {
  return new CoterieError('ERR_INVALID_ARGUMENT', { message: `${argument}: ${message}`, argument });
}
