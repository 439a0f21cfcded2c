import type { Random } from '@coterie/raft';
import type { KeyRequest } from '../../src/command/operation.js';
import type { EngineStream, RawBatch, WatchRequest } from '../../src/engine/engine.js';
import { type MvccLimits, resolveLimits } from '../../src/limits.js';
import type { RevisionEvents } from '../../src/store/types.js';
import { execute } from '../../src/txn/executor.js';
import { WatchHub } from '../../src/watch/watch-hub.js';
import { MemoryStore } from '../machine/memory-store.js';
import { ManualScheduler, settle } from '../machine/virtual-clock.js';
import { PlainState } from '../txn/plain-state.js';

/** A hub over a store, fed as a state machine feeds it. */
export class WatchWorld {
  readonly state = new PlainState();
  readonly store = new MemoryStore();
  readonly scheduler = new ManualScheduler();
  readonly hub: WatchHub;
  /** Everything that has happened. */
  readonly history: RevisionEvents[] = [];
  #unpublished: RevisionEvents[] = [];

  constructor(limits: Partial<MvccLimits> = {}) {
    const { store, scheduler } = this;
    this.hub = new WatchHub({ store, scheduler, limits: resolveLimits(limits), revision: 1, compactRevision: 0 });
  }

  get revision(): number {
    return this.state.revision;
  }

  write(request: KeyRequest): void {
    const { change } = execute(request, this.state);
    if (change === undefined) return;
    this.state.commit(change);
    this.store.commit(change);
    this.history.push(change);
    this.#unpublished.push(change);
  }

  put(key: string, text = ''): void {
    this.write({ kind: 'put', key, value: new TextEncoder().encode(text), prev: false });
  }

  delete(start: string, end: string): void {
    this.write({ kind: 'delete', range: { start, end }, prev: false });
  }

  /** The entry is applied: watchers hear of what was written since. */
  publish(): void {
    const changes = this.#unpublished;
    this.#unpublished = [];
    this.hub.publish(changes);
  }

  /** What was written since came as a snapshot. */
  install(): void {
    this.#unpublished = [];
    this.hub.rebind(this.revision, this.state.compactRevision);
  }

  compact(revision: number): void {
    this.store.compact(revision);
    this.state.compactRevision = revision;
    this.hub.compacted(revision);
  }

  watch(request: Partial<WatchRequest>): Consumer {
    return new Consumer(
      this,
      this.hub.watch({
        ranges: [{ start: '' }],
        prev: false,
        initial: false,
        progress: false,
        overflow: 'resume',
        ...request,
      }),
    );
  }
}

/** Pulls a stream when told to and keeps what came. */
export class Consumer {
  readonly batches: RawBatch[] = [];
  error: unknown;
  ended = false;
  closed = false;
  readonly #world: WatchWorld;
  readonly #stream: EngineStream<RawBatch>;
  #pulling = false;

  constructor(world: WatchWorld, stream: EngineStream<RawBatch>) {
    this.#world = world;
    this.#stream = stream;
  }

  get changes(): RawBatch[] {
    return this.batches.filter(({ kind }) => kind === 'change');
  }

  /** Asks for what comes next, unless it already waits. */
  pull(): void {
    if (this.#pulling || this.ended) return;
    this.#pulling = true;
    this.#stream.next().then(
      (batches) => {
        this.#pulling = false;
        if (batches === undefined) this.ended = true;
        else this.batches.push(...batches);
      },
      (error: unknown) => {
        this.#pulling = false;
        this.ended = true;
        this.error = error;
      },
    );
  }

  /** Pulls until nothing comes any more. */
  async drain(): Promise<this> {
    for (let quiet = 0; quiet < 8 && !this.ended;) {
      const before = this.batches.length;
      this.pull();
      await settle();
      this.#world.scheduler.run();
      await settle();
      quiet = this.batches.length === before ? quiet + 1 : 0;
    }
    return this;
  }

  close(): void {
    this.closed = true;
    this.#stream.close();
  }
}

/** Answers of the store to `changes` that come later, in an order that chance decides. */
export class LateAnswers {
  readonly #random: Random;
  #waiting: (() => void)[] = [];

  constructor(store: MemoryStore, random: Random) {
    this.#random = random;
    store.deferChanges = (answer) => this.#waiting.push(answer);
  }

  get idle(): boolean {
    return this.#waiting.length === 0;
  }

  answerOne(): void {
    const [answer] = this.#waiting.splice(this.#random.nextInt(Math.max(this.#waiting.length, 1)), 1);
    answer?.();
  }

  answerAll(): void {
    while (this.#waiting.length > 0) this.answerOne();
  }

  /** The store was replaced: what it owed never comes. */
  forget(): void {
    this.#waiting = [];
  }
}
