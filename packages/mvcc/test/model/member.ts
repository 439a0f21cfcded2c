import type { CommittedEntry } from '@coterie/raft';
import { refusalError } from '../../src/command/refusal.js';
import type { WriteRequest, WriteResult } from '../../src/command/operation.js';
import type {
  EngineStream,
  GetRequest,
  IterateRequest,
  KvEngine,
  RangeRequest,
  RawBatch,
  WatchRequest,
} from '../../src/engine/engine.js';
import { createKv } from '../../src/kv/create-kv.js';
import { MvccStateMachine } from '../../src/machine.js';
import type { KeptOutcome } from '../../src/session/replica.js';
import type { StoreLimits } from '../../src/store/store-limits.js';
import type { Store } from '../../src/store/store.js';
import type { LogWriter } from '../machine/log-writer.js';
import { VirtualClock } from '../machine/virtual-clock.js';
import { World } from '../store/fixture.js';
import type { BytesKv } from './public-calls.js';

const conf = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
/** More turns of the microtask queue than any call needs that nothing holds up. */
const turnsMax = 150;
/** More than there is ever due for one call: what takes longer goes round in circles. */
const stepsMax = 2_000;

/** So little room that everything spills over: watches fall behind, caches forget, each history file is short. */
const limits: Partial<StoreLimits> = {
  checkpointBytes: 900,
  sliceRecords: 3,
  sliceBytes: 700,
  cacheBytes: 500,
  prefetchBytes: 1_000,
  recentBytes: 300,
  segmentBytes: 500,
};
const watchBytes = 400;

interface Open {
  readonly request: WriteRequest;
  readonly resolve: (result: WriteResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One replica as an application has it: a `Kv` over the state machine, over the real store, on a simulated disk. Its
 * log is durable at once and shared with others; whoever drives it says when what was issued becomes an entry.
 */
export class Member implements KvEngine {
  readonly #world: World;
  readonly #log: LogWriter;
  readonly #limits: Partial<StoreLimits>;
  #store!: Store;
  #machine!: MvccStateMachine;
  #issued: Open[] = [];
  #open = new Map<number, Open>();
  readonly #failures: Error[] = [];
  /** A new one for each life of the process. */
  kv!: BytesKv;

  constructor(seed: number, log: LogWriter, more: Partial<StoreLimits> = {}) {
    this.#world = new World(seed);
    this.#log = log;
    this.#limits = { ...limits, ...more };
  }

  /** Opens what is on the disk and applies the log behind it. @returns how many entries those were */
  async start(): Promise<number> {
    const { schedule } = this.#world;
    this.#store = await this.#world.open(this.#limits);
    const clock = new VirtualClock();
    const scheduler = { defer: schedule.add };
    this.#machine = new MvccStateMachine({ store: this.#store, clock, scheduler, limits: { watchBytes } });
    this.#machine.attach({ checkpointed: () => undefined, failed: (error) => this.#failures.push(error) });
    const ignore = (): void => undefined;
    this.#machine.listen({
      opened: ignore,
      gap: ignore,
      ended: ignore,
      rebound: ignore,
      settled: (_session, sequence, outcome) => this.#settled(sequence, outcome),
    });
    this.kv = createKv(this, { clock, scheduler }).withEncoding({ key: 'bytes', value: 'bytes' });
    return this.catchUp();
  }

  async catchUp(): Promise<number> {
    const missed = this.#log.log.slice(this.#machine.applied().index);
    for (const entry of missed) await this.#apply(entry);
    return missed.length;
  }

  /** The process dies, with what was on its way to the disk half there. */
  async crash(): Promise<void> {
    await this.#world.crash();
  }

  async close(): Promise<void> {
    await this.run(this.#machine.close());
    await this.drain();
  }

  get failures(): readonly Error[] {
    return this.#failures;
  }

  /** Whatever is due happens, until this is settled. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const settle = (): void => void (done = true);
    promise.then(settle, settle);
    for (let steps = 0; ; steps++) {
      if (steps > stepsMax) throw new Error(`not settled after ${stepsMax} steps`);
      for (let turns = 0; turns < turnsMax && !done; turns++) await Promise.resolve();
      if (done) return promise;
      if (!this.#world.schedule.step()) throw new Error('nothing is due, and the promise is pending');
    }
  }

  /** Some of what is due happens. */
  async step(count: number): Promise<void> {
    for (let left = count; left > 0 && this.#world.schedule.step(); left--) {
      for (let turns = 0; turns < 10; turns++) await Promise.resolve();
    }
  }

  /** All that is due happens, and what follows from it. */
  async drain(): Promise<void> {
    for (let steps = 0; ; steps++) {
      if (steps > stepsMax) throw new Error(`something is due after ${stepsMax} steps`);
      for (let turns = 0; turns < 20; turns++) await Promise.resolve();
      if (!this.#world.schedule.step()) return;
    }
  }

  /** Takes over the state of another member, by its snapshot. */
  async installFrom(other: Member): Promise<void> {
    await other.drain();
    const { meta: sent, source } = await other.run(other.#store.openSnapshot());
    const meta = { ...sent, conf };
    const sink = await this.run(this.#machine.receiveSnapshot(meta));
    for (let at = 0; at < source.size; at += 4_096) {
      await this.run(sink.write(await other.run(source.read(at, Math.min(4_096, source.size - at)))));
    }
    await this.run(sink.commit());
    await other.run(source.close());
    this.#machine.installSnapshot(meta);
  }

  get appliedIndex(): number {
    return this.#machine.applied().index;
  }

  /** Makes one entry of everything that was issued, and applies it. */
  async commit(): Promise<void> {
    const issued = this.#issued;
    this.#issued = [];
    if (issued.length === 0) return;
    const entry = this.#log.write(...issued.map(({ request }) => request));
    for (const [at, open] of issued.entries()) this.#open.set(this.#log.sequence - issued.length + 1 + at, open);
    await this.#apply(entry);
  }

  async #apply(entry: CommittedEntry): Promise<void> {
    // As a driver does: asked again whenever something has been loaded.
    for (let asked = 0; ; asked++) {
      if (asked > 100) throw new Error(`entry ${entry.index} never becomes ready`);
      let loaded = (): void => undefined;
      const ready = new Promise<void>((resolve) => (loaded = resolve));
      if (this.#machine.prepare(entry, loaded)) break;
      await this.run(ready);
    }
    this.#machine.apply(entry);
    this.#machine.logDurable(entry.index);
    await this.step(this.#world.random.nextInt(4));
  }

  #settled(sequence: number, outcome: KeptOutcome): void {
    const open = this.#open.get(sequence);
    this.#open.delete(sequence);
    if (open === undefined) return;
    if (typeof outcome === 'string') open.reject(new Error(`the outcome of ${sequence} is ${outcome}`));
    else if (outcome.kind === 'refused') open.reject(refusalError(outcome));
    else open.resolve(outcome);
  }

  write(request: WriteRequest): Promise<WriteResult> {
    return new Promise((resolve, reject) => this.#issued.push({ request, resolve, reject }));
  }

  get(request: GetRequest) {
    return this.#machine.get(request.key, request.revision);
  }

  range(request: RangeRequest) {
    return this.#machine.range(request);
  }

  iterate(request: IterateRequest) {
    return this.#machine.iterate(request);
  }

  watch(request: WatchRequest): EngineStream<RawBatch> {
    return this.#machine.watch(request);
  }

  lease(): Promise<never> {
    return Promise.reject(new Error('no life here has leases'));
  }

  leases(): never {
    throw new Error('no life here has leases');
  }
}
