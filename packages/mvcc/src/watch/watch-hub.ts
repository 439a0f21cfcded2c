import { CoterieError } from '@coterie/errors';
import type { TurnScheduler } from '@coterie/raft';
import type { EngineStream, RawBatch, WatchRequest } from '../engine/engine.js';
import type { MvccLimits } from '../limits.js';
import type { Store } from '../store/store.js';
import type { RevisionEvents } from '../store/types.js';
import { CatchUp } from './catch-up.js';
import { fanOut } from './fan-out.js';
import { InitialState, SharedViews } from './initial-state.js';
import { SlicedWork, type Steps } from './sliced-work.js';
import { Watch, type WatchSource } from './watch.js';
import { WatcherIndex } from './watcher-index.js';

export interface WatchHubOptions {
  readonly store: Pick<Store, 'changes' | 'recentFrom' | 'view'>;
  readonly scheduler: TurnScheduler;
  readonly limits: MvccLimits;
  readonly revision: number;
  readonly compactRevision: number;
}

/** What one read of earlier changes asks for: what all who are behind hold in common while they take it. */
const chunkBytes = 256 * 1024;

/**
 * All watches of this process.
 *
 * Live watches are offered each revision when it is applied, found by key; those behind read from the store, so that a
 * slow or late one costs the others nothing. Where very many watch the same, offering takes several slices, and what is
 * applied meanwhile waits in the store: the hub remembers only up to where it has come.
 */
export class WatchHub implements WatchSource {
  readonly #store: WatchHubOptions['store'];
  readonly #limits: MvccLimits;
  readonly #views: SharedViews;
  readonly #work: SlicedWork;
  readonly #chunkBytes: number;
  readonly #catchUp: CatchUp<Watch>;
  readonly #watches = new Set<Watch>();
  readonly #live = new WatcherIndex<Watch>();
  /** Watches with progress, told again when `#progressAt` is reached. */
  readonly #progress = new Set<Watch>();
  /** Offered something since their consumers were last woken. */
  #touched = new Set<Watch>();
  #progressAt: number;
  #revision: number;
  #compactRevision: number;
  /** All live watches have been offered everything up to here. */
  #offered: number;
  #offering: number;
  #stage: 'idle' | 'offering' | 'reading' = 'idle';
  /** The read of the store that offering waits for. */
  #read: object | undefined;
  #closed = false;

