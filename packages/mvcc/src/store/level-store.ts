import type { SnapshotMeta, SnapshotSink, SnapshotSource } from '@coterie/raft';
import { CoterieError, invariant } from '@coterie/errors';
import type { BackgroundFiles } from '../files/background-files.js';
import { storageError } from '../files/storage-error.js';
import { completion, nextTurn, type Defer } from './completion.js';
import { contentHash, type ContentHash } from './content-hash.js';
import type { OrderedStores } from './ordered-store.js';
import { PastView, Undo } from './past-view.js';
import { Exports } from './snapshot/exports.js';
import { SnapshotImport } from './snapshot/snapshot-import.js';
import { StoreBody, type BodyFiles, type BodyHost } from './store-body.js';
import type { StoreDirectory } from './store-directory.js';
import type { StoreLimits } from './store-limits.js';
import type { StoreCounters } from './store-statistics.js';
import type { Store, StoreHost } from './store.js';
import type {
  BinaryKey,
  KeyedRecord,
  KeyRange,
  KeyRecord,
  RevisionEvents,
  StoreState,
  StoreView,
  Wanted,
} from './types.js';

/** What a {@link LevelStore} stands on. */
export interface LevelStoreParts {
  readonly directory: StoreDirectory;
  readonly number: number;
  readonly files: BodyFiles;
  readonly background: BackgroundFiles;
  readonly ordered: OrderedStores;
  readonly defer: Defer;
  readonly limits: StoreLimits;
}

interface Receiving {
  readonly number: number;
  readonly sink: SnapshotImport;
}

