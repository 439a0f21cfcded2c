import { CoterieError, invariant } from '@coterie/errors';
import type { EngineStream, KvEngine, RawBatch, RawEvent, WatchRequest } from '../engine/engine.js';
import { invalid } from './arguments.js';
import type { Endable, KvLifecycle } from './lifecycle.js';
import type { Pacer } from './pacing.js';
import { onceAborted } from './signal-ends.js';
import type { ViewCodec } from './view-codec.js';
import type { Watch, WatchBatch, WatchEvent } from './watch.js';

/** What a watch needs of its store. */
export interface WatchContext {
  readonly engine: KvEngine;
  readonly lifecycle: KvLifecycle;
  readonly pacer: Pacer;
  readonly codec: ViewCodec;
}

type End = 'signal' | 'close' | 'store';

/** A watch that never was: its input was bad, or its store is closed. */
export interface StillbornWatch {
  readonly error: unknown;
}

/**
 * The consumer's side of a watch.
 *
 * It holds at most one page of batches: what the engine gave with one pull. The engine bounds the rest, by `overflow`.
 */
export class KvWatch implements Watch<unknown, unknown>, Endable {
  readonly ready: Promise<{ readonly revision: number }>;
  readonly #context: WatchContext;
  readonly #signal: AbortSignal | undefined;
  /** Takes its end by the signal back. */
  #unlisten: (() => void) | undefined;
  #stream: EngineStream<RawBatch> | undefined;
  #page: readonly RawBatch[] = [];
  #at = 0;
  #revision = 0;
  #end_: End | undefined;
  /** Thrown once by `next`, then the watch is over. */
  #failure: { readonly error: unknown } | undefined;
  #over = false;
  #stands = false;
  #pulling = false;

  constructor(context: WatchContext, request: WatchRequest | StillbornWatch, signal: AbortSignal | undefined) {
    this.#context = context;
    this.#signal = signal;
    this.ready = this.#open(request);
    // Nobody has to look at `ready`; what broke comes out of `next` as well.
    this.ready.catch(() => undefined);
  }

  get revision(): number {
    return this.#revision;
  }

  async #open(request: WatchRequest | StillbornWatch): Promise<{ readonly revision: number }> {
    if ('error' in request) throw this.#fail(request.error);
    const { lifecycle, engine } = this.#context;
    if (lifecycle.closed) this.#end('store');
    else if (this.#signal?.aborted === true) this.#end('signal');
    if (this.#end_ !== undefined) throw this.#endedEarly(this.#end_);
    lifecycle.enter(this);
    if (this.#signal !== undefined) this.#unlisten = onceAborted(this.#signal, () => this.#end('signal'));
    let page: readonly RawBatch[] | undefined;
    try {
      this.#stream = engine.watch(request);
      page = await this.#stream.next();
    } catch (error) {
      throw this.#fail(error);
    }
    // Whoever opens very many, one after the other or at once, lets timers and sockets run.
    const pause = this.#context.pacer.pause();
    if (pause !== undefined) await pause;
    if (page === undefined || this.#over) throw this.#endedEarly(this.#end_ ?? 'store');
    const [opened] = page;
    invariant(opened?.kind === 'opened', 'a watch opens with its revision', { kind: opened?.kind });
    this.#page = page;
    this.#at = 1;
    this.#stands = true;
    if (!request.initial)
      this.#revision = request.fromRevision === undefined ? opened.revision : request.fromRevision - 1;
    return { revision: opened.revision };
  }

  #endedEarly(end: End): CoterieError {
    this.#finish();
    return end === 'signal'
      ? new CoterieError('ERR_ABORTED', { message: 'the watch was ended before it stood', cause: this.#signal?.reason })
      : new CoterieError('ERR_CLOSED', { message: 'the watch was closed before it stood' });
  }

  #fail(error: unknown): unknown {
    // What breaks because it is being ended is not a fault of the watch.
    if (this.#end_ === undefined) this.#failure ??= { error };
    this.#finish();
    return error;
  }

  #end(end: End): void {
    this.#end_ ??= end;
    this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#page = [];
    this.#unlisten?.();
    this.#context.lifecycle.leave(this);
    this.#stream?.close();
  }

  storeClosed(): void {
    this.#end('store');
  }

  async next(): Promise<IteratorResult<WatchBatch<unknown, unknown>, undefined>> {
    if (this.#pulling) throw invalid('next', 'was called again before it had answered: a watch has one consumer');
    this.#pulling = true;
    try {
      if (!this.#stands) await this.ready.catch(() => undefined);
      const batch = await this.#nextBatch();
      if (batch !== undefined) return { done: false, value: batch };
      const failure = this.#failure;
      this.#failure = undefined;
      if (failure !== undefined) throw failure.error;
      return { done: true, value: undefined };
    } finally {
      this.#pulling = false;
    }
  }

  async #nextBatch(): Promise<WatchBatch<unknown, unknown> | undefined> {
    const pause = this.#context.pacer.pause();
    if (pause !== undefined) await pause;
    while (!this.#over) {
      // It may be one of very many, whose end comes in a later turn.
      if (this.#signal?.aborted === true) this.#end('signal');
      else if (this.#context.lifecycle.closed) this.#end('store');
      if (this.#over) break;
      const raw = this.#page[this.#at];
      if (raw !== undefined) {
        this.#at++;
        return this.#handOut(raw);
      }
      this.#at = 0;
      this.#page = [];
      await this.#pull();
    }
    return undefined;
  }

  async #pull(): Promise<void> {
    try {
      const page = await this.#stream!.next();
      if (this.#over) return;
      if (page === undefined) this.#end('store');
      else this.#page = page;
    } catch (error) {
      this.#fail(error);
    }
  }

  async #handOut(raw: RawBatch): Promise<WatchBatch<unknown, unknown> | undefined> {
    const { kind, revision } = raw;
    invariant(kind !== 'opened', 'a watch opens once');
    if (kind === 'synced' || kind === 'progress') {
      this.#revision = revision;
      return { kind, revision, events: [] };
    }
    try {
      const { pacer, codec } = this.#context;
      const events = await pacer.map(raw.events, (event) => decodeEvent(codec, event));
      // Ended while it was decoded: nothing comes after close().
      if (this.#over) return undefined;
      if (kind === 'change') this.#revision = revision;
      return { kind, revision, events };
    } catch (error) {
      if (kind === 'change') this.#revision = revision;
      this.#fail(ofBatch(error, revision));
      return undefined;
    }
  }

  return(): Promise<IteratorResult<WatchBatch<unknown, unknown>, undefined>> {
    this.#end('close');
    return Promise.resolve({ done: true, value: undefined });
  }

  close(): Promise<void> {
    this.#end('close');
    return Promise.resolve();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * A consumer goes on behind the revision that the error names: it must be the batch's, also for a `prev` of an earlier
 * one.
 */
function ofBatch(error: unknown, revision: number): unknown {
  if (!(error instanceof CoterieError) || error.code !== 'ERR_DECODING' || error.revision === revision) return error;
  const { key, cause } = error;
  return new CoterieError('ERR_DECODING', { message: `revision ${revision}: ${error.message}`, key, revision, cause });
}

function decodeEvent(codec: ViewCodec, event: RawEvent): WatchEvent<unknown, unknown> {
  const prev = event.prev === undefined ? {} : { prev: codec.entry(event.prev) };
  if (event.type === 'put') return { type: 'put', entry: codec.entry(event.entry), ...prev };
  const { modRevision, reason } = event;
  return {
    type: 'delete',
    entry: { key: codec.decodeKey(event.key, modRevision), modRevision },
    ...prev,
    reason,
  };
}
