import { CoterieError, invariant } from '@coterie/errors';
import type { Random } from '@coterie/raft';
import { EmptyBTree } from 'sorted-btree';
import { SimulatedStop } from '../files/sim-disk.js';
import { ModelFaults, type OrderedSaboteur } from './model-faults.js';
import type {
  OrderedBatch,
  OrderedCursor,
  OrderedEntry,
  OrderedRange,
  OrderedSnapshot,
  OrderedStore,
  OrderedStores,
} from './ordered-store.js';

// Its class is a CommonJS default export, which Node and bundlers hand over differently; the empty tree is a named one.
type Tree = typeof EmptyBTree;

/** Runs a completion later; a simulator chooses when. Completions of different calls may run in any order. */
export type Complete = (fn: () => void) => void;

type Change = readonly [key: string, value: Uint8Array | undefined];

interface WrittenBatch {
  readonly changes: readonly Change[];
  durable: boolean;
}

/** What one directory holds; outlives the stores that open it. */
class ModelContents {
  /** As a running process sees it. */
  tree: Tree = EmptyBTree.clone();
  inUse = false;
  /** What every crash leaves. */
  #base: Tree = EmptyBTree.clone();
  #batches: WrittenBatch[] = [];

  write(changes: readonly Change[]): WrittenBatch {
    const batch = { changes, durable: false };
    this.#batches.push(batch);
    change(this.tree, changes);
    return batch;
  }

  sync(batch: WrittenBatch): WrittenBatch {
    batch.durable = true;
    if (this.#batches.every(({ durable }) => durable)) {
      // The trees are equal now, and sharing one costs nothing.
      this.#base = this.tree.clone();
      this.#batches = [];
    }
    return batch;
  }

  flipBit(key: string, bit: number): boolean {
    const value = read(this.tree, key);
    if (value === undefined) return false;
    const damaged = Uint8Array.from(value);
    const at = (bit >>> 3) % damaged.length;
    damaged[at] = (damaged[at] as number) ^ (1 << (bit & 7));
    this.tree.set(key, damaged);
    if (this.#base.has(key)) this.#base.set(key, damaged);
    return true;
  }

  crash(survives: () => boolean): void {
    for (const batch of this.#batches) if (batch.durable || survives()) change(this.#base, batch.changes);
    this.#batches = [];
    this.tree = this.#base.clone();
    this.inUse = false;
  }
}

function read(tree: Tree, key: string): Uint8Array | undefined {
  return tree.get(key) as Uint8Array | undefined;
}

function change(tree: Tree, changes: readonly Change[]): void {
  for (const [key, value] of changes) {
    if (value === undefined) tree.delete(key);
    else tree.set(key, value);
  }
}

/**
 * {@link OrderedStores} in memory: for members that keep nothing, and as the model of LevelDB in the simulator.
 *
 * It is as unkind as LevelDB may be: a write is seen some time before it is acknowledged, and a crash loses any subset
 * of the batches that were not synced, also one before another that stays (LevelDB skips a damaged record of its log
 * and goes on behind it).
 */
export class ModelOrderedStores implements OrderedStores {
  readonly #complete: Complete;
  readonly #faults: ModelFaults;
  readonly #contents = new Map<string, ModelContents>();
  readonly #open = new Set<ModelOrderedStore>();

  /** @param random where a sabotaged read is wrong; left out, at its front */
  constructor(complete: Complete, random: Random = { nextInt: () => 0 }) {
    this.#complete = complete;
    this.#faults = new ModelFaults(random);
  }

  /** @see OrderedSaboteur */
  set saboteur(saboteur: OrderedSaboteur | undefined) {
    this.#faults.saboteur = saboteur;
  }

  async open(directory: string): Promise<OrderedStore> {
    return this.#faults.run('open', () => this.#openStore(directory));
  }

  async destroy(directory: string): Promise<void> {
    this.#faults.run('destroy', () => {
      for (const [path, { inUse }] of this.#contents) {
        if (path !== directory && !path.startsWith(`${directory}/`)) continue;
        invariant(!inUse, 'a store is closed before it is removed', { path });
        this.#contents.delete(path);
      }
    });
  }

