import { CoterieError } from '@coterie/errors';
import type { RawEntry, RawRange, WriteRequest, WriteResult } from '../command/operation.js';
import { refusalError, type Refusal } from '../command/refusal.js';
import { isSetting } from '../command/request-codec.js';
import type {
  CallControl,
  EngineStream,
  GetRequest,
  IterateRequest,
  KvEngine,
  RangeRequest,
  RawBatch,
  RawLease,
  ReadRequest,
  WatchRequest,
} from '../engine/engine.js';
import type { KvClock } from '../kv/pacing.js';
import { systemClock } from '../kv/system-time.js';
import type { NaiveLease } from './naive-leases.js';
import { NaiveModel } from './naive-model.js';

/** How late a lease may end. */
const expiryMs = 20;

/** How a model behaves. */
export interface ModelEngineOptions {
  /** Default 10,000, as everywhere. */
  readonly rangeEntries?: number;
  /** Entries of an iteration's page, batches of a watch's page. Default 64. */
  readonly pageItems?: number;
  /** Revisions that a watch with `overflow: 'error'` may fall behind. Default 1,000. */
  readonly lag?: number;
  readonly clock?: KvClock;
}

/**
 * A whole engine in memory without log, disk or network: for tests of what stands on a `Kv`, and the measure for real
 * engines.
 *
 * It gives out the memory that it keeps, as an engine in the same thread may: whoever changes what it was given shows
 * up.
 */
export class ModelEngine implements KvEngine {
  readonly state = new NaiveModel();
  readonly #options: Required<ModelEngineOptions>;
  /** Told after every write and at the end. */
  readonly #wakers = new Set<() => void>();
  /** Runs while there are leases. */
  #expiry: unknown;
  #closed = false;

  constructor(options: ModelEngineOptions = {}) {
    this.#options = { rangeEntries: 10_000, pageItems: 64, lag: 1_000, clock: systemClock, ...options };
  }

  /** Ends streams, rejects what waits. */
  close(): void {
    this.#closed = true;
    this.#stopExpiry();
    this.#wake();
  }

