import { CoterieError, invariant } from '@coterie/errors';
import type { BackgroundFiles } from '../files/background-files.js';
import { storageError } from '../files/storage-error.js';
import { hasteFor, writeCheckpoint } from './checkpoint.js';
import type { CheckpointRecord } from './checkpoint-record.js';
import { completion, type Defer } from './completion.js';
import { Deletions } from './deletions.js';
import { DiskImage } from './disk-image.js';
import { DurableLog } from './durable-log.js';
import { History } from './history/history.js';
import { Layers } from './layers.js';
import type { OrderedStore } from './ordered-store.js';
import { PointReads } from './point-reads.js';
import { Prefetch } from './prefetch.js';
import { RecentChanges } from './recent-changes.js';
import { RecordCache } from './record-cache.js';
import type { StoreLimits } from './store-limits.js';
import type { StoreCounters } from './store-statistics.js';
import type { BinaryKey, FrozenState, KeyEvent, KeyRecord, RevisionEvents, StoreState } from './types.js';
import { ValueSlabs } from './value-slabs.js';
import { Views } from './views.js';

/**
 * What a body stands on: one directory `store-<n>`, its open ordered store and the checkpoint found or received there.
 */
export interface BodyFiles {
  readonly directory: string;
  readonly store: OrderedStore;
  readonly checkpoint: CheckpointRecord;
}

/** A checkpoint that was given up, since the disk is full, and will be written again as it was. */
interface HeldCheckpoint {
  readonly state: FrozenState;
  readonly previous: number;
  readonly frozen: ReturnType<Layers['freeze']>;
  readonly reason: CoterieError;
}

/** Changes, and the revision to go on from. */
type ChangesRead = (error: Error | undefined, changes: readonly RevisionEvents[], next: number) => void;

export interface BodyHost {
  readonly counters: StoreCounters;
  freeze(): FrozenState;
  checkpointed(state: StoreState): void;
  failed(error: Error): void;
}

/**
 * Everything that belongs to one stored state: disk, history, memory, caches. Installing a snapshot makes a new one, so
 * that nothing of the old state can be left in any of them.
 */
export class StoreBody {
  readonly directory: string;
  readonly layers: Layers;
  readonly prefetch: Prefetch;
  readonly recent: RecentChanges;
  readonly history: History;
  readonly durable = new DurableLog();
  readonly views: Views;
  readonly reads: PointReads;
  #compactRevision: number;
  /** Bytes of files that the next checkpoint lets go of. */
  #compactedBytes = 0;
  readonly #deletions = new Deletions();
  #checkpoint: CheckpointRecord;
  readonly #store: OrderedStore;
  readonly #host: BodyHost;
  readonly #limits: StoreLimits;
  readonly #defer: Defer;
  readonly #slabs = new ValueSlabs();
  #entries = 0;
  /** Of entries since the last freeze: the log keeps them until the checkpoint, also those that change nothing. */
  #entryBytes = 0;
  #held: HeldCheckpoint | undefined;
  readonly #background: BackgroundFiles;
  #running: Promise<void> | undefined;
  #images = 0;
  #broken = false;
  #closed = false;
  #drained: (() => void) | undefined;