  #openStore(directory: string): OrderedStore {
    const contents = this.#contents.get(directory) ?? new ModelContents();
    if (contents.inUse) {
      throw new CoterieError('ERR_DATA_DIR_IN_USE', { message: `the store in ${directory} is open already` });
    }
    this.#contents.set(directory, contents);
    contents.inUse = true;
    const store = new ModelOrderedStore(contents, this.#faults, this.#complete, () => this.#open.delete(store));
    this.#open.add(store);
    return store;
  }

  /** Every record of every store: its directory and its key. */
  *records(): Generator<{ readonly directory: string; readonly key: string }> {
    for (const [directory, { tree }] of this.#contents) {
      for (const key of tree.keys() as Iterable<string>) yield { directory, key };
    }
  }

  /** Power is lost: open stores never answer again. @param survives drawn for each batch that was not synced */
  crash(survives: () => boolean): void {
    for (const store of this.#open) store.die(survives);
    this.#open.clear();
    for (const contents of this.#contents.values()) contents.crash(survives);
  }

  /** The process dies; what it has written stays. */
  kill(): void {
    this.crash(() => true);
  }

  /** Damages one bit of a stored value. @returns false when there is no such record */
  flipBit(directory: string, key: string, bit: number): boolean {
    return this.#contents.get(directory)?.flipBit(key, bit) ?? false;
  }
}

class ModelSnapshot implements OrderedSnapshot {
  constructor(readonly tree: Tree) {}

  release(): void {
    // The tree goes with the last who knows it.
  }
}

class ModelOrderedStore implements OrderedStore {
  readonly #contents: ModelContents;
  readonly #faults: ModelFaults;
  readonly #schedule: Complete;
  readonly #gone: () => void;
  /** Writes that were given and have had no effect yet. */
  readonly #underWay = new Set<readonly Change[]>();
  #state: 'open' | 'closed' | 'dead' = 'open';
  /** After a write that failed LevelDB refuses every later one: what its log holds is not known any more. */
  #broken: Error | undefined;

  constructor(contents: ModelContents, faults: ModelFaults, schedule: Complete, gone: () => void) {
    this.#contents = contents;
    this.#faults = faults;
    this.#schedule = schedule;
    this.#gone = gone;
  }

  snapshot(): OrderedSnapshot {
    this.#check();
    return new ModelSnapshot(this.#contents.tree.clone());
  }

  getSync(key: string, snapshot: OrderedSnapshot | undefined): Uint8Array | undefined {
    this.#check();
    return this.#faults.shown([read(this.#tree(snapshot), key)])[0];
  }

  getMany(
    keys: readonly string[],
    snapshot: OrderedSnapshot | undefined,
    done: (error: Error | undefined, values: readonly (Uint8Array | undefined)[]) => void,
  ): void {
    // As LevelDB does: without a snapshot the contents at the time of the call.
    const tree = this.#state === 'open' ? this.#tree(snapshot).clone() : undefined;
    this.#later((fault) => {
      if (fault !== undefined || tree === undefined) {
        done(fault ?? closedError(), []);
        return;
      }
      this.#read(
        () => this.#faults.shown(keys.map((key) => read(tree, key))),
        (error, values) => {
          done(error, values ?? []);
        },
      );
    });
  }