  #expire(): void {
    if (this.state.expire(this.#options.clock.now())) this.#wake();
    if (this.state.leases.all.length === 0) this.#stopExpiry();
  }

  #stopExpiry(): void {
    if (this.#expiry !== undefined) this.#options.clock.clearInterval(this.#expiry);
    this.#expiry = undefined;
  }

  #wake(): void {
    for (const wake of [...this.#wakers]) wake();
  }

  async write(request: WriteRequest, control: CallControl): Promise<WriteResult> {
    if (this.#closed) throw closed('not-applied');
    if (control.signal?.aborted === true) throw aborted(control.signal, 'not-applied');
    if (isSetting(request)) {
      const message = `request.kind is ${request.kind}: a model has no cluster to set`;
      throw new CoterieError('ERR_INVALID_ARGUMENT', { message, argument: 'request', outcome: 'not-applied' });
    }
    this.#expire();
    const outcome = this.state.execute(request);
    if (outcome.kind === 'refused') throw refusalError(outcome);
    if (this.state.leases.all.length > 0) {
      this.#expiry ??= this.#options.clock.setInterval(() => this.#expire(), expiryMs);
    }
    this.#wake();
    return outcome;
  }

  async get(
    request: GetRequest,
    control: CallControl,
  ): Promise<{ readonly revision: number; readonly entry?: RawEntry }> {
    const revision = await this.#readable(request, control);
    const entry = this.state.get(request.key, revision);
    return entry === undefined ? { revision } : { revision, entry };
  }

  async range(request: RangeRequest, control: CallControl): Promise<{ readonly revision: number } & RawRange> {
    const revision = await this.#readable(request, control);
    const result = this.state.range(request, revision);
    const { rangeEntries } = this.#options;
    if (request.limit === 0 && result.entries.length > rangeEntries) {
      const message = `the range has more than ${rangeEntries} entries (limit rangeEntries): page it or iterate`;
      throw new CoterieError('ERR_TOO_LARGE', { message, limit: rangeEntries });
    }
    return { revision, ...result };
  }

  async #readable(request: ReadRequest, control: CallControl): Promise<number> {
    if (this.#closed) throw closed();
    if (control.signal?.aborted === true) throw aborted(control.signal);
    const { minRevision } = request;
    if (minRevision !== undefined) await this.#until(() => this.state.revision >= minRevision, control);
    const revision = request.revision ?? this.state.revision;
    assertReadable(this.state, revision);
    return revision;
  }

  async #until(holds: () => boolean, { signal, timeoutMs }: CallControl): Promise<void> {
    const { clock } = this.#options;
    const until = timeoutMs === undefined || timeoutMs === 0 ? Infinity : clock.now() + timeoutMs;
    while (!holds()) {
      if (this.#closed) throw closed();
      if (signal?.aborted === true) throw aborted(signal);
      const left = until - clock.now();
      if (left <= 0) throw new CoterieError('ERR_TIMEOUT', { message: `nothing came within ${timeoutMs} ms` });
      await this.#woken(left, signal);
    }
  }

  #woken(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      const timer = ms === Infinity ? undefined : clock.setInterval(() => done(), ms);
      const done = () => {
        if (timer !== undefined) clock.clearInterval(timer);
        this.#wakers.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      this.#wakers.add(done);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  iterate(request: IterateRequest): EngineStream<RawEntry> {
    let rest: RawEntry[] | undefined;
    let ended = false;
    return {
      next: async () => {
        if (this.#closed || ended) return undefined;
        if (rest === undefined) {
          const revision = request.revision ?? this.state.revision;
          assertReadable(this.state, revision);
          const whole = { range: request.range, limit: 0, reverse: request.reverse, keysOnly: false, countOnly: false };
          rest = [...this.state.range(whole, revision).entries];
        }
        return rest.length === 0 ? undefined : rest.splice(0, this.#options.pageItems);
      },
      close: () => void (ended = true),
    };
  }

  async lease(
    { id }: { readonly id: number },
    control: CallControl,
  ): Promise<(RawLease & { readonly keys: readonly string[] }) | undefined> {
    await this.#readable({ consistency: 'linearizable' }, control);
    const lease = this.state.leases.find(id);
    return lease === undefined ? undefined : { ...this.#raw(lease), keys: this.state.keysOf(id) };
  }

  leases(_: null): EngineStream<RawLease> {
    let rest: RawLease[] | undefined;
    return {
      next: async () => {
        if (this.#closed) throw closed();
        this.#expire();
        rest ??= this.state.leases.all.map((lease) => this.#raw(lease));
        return rest.length === 0 ? undefined : rest.splice(0, this.#options.pageItems);
      },
      close: () => void (rest = []),
    };
  }

  #raw({ id, generation, ttlMs, deadlineMs }: NaiveLease): RawLease {
    return { id, generation, ttlMs, remainingMs: Math.max(0, deadlineMs - this.state.leases.nowMs) };
  }

  watch(request: WatchRequest): EngineStream<RawBatch> {
    return new ModelWatch(this.state, request, this.#options, {
      closed: () => this.#closed,
      subscribe: (wake) => {
        this.#wakers.add(wake);
        return () => this.#wakers.delete(wake);
      },
    });
  }
}

interface WatchHost {
  closed(): boolean;
  subscribe(wake: () => void): () => void;
}

/** Reads the history as it is asked to: it holds nothing for a slow reader. */
class ModelWatch implements EngineStream<RawBatch> {
  readonly #state: NaiveModel;
  readonly #request: WatchRequest;
  readonly #options: Required<ModelEngineOptions>;
  readonly #host: WatchHost;
  readonly #unsubscribe: () => void;
  readonly #head: RawBatch[];
  /** The first revision that was not looked at. */
  #next: number;
  /** The revision of the last batch that was given out. */
  #told: number;
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(state: NaiveModel, request: WatchRequest, options: Required<ModelEngineOptions>, host: WatchHost) {
    this.#state = state;
    this.#request = request;
    this.#options = options;
    this.#host = host;
    this.#unsubscribe = host.subscribe(() => this.#wake?.());
    this.#next = request.fromRevision ?? state.revision + 1;
    this.#told = this.#next - 1;
    this.#head = this.#opening();
  }

  #opening(): RawBatch[] {
    const { revision } = this.#state;
    const opened: RawBatch = { kind: 'opened', revision: this.#next - 1, events: [] };
    if (!this.#request.initial) return [opened];
    const events = this.#state.initialEvents(this.#request, revision);
    const batches: RawBatch[] = [];
    for (let at = 0; at < events.length; at += this.#options.pageItems) {
      batches.push({ kind: 'initial', revision, events: events.slice(at, at + this.#options.pageItems) });
    }
    return [opened, ...batches, { kind: 'synced', revision, events: [] }];
  }

  async next(): Promise<readonly RawBatch[] | undefined> {
    for (;;) {
      if (this.#ended || this.#host.closed()) return undefined;
      const head = this.#head.splice(0, this.#options.pageItems);
      if (head.length > 0) return head;
      const batches = this.#batches();
      if (batches.length > 0) return batches;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #batches(): RawBatch[] {
    const { revision, compactRevision } = this.#state;
    if (this.#next < compactRevision) throw unreadable({ kind: 'refused', code: 'ERR_COMPACTED', compactRevision });
    if (this.#request.overflow === 'error' && revision - this.#next >= this.#options.lag) {
      const message = `the watch fell more than ${this.#options.lag} revisions behind`;
      throw new CoterieError('ERR_WATCH_OVERFLOW', { message, revision: this.#next - 1 });
    }
    const due = this.#state.changes(this.#request, this.#next);
    const batches = due.slice(0, this.#options.pageItems);
    const all = batches.length === due.length;
    this.#next = Math.max(this.#next, (all ? revision : batches.at(-1)!.revision) + 1);
    if (this.#request.progress && all && revision > this.#told)
      batches.push({ kind: 'progress', revision, events: [] });
    this.#told = batches.at(-1)?.revision ?? this.#told;
    return batches;
  }

  close(): void {
    this.#ended = true;
    this.#unsubscribe();
    this.#wake?.();
  }
}

function assertReadable(state: NaiveModel, revision: number): void {
  const refusal = state.unreadable(revision);
  if (refusal !== undefined) throw unreadable(refusal);
}

/** A refusal as a read has it: there is no write of which an outcome could be told. */
function unreadable({ kind: _, code, ...figures }: Refusal): CoterieError {
  return new CoterieError(code, { message: 'the revision is compacted, or not there yet', ...figures });
}

function closed(outcome?: 'not-applied'): CoterieError<'ERR_CLOSED'> {
  return new CoterieError('ERR_CLOSED', {
    message: 'the model is closed',
    ...(outcome === undefined ? {} : { outcome }),
  });
}

function aborted(signal: AbortSignal, outcome?: 'not-applied'): CoterieError<'ERR_ABORTED'> {
  const fields = { message: 'the call was aborted by its signal', cause: signal.reason as unknown };
  return new CoterieError('ERR_ABORTED', { ...fields, ...(outcome === undefined ? {} : { outcome }) });
}
