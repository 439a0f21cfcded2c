import { CoterieError } from '@coterie/errors';
import type { SnapshotMeta, SnapshotSink } from '@coterie/raft';
import { compareKeys, inRange } from '../../src/command/key-range.js';
import type { Store, StoreHost } from '../../src/store/store.js';
import type {
  BinaryKey,
  KeyedRecord,
  KeyRange,
  KeyRecord,
  RevisionEvents,
  StoreState,
  StoreView,
  ViewRange,
  Wanted,
} from '../../src/store/types.js';

const freshState: StoreState = {
  appliedIndex: 0,
  appliedTerm: 0,
  revision: 1,
  compactRevision: 0,
  logTimeMs: 0,
  chain: 0,
  contentSum: 0,
  keys: 0,
  featureLevel: 1,
  quotas: new Uint8Array(0),
  cluster: new Uint8Array(0),
  sessions: new Uint8Array(0),
  leases: new Uint8Array(0),
};

/** What a checkpoint holds. */
export interface Image {
  readonly state: StoreState;
  readonly records: ReadonlyMap<BinaryKey, KeyRecord>;
  readonly history: readonly RevisionEvents[];
}

export const emptyImage: Image = { state: freshState, records: new Map(), history: [] };

/**
 * A store in memory, as strict as a real one: what is scanned must have been asked for by the last `prefetch`,
 * checkpoints are copies, and history ends at the compact revision.
 */
export class MemoryStore implements Store {
  readonly statistics = { checkpoints: 0, diskReads: 0, diskWrites: 0 };
  overloaded = false;
  readonly diskWait = undefined;
  readonly noSpace = undefined;
  #image: Image;
  #records: Map<BinaryKey, KeyRecord>;
  #history: RevisionEvents[];
  #compactRevision: number;
  #host: StoreHost | undefined;
  #loaded: { readonly range: KeyRange; readonly covered: number }[] = [];
  /** Chunks of `changes` give at most this many revisions. */
  changesMax = 4;
  /** Called instead of answering `changes` at once. */
  deferChanges: ((answer: () => void) => void) | undefined;
  /** Views that are open. */
  views = 0;

  constructor(image: Image = emptyImage) {
    this.#image = image;
    this.#records = new Map(image.records);
    this.#history = [...image.history];
    this.#compactRevision = image.state.compactRevision;
  }

  get image(): Image {
    return this.#image;
  }

  /** Takes a checkpoint of this moment. */
  checkpoint(): Image {
    const frozen = this.#host!.freeze();
    const { leases } = frozen;
    const state = { ...frozen, leases: leases instanceof Uint8Array ? leases : leases.finish() };
    this.#image = { state, records: new Map(this.#records), history: [...this.#history] };
    this.#host!.checkpointed(state);
    return this.#image;
  }

  recovered(): StoreState {
    return this.#image.state;
  }

  attach(host: StoreHost): void {
    this.#host = host;
  }