/** {@link Store} over an ordered store and files of history. See `openLevelStore`. */
export class LevelStore implements Store {
  readonly statistics: StoreCounters = { checkpoints: 0, diskReads: 0, diskWrites: 0 };
  readonly #parts: LevelStoreParts;
  readonly #exports: Exports;
  readonly #retiring = new Map<StoreBody, Promise<void>>();
  #body: StoreBody;
  #number: number;
  #lastNumber: number;
  #host: StoreHost | undefined;
  #receiving: Receiving | undefined;
  #receives: Promise<unknown> = Promise.resolve();
  #fault: Error | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: LevelStoreParts) {
    this.#parts = parts;
    this.#number = parts.number;
    this.#lastNumber = parts.directory.numbers().at(-1) ?? parts.number;
    this.#body = this.#newBody(parts.files);
    this.#exports = new Exports(parts.background, (index, count) => parts.directory.exportPath(index, count));
  }

  recovered(): StoreState {
    return this.#body.checkpoint.state;
  }

  attach(host: StoreHost): void {
    this.#host = host;
    if (this.#fault !== undefined) host.failed(this.#fault);
  }

  prefetch(wanted: Wanted, ready: () => void): boolean {
    return this.#body.prefetch.prefetch(wanted, ready);
  }

  lookup(key: BinaryKey): KeyRecord | undefined {
    return this.#body.lookup(key);
  }

  scan(range: KeyRange, limit: number): readonly KeyedRecord[] | undefined {
    return this.#body.prefetch.scan(range, limit);
  }

  commit(change: RevisionEvents): void {
    this.#body.commit(change);
  }

  entryApplied(_index: number, bytes: number): void {
    this.#body.entryApplied(bytes);
  }

  checkpointNow(): Promise<void> {
    return this.#body.checkpointNow();
  }

  unload(): Promise<void> {
    return this.#body.unload();
  }

  compact(revision: number): void {
    this.#body.compact(revision);
  }

  historyFrom(maxBytes: number): number {
    return Math.min(this.#body.history.compactionFor(maxBytes), this.#body.revision);
  }

  deleteCompacted(revision: number): Promise<void> {
    return this.#body.deleteCompacted(revision);
  }

  logDurable(index: number): void {
    this.#body.durable.advance(index);
  }

  checkpointSoon(): void {
    this.#body.checkpointSoon();
  }

  get noSpace(): CoterieError | undefined {
    return this.#body.noSpace;
  }

  retryCheckpoint(): void {
    this.#body.retryCheckpoint();
  }

  get overloaded(): boolean {
    return this.#body.overloaded;
  }

  get diskWait(): number | undefined {
    return this.#body.diskWait;
  }

  peek(key: BinaryKey): KeyRecord | undefined | 'on-disk' {
    return this.#body.layers.peek(key);
  }

  async get(key: BinaryKey): Promise<KeyRecord | undefined> {
    const known = this.#body.layers.peek(key);
    return known === 'on-disk' ? this.#body.reads.read(this.#body.layers.image, key) : known;
  }

  view(): StoreView {
    this.#checkOpen();
    return this.#body.views.open(this.#body.revision);
  }

  async viewAt(revision: number): Promise<StoreView> {
    const body = this.#body;
    const later = this.view();
    if (revision === later.revision) return later;
    try {
      if (revision > later.revision) {
        const message = `revision ${revision} has not been applied here; the newest is ${later.revision}`;
        throw new CoterieError('ERR_FUTURE_REVISION', { message, revision: later.revision });
      }
      const undo = new Undo(this.#parts.limits.undoBytes);
      for (let from = revision + 1; from <= later.revision;) {
        from = await this.#undo(body, undo, from, later.revision);
      }
      // Only now: what was compacted meanwhile may have been missing.
      if (revision < body.compactRevision) throw compacted(revision, body.compactRevision);
      return new PastView(revision, later, undo, this.#parts.defer);
    } catch (error) {
      await later.close();
      throw error;
    }
  }

  get recentFrom(): number {
    return this.#body.recent.firstRevision;
  }

  changes(
    from: number,
    maxBytes: number,
    done: (error: Error | undefined, changes: readonly RevisionEvents[], next: number) => void,
  ): void {
    this.#body.changes(from, maxBytes, done);
  }

  async openSnapshot(): Promise<{
    readonly state: StoreState;
    readonly meta: Omit<SnapshotMeta, 'conf'>;
    readonly source: SnapshotSource;
  }> {
    this.#checkOpen();
    const body = this.#body;
    const { state } = body.checkpoint;
    const source = await this.#exports.open(state, () => {
      const { image } = body.layers;
      const { manifest, release } = body.history.hold();
      image.hold();
      return {
        state,
        image,
        history: body.history,
        manifest,
        sliceBytes: this.#parts.limits.sliceBytes,
        release: () => {
          release();
          image.release();
        },
      };
    });
    return { state, meta: { index: state.appliedIndex, term: state.appliedTerm, size: source.size }, source };
  }

  receiveSnapshot(meta: SnapshotMeta): Promise<SnapshotSink> {
    // One after the other: each gives up what the one before it began.
    const receiving = this.#receives.then(() => this.#receive(meta));
    this.#receives = receiving.catch(() => undefined);
    return receiving;
  }

  async #receive(meta: SnapshotMeta): Promise<SnapshotSink> {
    this.#checkOpen();
    const before = this.#receiving;
    if (before !== undefined) {
      const { sink } = before;
      const same = sink.meta.index === meta.index && sink.meta.term === meta.term && sink.meta.size === meta.size;
      if (same && sink.usable && sink.checkpoint === undefined) return sink;
      this.#receiving = undefined;
      await sink.end();
    }
    const number = ++this.#lastNumber;
    const { directory, ordered, background, limits } = this.#parts;
    try {
      directory.fs.mkdir(directory.storePath(number));
    } catch (error) {
      throw storageError('cannot make a store for the snapshot', error);
    }
    const store = await ordered.open(directory.orderedPath(number));
    const sink = new SnapshotImport(meta, {
      directory: directory.storePath(number),
      store,
      files: background,
      limits,
      defer: this.#parts.defer,
      close: () =>
        completion<undefined>((done) => {
          store.close(done);
        }),
      remove: () => this.#remove(number),
    });
    this.#receiving = { number, sink };
    return sink;
  }

  installSnapshot(meta: SnapshotMeta): void {
    const { number, sink } = this.#receiving ?? {};
    const checkpoint = sink?.checkpoint;
    invariant(number !== undefined && sink !== undefined && checkpoint !== undefined, 'the snapshot is committed', {
      meta,
    });
    invariant(sink.meta.index === meta.index && sink.meta.term === meta.term, 'it is the snapshot that was received', {
      meta,
      received: sink.meta,
    });
    try {
      this.#parts.directory.makeCurrent(number);
    } catch (error) {
      throw storageError('cannot make the received snapshot current', error);
    }
    this.#receiving = undefined;
    const old = this.#body;
    const oldNumber = this.#number;
    this.#number = number;
    this.#body = this.#newBody({ directory: sink.directory, store: sink.store, checkpoint });
    const gone = old
      .retire()
      .then(() => this.#remove(oldNumber))
      .catch((error: unknown) => {
        this.#failed(storageError('cannot remove the former store', error));
      })
      .finally(() => this.#retiring.delete(old));
    this.#retiring.set(old, gone);
  }

  contentHash(): Promise<ContentHash> {
    return contentHash(this.view(), Math.ceil(this.#parts.limits.sliceBytes / 4));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const closed = new CoterieError('ERR_CLOSED', { message: 'the store is closed' });
    for (const body of this.#retiring.keys()) body.views.endAll(closed);
    await this.#receives;
    await Promise.all([
      this.#exports.close(),
      this.#body.close(),
      ...this.#retiring.values(),
      this.#receiving?.sink.end(),
    ]);
  }

  /** Takes one step of undoing. @returns the revision to go on from */
  async #undo(body: StoreBody, undo: Undo, from: number, through: number): Promise<number> {
    const { sliceBytes } = this.#parts.limits;
    const step = await completion<{ readonly changes: readonly RevisionEvents[]; readonly next: number }>((done) => {
      body.changes(from, sliceBytes, (error, changes, next) => {
        done(error, { changes, next });
      });
    });
    undo.take(step.changes.filter(({ revision }) => revision <= through));
    await nextTurn(this.#parts.defer);
    return step.next;
  }

  #newBody(files: BodyFiles): StoreBody {
    const { background, limits, defer } = this.#parts;
    const host: BodyHost = {
      counters: this.statistics,
      freeze: () => {
        invariant(this.#host !== undefined, 'a store is attached before it is written to');
        return this.#host.freeze();
      },
      checkpointed: (state) => this.#host?.checkpointed(state),
      failed: (error) => {
        this.#failed(error);
      },
    };
    return new StoreBody(files, background, limits, defer, host);
  }

  #failed(error: Error): void {
    if (this.#fault !== undefined || this.#closing !== undefined) return;
    this.#fault = error;
    this.#host?.failed(error);
  }

  async #remove(number: number): Promise<void> {
    this.#parts.directory.removeHistory(number);
    await this.#parts.ordered.destroy(this.#parts.directory.storePath(number));
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new CoterieError('ERR_CLOSED', { message: 'the store is closed' });
  }
}

function compacted(revision: number, compactRevision: number): Error {
  const message = `revision ${revision} is compacted; the oldest is ${compactRevision}`;
  return new CoterieError('ERR_COMPACTED', { message, compactRevision });
}