  iterate(range: OrderedRange): OrderedCursor {
    const tree = this.#state === 'open' ? this.#tree(range.snapshot).clone() : undefined;
    let { start, end } = range;
    return {
      next: (done) => {
        this.#later((fault) => {
          if (fault !== undefined || tree === undefined) {
            done(fault ?? closedError(), []);
            return;
          }
          this.#read(
            () => this.#shownPage(pageOf(tree, { ...range, start, end })),
            (error, page = []) => {
              const last = page.at(-1);
              if (last !== undefined && range.reverse) end = last[0];
              else if (last !== undefined) start = `${last[0]}\0`;
              done(error, page);
            },
          );
        });
      },
      close: () => undefined,
    };
  }

  batch(): OrderedBatch {
    this.#check();
    let changes: Change[] = [];
    return {
      put: (key, value) => changes.push([key, Uint8Array.from(value)]),
      delete: (key) => changes.push([key, undefined]),
      write: ({ sync }, done) => {
        const given = changes;
        changes = [];
        this.#write(given, sync, done);
      },
      discard: () => {
        changes = [];
      },
    };
  }

  approximateBytes(start: string, end: string, done: (error: Error | undefined, bytes: number) => void): void {
    this.#later((fault) => {
      let bytes = 0;
      if (fault === undefined) {
        this.#contents.tree.forRange(start, end, false, (key: string, value: Uint8Array) => {
          bytes += key.length + value.length;
        });
      }
      done(fault, bytes);
    });
  }

  close(done: (error: Error | undefined) => void): void {
    if (this.#state === 'open') {
      this.#state = 'closed';
      this.#gone();
    }
    const finish = (): void => {
      if (this.#state === 'dead') return;
      // Writes that were given before are waited for, as LevelDB does.
      if (this.#underWay.size > 0) {
        this.#schedule(finish);
        return;
      }
      this.#contents.inUse = false;
      done(undefined);
    };
    this.#schedule(finish);
  }

  die(survives: () => boolean): void {
    this.#state = 'dead';
    for (const changes of this.#underWay) if (survives()) this.#contents.write(changes);
    this.#underWay.clear();
  }

  #write(changes: readonly Change[], sync: boolean, done: (error: Error | undefined) => void): void {
    if (this.#state !== 'open') {
      this.#schedule(() => {
        done(closedError());
      });
      return;
    }
    this.#underWay.add(changes);
    this.#schedule(() => {
      if (this.#state === 'dead') return;
      const batch = this.#attempt('write', done, () => {
        this.#underWay.delete(changes);
        return this.#contents.write(changes);
      });
      this.#underWay.delete(changes);
      if (batch === undefined) return;
      this.#schedule(() => {
        if (this.#state === 'dead') return;
        const synced = !sync || this.#attempt('sync', done, () => this.#contents.sync(batch));
        if (synced !== undefined) done(undefined);
      });
    });
  }

  /** A step of a write. @returns undefined after it failed, which `done` was told, or the process died */
  #attempt<T extends object>(
    step: 'write' | 'sync',
    done: (error: Error | undefined) => void,
    act: () => T,
  ): T | undefined {
    try {
      if (this.#broken !== undefined) throw this.#broken;
      return this.#faults.run(step, act);
    } catch (error) {
      if (error instanceof SimulatedStop) return undefined;
      this.#broken = error as Error;
      done(this.#broken);
      return undefined;
    }
  }

  #read<T>(find: () => T, done: (error: Error | undefined, found?: T) => void): void {
    let found: T;
    try {
      found = find();
    } catch (error) {
      if (!(error instanceof SimulatedStop)) done(error as Error);
      return;
    }
    done(undefined, found);
  }

  #shownPage(page: OrderedEntry[]): readonly OrderedEntry[] {
    if (!this.#faults.active) return page;
    const values = this.#faults.shown(page.map(([, value]) => value));
    return page.map(([key], at) => [key, values[at] as Uint8Array]);
  }

  #later(done: (fault: Error | undefined) => void): void {
    this.#schedule(() => {
      if (this.#state === 'dead') return;
      done(this.#state === 'open' ? undefined : closedError());
    });
  }

  #tree(snapshot: OrderedSnapshot | undefined): Tree {
    if (snapshot === undefined) return this.#contents.tree;
    invariant(snapshot instanceof ModelSnapshot, 'a snapshot goes back to the store that took it');
    return snapshot.tree;
  }

  #check(): void {
    if (this.#state !== 'open') throw closedError();
  }
}

function pageOf(tree: Tree, { start, end, reverse, pageBytes, pageRecords = Infinity }: OrderedRange): OrderedEntry[] {
  const page: OrderedEntry[] = [];
  const walk = reverse ? tree.entriesReversed(end, undefined, true) : tree.entries(start);
  let bytes = 0;
  for (const [key, value] of walk as Iterable<[string, Uint8Array]>) {
    if (reverse ? key < start : key >= end) break;
    page.push([key, value]);
    bytes += key.length + value.length;
    if (bytes >= pageBytes || page.length >= pageRecords) break;
  }
  return page;
}

function closedError(): Error {
  return new CoterieError('ERR_CLOSED', { message: 'the store is closed' });
}