  prefetch(wanted: Wanted): boolean {
    this.#loaded = wanted.ranges.map(({ range, limit }) => ({
      range,
      covered: this.#live(range, limit).length === limit ? limit : Infinity,
    }));
    for (const each of this.#loaded) if (each.covered !== Infinity) this.#cover(each);
    return true;
  }

  lookup(key: BinaryKey): KeyRecord | undefined {
    return this.#records.get(key);
  }

  scan(range: KeyRange, limit: number): readonly KeyedRecord[] | undefined {
    const found = this.#live(range, limit);
    const covered = this.#bounds.get(range);
    if (covered === undefined && !this.#loaded.some((each) => each.range === range)) return undefined;
    if (covered !== undefined && (found.length < limit || found.at(-1)!.key > covered)) return undefined;
    return found;
  }

  /** The last key that was loaded of a range of which there may be more. */
  #bounds = new Map<KeyRange, BinaryKey>();

  #cover({ range, covered }: { readonly range: KeyRange; readonly covered: number }): void {
    this.#bounds.set(range, this.#live(range, covered).at(-1)!.key);
  }

  commit(change: RevisionEvents): void {
    this.#history.push(change);
    for (const { key, after } of change.events) {
      if (after === undefined) this.#records.delete(key);
      else this.#records.set(key, after);
    }
  }

  retryCheckpoint(): void {
    // Nothing is ever given up in memory.
  }

  entryApplied(): void {
    this.#loaded = [];
    this.#bounds.clear();
  }

  compact(revision: number): void {
    this.#compactRevision = revision;
    this.#history = this.#history.filter((change) => change.revision >= revision);
  }

  checkpointNow(): Promise<void> {
    this.checkpoint();
    return Promise.resolve();
  }

  unload(): Promise<void> {
    return this.checkpointNow();
  }

  checkpointSoon(): void {
    this.checkpoint();
  }

  historyFrom(): number {
    return 0;
  }

  async deleteCompacted(): Promise<void> {
    // Nothing is in files here.
  }

  logDurable(): void {
    // Nothing waits for it here.
  }

  peek(key: BinaryKey): KeyRecord | undefined {
    return this.#records.get(key);
  }

  async get(key: BinaryKey): Promise<KeyRecord | undefined> {
    return this.#records.get(key);
  }

  view(): StoreView {
    return this.#viewOf(new Map(this.#records), this.#history.at(-1)?.revision ?? this.#image.state.revision);
  }

  async viewAt(revision: number): Promise<StoreView> {
    if (revision < this.#compactRevision) throw new Error('the caller looks at compaction');
    const records = new Map(this.#records);
    for (const change of this.#history.toReversed()) {
      if (change.revision <= revision) break;
      for (const { key, before } of change.events) {
        if (before === undefined) records.delete(key);
        else records.set(key, before);
      }
    }
    return this.#viewOf(records, revision);
  }

  get recentFrom(): number {
    return this.deferChanges === undefined ? 1 : Number.POSITIVE_INFINITY;
  }

  changes(
    from: number,
    _maxBytes: number,
    done: (error: Error | undefined, changes: readonly RevisionEvents[], next: number) => void,
  ): void {
    const answer = () => {
      const compactRevision = this.#compactRevision;
      if (from < compactRevision) {
        done(new CoterieError('ERR_COMPACTED', { message: `${from} is compacted`, compactRevision }), [], from);
        return;
      }
      const changes = this.#history.filter(({ revision }) => revision >= from).slice(0, this.changesMax);
      done(undefined, changes, (changes.at(-1)?.revision ?? from - 1) + 1);
    };
    if (this.deferChanges === undefined) answer();
    else this.deferChanges(answer);
  }

  openSnapshot(): Promise<never> {
    return Promise.reject(new Error('snapshots of this store are handed over as images'));
  }

  receiveSnapshot(): Promise<SnapshotSink> {
    return Promise.reject(new Error('snapshots of this store are handed over as images'));
  }

  /** What `installSnapshot` makes the state. */
  incoming: Image | undefined;

  installSnapshot(_meta: SnapshotMeta): void {
    const image = this.incoming!;
    this.#image = image;
    this.#records = new Map(image.records);
    this.#history = [...image.history];
    this.#compactRevision = image.state.compactRevision;
    this.entryApplied();
  }

  contentHash(): Promise<never> {
    return Promise.reject(new Error('not kept'));
  }

  async close(): Promise<void> {
    // Nothing is open.
  }

  #live(range: KeyRange, limit: number): KeyedRecord[] {
    return [...this.#records]
      .filter(([key]) => inRange(key, range))
      .sort(([a], [b]) => compareKeys(a, b))
      .slice(0, limit)
      .map(([key, record]) => ({ key, record }));
  }

  #viewOf(records: Map<BinaryKey, KeyRecord>, revision: number): StoreView {
    this.views++;
    const scan = async function* ({ range, reverse }: ViewRange): AsyncGenerator<readonly KeyedRecord[]> {
      const found = [...records]
        .filter(([key]) => inRange(key, range))
        .sort(([a], [b]) => (reverse ? compareKeys(b, a) : compareKeys(a, b)))
        .map(([key, record]) => ({ key, record }));
      for (let at = 0; at < found.length; at += 2) yield found.slice(at, at + 2);
    };
    let open = true;
    return {
      revision,
      get: async (key) => records.get(key),
      scan,
      close: async () => {
        if (open) this.views--;
        open = false;
      },
    };
  }
}