  constructor(files: BodyFiles, background: BackgroundFiles, limits: StoreLimits, defer: Defer, host: BodyHost) {
    const { directory, store, checkpoint } = files;
    this.directory = directory;
    this.#store = store;
    this.#background = background;
    this.#host = host;
    this.#limits = limits;
    this.#defer = defer;
    this.#checkpoint = checkpoint;
    this.#compactRevision = checkpoint.state.compactRevision;
    this.layers = new Layers(this.#newImage(), new RecordCache(limits.cacheBytes), checkpoint.state.keys);
    this.prefetch = new Prefetch(this.layers, limits, (error) => {
      this.#fail(error);
    });
    this.reads = new PointReads(limits.pendingReads, defer, (image, key, record) => {
      this.layers.admit(image, key, record);
    });
    this.recent = new RecentChanges(checkpoint.state.revision, limits);
    this.history = new History(background, directory, checkpoint.history, limits, (error) => {
      this.#fail(error);
    });
    this.views = new Views(this.layers, this.reads, limits, defer);
  }

  /** The last durable checkpoint. */
  get checkpoint(): CheckpointRecord {
    return this.#checkpoint;
  }

  get revision(): number {
    return this.recent.lastRevision;
  }

  get compactRevision(): number {
    return this.#compactRevision;
  }

  /** Logical, and at once: files go with the next checkpoint. */
  compact(revision: number): void {
    if (revision <= this.#compactRevision) return;
    this.#compactRevision = revision;
    this.#compactedBytes = this.history.compactedBytes(revision);
  }

  /** @see Store.deleteCompacted */
  deleteCompacted(revision: number): Promise<void> {
    return completion<undefined>((done) => {
      if (this.#closed || this.#broken) {
        done(new CoterieError('ERR_CLOSED', { message: 'the store is closed' }), undefined);
        return;
      }
      this.#deletions.add(revision, done);
      this.#delete();
    }).then(() => undefined);
  }

  get overloaded(): boolean {
    const { active, frozen } = this.layers.overlay;
    const bytesMax = 2 * this.#limits.checkpointBytes;
    if (frozen === undefined) return this.#broken;
    return this.#broken || active.bytes + frozen.bytes >= bytesMax || this.#entryBytes >= bytesMax;
  }

  /** @see Store.diskWait */
  get diskWait(): number | undefined {
    if (this.prefetch.loading) return this.prefetch.steps;
    // A checkpoint that found the disk full waits for room, not for the disk: it is tried again later.
    if (!this.overloaded || this.#running === undefined) return undefined;
    const { checkpoints, diskWrites } = this.#host.counters;
    return checkpoints + diskWrites + this.history.steps;
  }

  lookup(key: BinaryKey): KeyRecord | undefined {
    const known = this.layers.peek(key);
    if (known !== 'on-disk') return known;
    const record = this.layers.image.getSync(key);
    this.layers.cache.put(key, record);
    return record;
  }

  commit(change: RevisionEvents): void {
    this.layers.overlay.active.bytes += this.recent.push(change);
    for (const event of change.events) {
      this.#own(event);
      this.layers.put(event, change.revision);
    }
  }

  entryApplied(bytes: number): void {
    this.#entries++;
    this.#entryBytes += bytes;
    const { active } = this.layers.overlay;
    const due =
      active.bytes >= this.#limits.checkpointBytes ||
      this.#entryBytes >= this.#limits.checkpointBytes ||
      // Files that nobody needs are bounded too, where little is written.
      this.#compactedBytes >= this.#limits.checkpointBytes ||
      active.operations + this.#entries >= this.#limits.checkpointOperations;
    if (due) this.checkpointSoon();
  }

  /** @see Store.checkpointSoon */
  checkpointSoon(): void {
    if (this.#idle && this.#held === undefined) this.#begin();
  }

  /** @see Store.noSpace */
  get noSpace(): CoterieError | undefined {
    return this.#held?.reason;
  }

  /** @see Store.retryCheckpoint */
  retryCheckpoint(): void {
    if (this.#idle && this.#held !== undefined) this.#begin();
  }

  get #idle(): boolean {
    return this.#running === undefined && !this.#closed && !this.#broken;
  }

  /** Waits for the checkpoint under way, then for one more where entries came after it. */
  async checkpointNow(): Promise<void> {
    await this.#running;
    // One that was held up has entries behind it.
    for (let more = this.#held === undefined ? 1 : 2; more > 0; more--) {
      if (this.#idle && (this.#entries > 0 || this.#held !== undefined)) this.#begin();
      await this.#running;
      if (this.#held !== undefined) return;
    }
  }

  /** @see Store.unload */
  async unload(): Promise<void> {
    await this.checkpointNow();
    this.layers.cache.clear();
    this.recent.trim(this.#checkpoint.state.revision, 0);
    this.recent.release();
  }

  /**
   * Newest changes in memory; those of earlier checkpoints from files.
   *
   * @throws CoterieError ERR_COMPACTED, ERR_CORRUPT, ERR_STORAGE
   */
  changes(from: number, maxBytes: number, done: ChangesRead): void {
    if (from < this.compactRevision) {
      done(this.#compacted(from), [], from);
    } else if (from >= this.recent.firstRevision) {
      this.#take(from, maxBytes, done);
    } else {
      this.#readFiles(from, maxBytes).then(
        ({ changes, next }) => {
          done(undefined, changes, next);
        },
        (error: unknown) => {
          done(error as Error, [], from);
        },
      );
    }
  }

  /** Ends everything and closes the files. Idempotent; never rejects for what was under way. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.durable.abandon();
    this.#deletions.end(new CoterieError('ERR_CLOSED', { message: 'the store is closed' }));
    this.views.endAll(new CoterieError('ERR_CLOSED', { message: 'the store is closed' }));
    await this.#running;
    await this.#closeFiles();
  }

  /** As `close`, but reads that are under way may go on: it waits until the last view and read is done. */
  async retire(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.durable.abandon();
    // A snapshot takes the place of this state, and its files go with it.
    this.#deletions.end(undefined);
    await this.#running;
    this.layers.image.release();
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
      this.#checkDrained();
    });
    await this.#closeFiles();
  }

  /** The one is closed however the other fails: a store that stays open keeps its directory locked. */
  async #closeFiles(): Promise<void> {
    try {
      await this.history.close();
    } finally {
      await completion<undefined>((done) => {
        this.#store.close(done);
      });
    }
  }

  #take(from: number, maxBytes: number, done: ChangesRead): void {
    let changes: readonly RevisionEvents[];
    try {
      changes = this.#recent(from, maxBytes);
    } catch (error) {
      done(error as Error, [], from);
      return;
    }
    done(undefined, changes, nextRevision(changes, from));
  }

  #recent(from: number, maxBytes: number): readonly RevisionEvents[] {
    try {
      return this.recent.take(from, maxBytes);
    } catch (error) {
      // Memory that changed by itself.
      this.#fail(error as Error);
      throw error;
    }
  }

  async #readFiles(
    from: number,
    maxBytes: number,
  ): Promise<{ readonly changes: readonly RevisionEvents[]; readonly next: number }> {
    for (;;) {
      const { firstRevision } = this.recent;
      const changes = await this.history.read(from, maxBytes);
      // Compaction may have taken the files while they were read.
      if (from < this.compactRevision) throw this.#compacted(from);
      if (changes.length > 0) return { changes, next: nextRevision(changes, from) };
      // No file holds a revision from there on, so memory did when we looked; it still does unless a checkpoint has
      // moved it on since.
      if (this.recent.firstRevision !== firstRevision) continue;
      const newest = this.#recent(firstRevision, maxBytes);
      // A revision that nobody made (a new store stands at one) is passed over, or a watch that begins there would ask
      // for it for ever.
      return { changes: newest, next: nextRevision(newest, firstRevision) };
    }
  }

  #compacted(revision: number): Error {
    const { compactRevision } = this;
    const message = `revision ${revision} is compacted; the oldest is ${compactRevision}`;
    return new CoterieError('ERR_COMPACTED', { message, compactRevision });
  }

