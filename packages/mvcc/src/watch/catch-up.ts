import { CoterieError } from '@coterie/errors';
import type { TurnScheduler } from '@coterie/raft';
import type { WatchRequest } from '../engine/engine.js';
import type { Store } from '../store/store.js';
import type { RevisionEvents } from '../store/types.js';
import { fanOut, type SizedBatch } from './fan-out.js';
import type { SlicedWork, Steps } from './sliced-work.js';
import { WatcherIndex } from './watcher-index.js';

/** A watch that is behind. */
export interface LateWatch {
  readonly request: WatchRequest;
  /** The first revision that it has not looked at. */
  readonly position: number;
  /** Takes a revision of the chunk that is under way. */
  take(sized: SizedBatch): void;
  /** Everything before `next` has been taken: the chunk is done. */
  arrived(next: number): void;
  fail(error: unknown): void;
}

/** What catching up needs of the hub. */
export interface CatchUpOptions {
  readonly store: Pick<Store, 'changes' | 'recentFrom'>;
  readonly scheduler: TurnScheduler;
  readonly work: SlicedWork;
  /** About how many bytes of changes one read asks for. */
  readonly chunkBytes: number;
  /** Where the state stands, and what is compacted. */
  readonly revision: () => number;
  readonly compactRevision: () => number;
}

/**
 * Reads of files at a time. More than one, so that a watch that is far behind on a slow disk does not hold up the
 * others; few, so that those behind read the same chunk and not each its own.
 */
const fileReads = 4;
/** Chunks that are in memory at a time, for all who are behind. */
const chunks = 4;
/** A watch that is at most so many revisions ahead of a read waits for that one: it is likely to be in it. */
const nearRevisions = 1_024;

/**
 * Gives watches that are behind the changes that they missed, from the store.
 *
 * Those at about the same revision share: a chunk is read once and goes to all that stand within it, after which they
 * stand at one and the same revision, and go on together. Chunks are read in the order in which the revisions were
 * asked for, one at a time for each, so that one that is far behind holds up nobody. A watch asks again only when its
 * consumer has taken everything: a slow one is left behind by the others and holds no chunk back.
 */
export class CatchUp<W extends LateWatch> {
  readonly #options: CatchUpOptions;
  /** Those that wait, by the revision they wait for, in the order of asking. */
  #waiting = new Map<number, Set<W>>();
  /** Reads that have not answered, by where they begin. */
  readonly #reads = new Map<number, object>();
  readonly #index = new WatcherIndex<W>();
  /** All that are in the index. */
  readonly #late = new Set<W>();
  /** Those that take a chunk, with all who take the same. */
  readonly #taking = new Map<W, readonly W[]>();
  /** Chunks that are being taken. */
  #chunks = 0;
  #armed = false;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /** Asks for the next chunk. */
  want(watch: W): void {
    if (!this.#late.has(watch)) {
      this.#late.add(watch);
      this.#index.add(watch.request.ranges, watch);
    }
    const group = this.#waiting.get(watch.position);
    if (group === undefined) this.#waiting.set(watch.position, new Set([watch]));
    else group.add(watch);
    this.#arm();
  }

  /** It is live, or over. */
  leave(watch: W): void {
    if (!this.#late.delete(watch)) return;
    this.#index.delete(watch.request.ranges, watch);
    this.#taking.delete(watch);
    const group = this.#waiting.get(watch.position);
    if (group?.delete(watch) === true && group.size === 0) this.#waiting.delete(watch.position);
  }

  /** A snapshot replaced the state: what the old store still owes may never come, and is not heard any more. */
  reset(): void {
    this.#reads.clear();
    this.#arm();
  }

  /** Later, so that those who ask in one turn are read for together. */
  #arm(): void {
    if (this.#armed || this.#waiting.size === 0) return;
    this.#armed = true;
    this.#options.scheduler.defer(() => {
      this.#armed = false;
      this.#begin();
    });
  }

  #begin(): void {
    const compactRevision = this.#options.compactRevision();
    let begun = 0;
    // As it is now: those that are served at once may ask again.
    for (const from of [...this.#waiting.keys()]) {
      // What was served together with an earlier one does not wait any more.
      const group = this.#waiting.get(from);
      if (group === undefined || this.#reads.has(from)) continue;
      // Reads at the compact revision are still possible: etcd's bound.
      if (from < compactRevision) {
        this.#waiting.delete(from);
        const message = `revision ${from} is compacted; the oldest is ${compactRevision}`;
        this.#fail(group, () => new CoterieError('ERR_COMPACTED', { message, compactRevision }));
      } else if (this.#mayRead(from)) {
        if (begun++ === chunks || this.#chunks === chunks) {
          // When a chunk is done it is called again; here for those that memory has served at once.
          this.#arm();
          return;
        }
        this.#read(from);
      }
    }
  }

  #mayRead(from: number): boolean {
    if (from >= this.#options.store.recentFrom) return true;
    if (this.#reads.size >= fileReads) return false;
    for (const begun of this.#reads.keys()) if (begun < from && from - begun <= nearRevisions) return false;
    return true;
  }

  #read(from: number): void {
    const read = {};
    const revision = this.#options.revision();
    this.#reads.set(from, read);
    this.#options.store.changes(from, this.#options.chunkBytes, (error, changes, next) => {
      if (this.#reads.get(from) !== read) return;
      this.#reads.delete(from);
      // Nothing there: then nothing up to where the state stood when it was asked. A new store has no revision 1.
      if (error === undefined) this.#serve(from, changes, changes.length > 0 ? next : Math.max(from, revision + 1));
      else {
        const group = this.#waiting.get(from);
        this.#waiting.delete(from);
        if (group !== undefined) this.#fail(group, () => error);
      }
      this.#arm();
    });
  }

  /** All that stand within the chunk take it. */
  #serve(from: number, changes: readonly RevisionEvents[], next: number): void {
    const members: W[] = [];
    for (const [at, group] of this.#waiting) {
      if (at !== from && (at < from || at >= next)) continue;
      this.#waiting.delete(at);
      for (const watch of group) {
        members.push(watch);
        this.#taking.set(watch, members);
      }
    }
    this.#chunks++;
    this.#options.work.add(this.#take(members, changes, next));
  }

  *#take(members: readonly W[], changes: readonly RevisionEvents[], next: number): Steps {
    for (const change of changes) {
      const { revision } = change;
      yield* fanOut(
        change,
        this.#index,
        (watch) => watch.position <= revision && this.#taking.get(watch) === members,
        (watch, sized) => watch.take(sized),
      );
    }
    for (const watch of members) {
      if (this.#taking.get(watch) === members) {
        this.#taking.delete(watch);
        watch.arrived(next);
      }
      yield 1;
    }
    this.#chunks--;
    this.#arm();
  }

  #fail(group: Set<W>, error: () => unknown): void {
    this.#options.work.add(failing(group, error));
  }
}

/** Each has an error of its own, since consumers may add to it. */
function* failing(group: Set<LateWatch>, error: () => unknown): Steps {
  for (const watch of group) {
    watch.fail(error());
    yield 1;
  }
}