  constructor(options: WatchHubOptions) {
    const { store, scheduler, limits, revision } = options;
    this.#store = store;
    this.#views = new SharedViews(() => store.view());
    this.#limits = limits;
    this.#revision = revision;
    this.#offered = revision;
    this.#offering = revision;
    this.#compactRevision = options.compactRevision;
    this.#progressAt = revision + limits.progressRevisions;
    this.#chunkBytes = Math.min(chunkBytes, limits.watchBytes);
    this.#work = new SlicedWork(scheduler, limits.watchSteps, () => this.#wake());
    this.#catchUp = new CatchUp({
      store,
      scheduler,
      work: this.#work,
      chunkBytes: this.#chunkBytes,
      revision: () => this.#revision,
      compactRevision: () => this.#compactRevision,
    });
  }

  get offering(): number {
    return this.#offering;
  }

  get watchBytes(): number {
    return this.#limits.watchBytes;
  }

  get progressRevisions(): number {
    return this.#limits.progressRevisions;
  }

  /** Open watches. */
  get size(): number {
    return this.#watches.size;
  }

  /**
   * Registers a watch: every change after the revision of its first item, `opened`, will come.
   *
   * @throws CoterieError ERR_INVALID_ARGUMENT, ERR_TOO_MANY_OPS (ranges), ERR_OVERLOADED (watches), ERR_CLOSED.
   *   ERR_COMPACTED and ERR_WATCH_OVERFLOW come from the stream
   */
  watch(request: WatchRequest): EngineStream<RawBatch> {
    this.#check(request);
    const initial = request.initial ? new InitialState(this.#views.at(this.#revision), request.ranges) : undefined;
    const next = initial === undefined ? (request.fromRevision ?? this.#revision + 1) : initial.revision + 1;
    const watch = new Watch(this, request, next, initial);
    this.#watches.add(watch);
    if (request.progress) this.#progress.add(watch);
    return watch;
  }

  /** The revisions of one applied entry, in order. */
  publish(changes: readonly RevisionEvents[]): void {
    const last = changes.at(-1);
    if (last === undefined) return;
    this.#revision = last.revision;
    // Otherwise whoever offers comes to them, from the store.
    if (this.#stage === 'idle') this.#offerChanges(changes);
  }

  compacted(revision: number): void {
    this.#compactRevision = revision;
  }

  /** A snapshot replaced the state: what it skipped is offered from its history. */
  rebind(revision: number, compactRevision: number): void {
    this.#revision = revision;
    this.#compactRevision = compactRevision;
    this.#catchUp.reset();
    this.#views.reset();
    // What the store that was replaced still owes may never come; what comes of it all the same is not heard.
    this.#read = undefined;
    if (this.#stage !== 'offering') this.#goOn();
  }

  /** Takes no more watches and ends all normally, in slices; calls back when it is done. */
  close(done: () => void): void {
    this.#closed = true;
    this.#work.add(this.#closeAll(done));
  }

  *#closeAll(done: () => void): Steps {
    for (const watch of this.#watches) {
      watch.close();
      yield 1;
    }
    done();
  }

  // ------------------------------------------------------------------------------------------------ what watches need

  wantChanges(watch: Watch): void {
    this.#catchUp.want(watch);
  }

  goLive(watch: Watch): void {
    this.#catchUp.leave(watch);
    this.#live.add(watch.request.ranges, watch);
  }

  goBehind(watch: Watch): void {
    this.#live.delete(watch.request.ranges, watch);
  }

  closed(watch: Watch): void {
    this.#catchUp.leave(watch);
    this.#watches.delete(watch);
    this.#progress.delete(watch);
  }

  // ---------------------------------------------------------------------------------------------------------- offering

  #offerChanges(changes: readonly RevisionEvents[]): void {
    this.#stage = 'offering';
    this.#work.add(this.#offerAll(changes));
  }

  *#offerAll(changes: readonly RevisionEvents[]): Steps {
    for (const change of changes) {
      const { revision } = change;
      if (revision <= this.#offered) continue;
      this.#offering = revision;
      if (this.#live.size > 0) {
        yield* fanOut(
          change,
          this.#live,
          (watch) => watch.wants(revision),
          (watch, sized) => {
            watch.offer(sized);
            this.#touched.add(watch);
          },
        );
      }
      this.#offered = revision;
    }
    if (this.#offered >= this.#progressAt) yield* this.#tellProgress();
    this.#goOn();
  }

  *#tellProgress(): Steps {
    const revision = this.#offered;
    this.#progressAt = revision + this.#limits.progressRevisions;
    for (const watch of this.#progress) {
      watch.progress(revision);
      yield 1;
    }
  }

  /** What was applied while others were offered, or came in a snapshot, is read from the store. */
  #goOn(): void {
    const revision = this.#revision;
    const from = this.#offered + 1;
    if (from > revision || this.#live.size === 0) {
      this.#offered = revision;
      this.#offering = revision;
      this.#stage = 'idle';
    } else if (from < this.#compactRevision) {
      const compactRevision = this.#compactRevision;
      const message = `revision ${from} is compacted; the oldest is ${compactRevision}`;
      this.#endLive(compactRevision - 1, () => new CoterieError('ERR_COMPACTED', { message, compactRevision }));
    } else this.#readFrom(from, revision);
  }

  #readFrom(from: number, revision: number): void {
    const read = {};
    this.#stage = 'reading';
    this.#read = read;
    this.#store.changes(from, this.#chunkBytes, (error, changes) => {
      if (this.#read !== read) return;
      this.#read = undefined;
      if (error === undefined && changes.length > 0) this.#offerChanges(changes);
      else if (error === undefined) this.#endLive(revision, () => missing(from, revision));
      // Compacted while it was read. Whoever waits for what is left goes on: one that was opened for a revision which
      // this member had yet to hear of stands behind all that is gone.
      else if (isCompacted(error)) this.#endLive(error.compactRevision - 1, () => error);
      else this.#endLive(revision, () => error);
    });
  }

  /** Ends the live watches that were to be offered what cannot be read. */
  #endLive(through: number, error: () => unknown): void {
    this.#stage = 'offering';
    // At once: no other goes live below it meanwhile.
    this.#offering = through;
    this.#work.add(this.#failLive(through, error));
  }

  *#failLive(through: number, error: () => unknown): Steps {
    for (const watch of this.#watches) {
      if (watch.wants(through)) watch.fail(error());
      yield 1;
    }
    this.#offered = through;
    this.#goOn();
  }

  #wake(): void {
    if (this.#touched.size === 0) return;
    const touched = this.#touched;
    this.#touched = new Set();
    for (const watch of touched) watch.flush();
  }

  #check(request: WatchRequest): void {
    const { ranges, fromRevision, initial } = request;
    if (this.#closed) throw new CoterieError('ERR_CLOSED', { message: 'the store is closed' });
    if (ranges.length === 0) throw invalid('ranges', 'a watch has at least one key or range');
    if (ranges.length > this.#limits.watchRanges) {
      const limit = this.#limits.watchRanges;
      throw new CoterieError('ERR_TOO_MANY_OPS', {
        message: `a watch of ${ranges.length} ranges; ${limit} are allowed`,
        limit,
      });
    }
    if (fromRevision !== undefined && (!Number.isSafeInteger(fromRevision) || fromRevision < 1)) {
      throw invalid('fromRevision', `fromRevision must be a safe integer from 1 on, not ${String(fromRevision)}`);
    }
    if (fromRevision !== undefined && initial) throw invalid('initial', 'initial and fromRevision exclude each other');
    if (this.#watches.size >= this.#limits.watches) {
      throw new CoterieError('ERR_OVERLOADED', { message: `${this.#limits.watches} watches are open already` });
    }
  }
}

function isCompacted(error: Error): error is CoterieError<'ERR_COMPACTED'> {
  return error instanceof CoterieError && error.code === 'ERR_COMPACTED';
}

function invalid(argument: string, message: string): CoterieError {
  return new CoterieError('ERR_INVALID_ARGUMENT', { message, argument });
}

/** A state without its history: no snapshot and no checkpoint is so. */
function missing(from: number, revision: number): CoterieError {
  return new CoterieError('ERR_CORRUPT', { message: `the history has nothing from revision ${from} to ${revision}` });
}
