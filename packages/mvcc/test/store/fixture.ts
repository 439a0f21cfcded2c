import type { Random } from '@coterie/raft';
import { SimDisk } from '../../src/files/sim-disk.js';
import { ModelOrderedStores } from '../../src/store/model-ordered-store.js';
import { openLevelStore } from '../../src/store/open-level-store.js';
import { recordChecksum } from '../../src/store/record-checksum.js';
import { initialState } from '../../src/store/checkpoint-record.js';
import { ContentSum } from '../../src/store/content-sum.js';
import type { StoreLimits } from '../../src/store/store-limits.js';
import type { Store } from '../../src/store/store.js';
import type { BinaryKey, KeyEvent, KeyRecord, RevisionEvents, StoreState } from '../../src/store/types.js';

/** A small seeded generator (mulberry32): the same numbers for the same seed. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return {
    nextInt(n) {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) % n;
    },
  };
}

/** Things that will happen, in an order that a seed decides: whatever is due may be next. */
export class Schedule {
  readonly #random: Random;
  #due: (() => void)[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  readonly add = (fn: () => void): void => {
    this.#due.push(fn);
  };

  get size(): number {
    return this.#due.length;
  }

  /** @returns false when nothing was due */
  step(): boolean {
    if (this.#due.length === 0) return false;
    const [fn] = this.#due.splice(this.#random.nextInt(this.#due.length), 1);
    fn?.();
    return true;
  }

  /** Takes away what is due; `add` gives it back. */
  take(): readonly (() => void)[] {
    const due = this.#due;
    this.#due = [];
    return due;
  }

  forget(): void {
    this.#due = [];
  }

  /** Goes on until nothing is due and all that follows from it has run. */
  async drain(): Promise<void> {
    for (;;) {
      await settled();
      if (!this.step()) return;
    }
  }

  /** Goes on until a promise settles. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    promise.then(
      () => (done = true),
      () => (done = true),
    );
    for (;;) {
      await settled();
      if (done) return promise;
      if (!this.step()) throw new Error('nothing is due and the promise is pending');
    }
  }
}

/** Lets promise callbacks run that are ready. */
async function settled(): Promise<void> {
  for (let at = 0; at < 40; at++) await Promise.resolve();
}

export const tinyLimits: Partial<StoreLimits> = {
  checkpointBytes: 6_000,
  checkpointBatchBytes: 600,
  sliceRecords: 3,
  sliceBytes: 700,
  cacheBytes: 3_000,
  prefetchBytes: 4_000,
  recentBytes: 1_500,
  segmentBytes: 2_000,
};

/** A machine of its own: one simulated disk, one model of LevelDB, one schedule. */
export class World {
  readonly random: Random;
  readonly schedule: Schedule;
  readonly disk: SimDisk;
  readonly ordered: ModelOrderedStores;

  constructor(seed: number) {
    this.random = seeded(seed);
    this.schedule = new Schedule(this.random);
    this.disk = new SimDisk({
      random: this.random,
      schedule: (_, fn) => {
        this.schedule.add(fn);
      },
    });
    this.ordered = new ModelOrderedStores(this.schedule.add);
  }

  open(limits: Partial<StoreLimits> = tinyLimits, minAppliedIndex = 0): Promise<Store> {
    const opening = openLevelStore({
      directory: '/data',
      files: this.disk.files,
      background: this.disk.background,
      ordered: this.ordered,
      defer: this.schedule.add,
      limits,
      minAppliedIndex,
    });
    return this.schedule.until(opening);
  }

  /**
   * First all that was ready to run has run: a process that is gone must not go on from a promise that was settled
   * before.
   */
  async crash(): Promise<void> {
    await settled();
    this.schedule.forget();
    this.disk.crash();
    this.ordered.crash(() => this.random.nextInt(2) === 0);
  }
}

/** Writes as a state machine does: each entry changes some keys in one revision, and the log keeps what it did. */
export class Writer {
  revision = initialState.revision;
  compactRevision = 0;
  index = 0;
  readonly live = new Map<BinaryKey, KeyRecord>();
  readonly checkpoints: StoreState[] = [];
  failures: Error[] = [];
  #content = new ContentSum();

  constructor(public store: Store) {
    this.adopt(store);
  }

  /** Takes a store over: opened again, or with a snapshot installed. */
  adopt(store: Store): void {
    this.store = store;
    const state = store.recovered();
    this.index = state.appliedIndex;
    this.revision = state.revision;
    this.compactRevision = state.compactRevision;
    this.#content = new ContentSum(state.contentSum, state.keys);
    store.attach({
      freeze: () => this.state(),
      checkpointed: (at) => this.checkpoints.push(at),
      failed: (error) => this.failures.push(error),
    });
  }

  state(): StoreState {
    return {
      ...initialState,
      appliedIndex: this.index,
      appliedTerm: 7,
      revision: this.revision,
      compactRevision: this.compactRevision,
      contentSum: this.#content.sum,
      keys: this.#content.keys,
      cluster: Uint8Array.of(1, 2, 3),
      sessions: bytes(`sessions at ${this.index}`),
      leases: bytes(`leases at ${this.index}`),
    };
  }

  /** One entry that puts (a value) or deletes (undefined) keys. @returns what it changed; undefined when nothing */
  apply(changes: readonly (readonly [BinaryKey, Uint8Array | undefined])[]): RevisionEvents | undefined {
    const revision = this.revision + 1;
    const events: KeyEvent[] = [];
    for (const [key, value] of changes) {
      const before = this.store.lookup(key);
      if (value === undefined && before === undefined) continue;
      events.push({ key, before, after: value === undefined ? undefined : makeRecord(key, value, revision, before) });
    }
    let change: RevisionEvents | undefined;
    if (events.length > 0) {
      change = { revision, events };
      this.revision = revision;
      for (const event of events) this.#content.change(event);
      this.store.commit(change);
    }
    this.entryApplied();
    return change;
  }

  entryApplied(bytes = 0): void {
    this.index++;
    this.store.entryApplied(this.index, bytes);
  }

  compact(revision: number): void {
    this.compactRevision = revision;
    this.store.compact(revision);
    this.entryApplied();
  }
}

export function makeRecord(
  key: BinaryKey,
  value: Uint8Array,
  revision: number,
  before: KeyRecord | undefined,
): KeyRecord {
  const record = {
    value,
    createRevision: before?.createRevision ?? revision,
    modRevision: revision,
    version: (before?.version ?? 0) + 1,
    lease: 0,
  };
  return { ...record, crc32c: recordChecksum(key, record) };
}

export function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}

export function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value).toString();
}
