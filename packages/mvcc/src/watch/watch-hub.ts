import { CoterieError } from '@coterie/errors';
import type { TurnScheduler } from '@coterie/raft';
import type { EngineStream, RawBatch, RawEvent, WatchRequest } from '../engine/engine.js';
import type { MvccLimits } from '../limits.js';
import type { Store } from '../store/store.js';
import type { KeyEvent, RevisionEvents } from '../store/types.js';
import { InitialState } from './initial-state.js';
import { Watch, type WatchSource } from './watch.js';
import { passes, watchEvent } from './watch-events.js';
import { WatcherIndex } from './watcher-index.js';

export interface WatchHubOptions {
  readonly store: Pick<Store, 'changes' | 'view'>;
  readonly scheduler: TurnScheduler;
  readonly limits: MvccLimits;
  readonly revision: number;
  readonly compactRevision: number;
}

/**
 * All watches of this process.
 *
 * Live watches get each revision at apply, found by key; those behind read from the store at their own pace, so that a
 * slow or late one costs the others nothing.
 */
export class WatchHub implements WatchSource {
  readonly #store: Pick<Store, 'changes' | 'view'>;
  readonly #scheduler: TurnScheduler;
  readonly #limits: MvccLimits;
  readonly #watches = new Set<Watch>();
  readonly #index = new WatcherIndex<Watch>();
  readonly #removals = new Map<Watch, () => void>();
  /** Watches with progress, told again when `#progressAt` is reached. */
  readonly #progress = new Set<Watch>();
  #progressAt: number;
  #revision: number;
  #compactRevision: number;
  #closed = false;

  constructor(options: WatchHubOptions) {
    this.#store = options.store;
    this.#scheduler = options.scheduler;
    this.#limits = options.limits;
    this.#revision = options.revision;
    this.#compactRevision = options.compactRevision;
    this.#progressAt = options.revision + options.limits.progressRevisions;
  }

  get revision(): number {
    return this.#revision;
  }

  get compactRevision(): number {
    return this.#compactRevision;
  }

  get watchBytes(): number {
    return this.#limits.watchBytes;
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
    const initial = request.initial ? new InitialState(this.#store.view(), request.ranges) : undefined;
    const next = initial === undefined ? (request.fromRevision ?? this.#revision + 1) : initial.revision + 1;
    const watch = new Watch(this, request, next, initial);
    this.#watches.add(watch);
    if (request.progress) this.#progress.add(watch);
    return watch;
  }

  /** Offers the revisions of one applied entry, in order; consumers are woken once, after all of them. */
  publish(changes: readonly RevisionEvents[]): void {
    const touched = new Set<Watch>();
    for (const change of changes) {
      this.#revision = change.revision;
      if (this.#removals.size > 0) this.#publishOne(change, touched);
    }
    for (const watch of touched) watch.flush();
    if (this.#revision < this.#progressAt) return;
    this.#progressAt = this.#revision + this.#limits.progressRevisions;
    for (const watch of this.#progress) watch.progress(this.#revision);
  }

  compacted(revision: number): void {
    this.#compactRevision = revision;
  }

  /** A snapshot replaced the state. */
  rebind(revision: number, compactRevision: number): void {
    const before = this.#revision;
    this.#revision = revision;
    this.#compactRevision = compactRevision;
    this.#progressAt = revision + this.#limits.progressRevisions;
    for (const watch of [...this.#watches]) watch.rebind(before);
  }

  /** Ends all watches normally; idempotent. */
  close(): void {
    this.#closed = true;
    for (const watch of [...this.#watches]) watch.close();
  }

  // ------------------------------------------------------------------------------------------------ what watches need

  changes(
    from: number,
    maxBytes: number,
    done: (error: Error | undefined, changes: readonly RevisionEvents[], next: number) => void,
  ): void {
    this.#store.changes(from, maxBytes, done);
  }

  defer(fn: () => void): void {
    this.#scheduler.defer(fn);
  }

  goLive(watch: Watch): void {
    this.#removals.set(watch, this.#index.add(watch.request.ranges, watch));
  }

  goBehind(watch: Watch): void {
    this.#removals.get(watch)?.();
    this.#removals.delete(watch);
  }

  closed(watch: Watch): void {
    this.#watches.delete(watch);
    this.#progress.delete(watch);
  }

  // -------------------------------------------------------------------------------------------------------- publishing

  /** The batches of one revision: each event is built once, however many watches it goes to. */
  #publishOne(change: RevisionEvents, touched: Set<Watch>): void {
    const batches = new Map<Watch, RawEvent[]>();
    for (const event of change.events) {
      const made = new SharedEvent(event, change.revision);
      this.#index.find(event.key, (watch) => {
        const { only, prev } = watch.request;
        if (!passes(event, only)) return;
        const raw = made.raw(prev);
        const events = batches.get(watch);
        if (events === undefined) batches.set(watch, [raw]);
        // Overlapping ranges of one watch find it twice.
        else if (events[events.length - 1] !== raw) events.push(raw);
      });
    }
    for (const [watch, events] of batches) {
      watch.offer({ kind: 'change', revision: change.revision, events });
      touched.add(watch);
    }
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

/** An event in the two forms in which watches may want it, each made once. */
class SharedEvent {
  readonly #event: KeyEvent;
  readonly #revision: number;
  #plain: RawEvent | undefined;
  #withPrev: RawEvent | undefined;

  constructor(event: KeyEvent, revision: number) {
    this.#event = event;
    this.#revision = revision;
  }

  raw(prev: boolean): RawEvent {
    if (prev) return (this.#withPrev ??= watchEvent(this.#event, this.#revision, true));
    return (this.#plain ??= watchEvent(this.#event, this.#revision, false));
  }
}

function invalid(argument: string, message: string): CoterieError {
  return new CoterieError('ERR_INVALID_ARGUMENT', { message, argument });
}