  /**
   * The value of a new version may be a small part of a received frame, and would keep all of it in memory: it is
   * replaced by a copy.
   */
  #own(event: KeyEvent): void {
    if (event.after === undefined) return;
    const record = event.after as { value: Uint8Array };
    record.value = this.#slabs.keep(record.value);
  }

  #begin(): void {
    const { state, previous, frozen } = this.#held ?? this.#freeze();
    this.#running = this.#write(state, previous, frozen)
      .then(() => {
        this.#held = undefined;
      })
      .catch((error: unknown) => {
        if (!(error instanceof CoterieError) || error.code !== 'ERR_NO_SPACE') this.#fail(error as Error);
        else this.#held = { state, previous, frozen, reason: error };
      })
      .finally(() => {
        this.#running = undefined;
        this.#delete();
      });
  }

  #freeze(): Omit<HeldCheckpoint, 'reason'> {
    const state = this.#host.freeze();
    const previous = this.#checkpoint.state.revision;
    invariant(state.revision === this.revision, 'a checkpoint holds every change', {
      state: state.revision,
      store: this.revision,
    });
    const frozen = this.layers.freeze();
    this.#entries = 0;
    this.#entryBytes = 0;
    return { state, previous, frozen };
  }

  #freeBytes(): Promise<number | undefined> {
    return new Promise((resolve) => {
      if (this.#background.freeBytes === undefined) resolve(undefined);
      // Where it cannot be told, the write tells.
      else this.#background.freeBytes(this.directory, (_error, bytes) => resolve(bytes));
    });
  }

  /** Settles what waits for files to go, as far as the last checkpoint lets go of them; begins one for the others. */
  #delete(): void {
    if (this.#closed || this.#broken) return;
    for (const done of this.#deletions.take(this.#checkpoint.state.compactRevision)) {
      this.history.swept(() => {
        done(undefined, undefined);
      });
    }
    if (this.#deletions.waitsFor(this.#compactRevision)) this.checkpointSoon();
  }

  async #write(state: FrozenState, previous: number, frozen: ReturnType<Layers['freeze']>): Promise<void> {
    const written = await writeCheckpoint({
      store: this.#store,
      frozen,
      state,
      previous,
      changes: this.recent.between(previous, state.revision),
      history: this.history,
      limits: this.#limits,
      counters: this.#host.counters,
      defer: this.#defer,
      logDurable: (index) => this.durable.reached(index),
      freeBytes: () => this.#freeBytes(),
      haste: () => hasteFor(this.layers.overlay.active, this.#entries, this.#limits),
      cancelled: () => this.#closed,
    });
    if (written === undefined || this.#closed) return;
    this.#checkpoint = written;
    this.#host.counters.checkpoints++;
    this.layers.thaw(this.#newImage());
    this.recent.trim(state.revision, this.#limits.recentBytes);
    this.history.publish(written.history);
    this.#compactedBytes = this.history.compactedBytes(this.#compactRevision);
    this.views.retired(frozen);
    this.#host.checkpointed(written.state);
  }

  #newImage(): DiskImage {
    this.#images++;
    return new DiskImage(
      this.#store,
      this.#host.counters,
      () => {
        this.#images--;
        this.#checkDrained();
      },
      // Whoever reads gets the error too. But a member that holds a damaged state must not go on, and least of all
      // lead: it could neither serve that record nor send its state to anybody who needs it.
      (error) => {
        this.#fail(error);
      },
    );
  }

  #checkDrained(): void {
    if (this.#images === 0) this.#drained?.();
  }

  #fail(error: Error): void {
    if (this.#closed || this.#broken) return;
    this.#broken = true;
    this.#deletions.end(error);
    this.#host.failed(storageError('the store failed', error));
  }
}

function nextRevision(changes: readonly RevisionEvents[], from: number): number {
  const last = changes.at(-1);
  return last === undefined ? from : last.revision + 1;
}
