import { CoterieError } from '@coterie/errors';
import type { CallOptions, Closable, Kv } from '@coterie/mvcc';
import { invalid } from '../kernel/names.js';
import type { RecipeClock } from '../kernel/system-clock.js';
import { patience, within } from '../kernel/waiting.js';

/** How ids are taken. */
export interface IdBlockOptions {
  /** Ids taken from the store at once, from 1 to 1,000,000. Default 1,000. A crash loses what is left of them. */
  size?: number | undefined;
  /** The last id that there may be. Default: the largest safe integer. */
  max?: number | undefined;
}

/**
 * Ids of one name: positive safe integers, unique among all who share the store, not in order across them.
 *
 * Blocks of them are taken from the store ahead of need, so that one id costs no round trip. An id is never given out
 * twice: a block counts as taken as soon as its taking may have happened, and is used only when it certainly has. What
 * is left of a block is lost with a crash and with `close()`.
 */
export interface IdBlock extends Closable {
  readonly name: string;
  /** Ids at hand. */
  readonly remaining: number;
  /**
   * The next id, at once.
   *
   * @throws CoterieError ERR_OVERLOADED (retryable) when none is at hand: `await ready()`; ERR_CONFLICT when `max` is
   *   reached; ERR_CLOSED
   */
  next(): number;
  /**
   * Resolves when an id is at hand. Others may be faster: in doubt `take()`.
   *
   * @throws CoterieError what kept the store from giving a block (ERR_NO_LEADER, ERR_TIMEOUT, …); ERR_CONFLICT,
   *   ERR_ABORTED, ERR_CLOSED
   */
  ready(opts?: CallOptions): Promise<void>;
  /** The next id, waiting for a block if need be. Throws as `ready` does. */
  take(opts?: CallOptions): Promise<number>;
}

const defaultSize = 1_000;
const sizeMax = 1_000_000;
/** The part of a block at which the next one is fetched. */
const prefetchAt = 0.2;
/** Races for the last ids before `max`; each lost one means that somebody else got some. */
const remainderAttempts = 16;

interface Span {
  next: number;
  readonly last: number;
}

interface Settings {
  readonly name: string;
  readonly key: string;
  readonly size: number;
  readonly max: number;
}

/** @throws CoterieError ERR_INVALID_ARGUMENT */
export function idBlockSettings(name: string, key: string, opts: IdBlockOptions = {}): Settings {
  const { size = defaultSize, max = Number.MAX_SAFE_INTEGER } = opts;
  if (!Number.isSafeInteger(size) || size < 1 || size > sizeMax) {
    throw invalid('size', `must be an integer from 1 to ${sizeMax}`);
  }
  if (!Number.isSafeInteger(max) || max < 1) throw invalid('max', 'must be a safe integer from 1 on');
  return { name, key, size, max };
}

/** Blocks of ids out of one counter in the store. */
export class CounterIdBlock implements IdBlock {
  readonly name: string;
  readonly #kv: Kv;
  readonly #settings: Settings;
  readonly #clock: RecipeClock;
  readonly #closing = new AbortController();
  /** At hand, in order; at most the one in use and the one fetched ahead. */
  readonly #spans: Span[] = [];
  #fetching: Promise<void> | undefined;
  #exhausted = false;
  #onStoreClose: Disposable | undefined;

  constructor(kv: Kv, settings: Settings, clock: RecipeClock) {
    this.name = settings.name;
    this.#kv = kv;
    this.#settings = settings;
    this.#clock = clock;
  }

  get remaining(): number {
    return this.#spans.reduce((sum, span) => sum + span.last - span.next + 1, 0);
  }

  next(): number {
    this.#assertOpen();
    const id = this.#shift();
    if (!this.#exhausted && this.remaining <= this.#settings.size * prefetchAt)
      void this.#fetch().catch(() => undefined);
    if (id !== undefined) return id;
    if (this.#exhausted) throw this.#end();
    throw new CoterieError('ERR_OVERLOADED', {
      message: `no id of '${this.name}' is at hand yet: await ready(), or take larger blocks (size)`,
    });
  }

  #shift(): number | undefined {
    const span = this.#spans[0];
    if (span === undefined) return undefined;
    const id = span.next++;
    if (span.next > span.last) this.#spans.shift();
    return id;
  }

  async ready(opts?: CallOptions): Promise<void> {
    const waiting = patience(opts);
    this.#assertOpen();
    if (this.#spans.length === 0) await within(this.#fetch(), waiting, this.#clock);
  }

  async take(opts?: CallOptions): Promise<number> {
    const waiting = patience(opts);
    const until = waiting.timeoutMs === undefined ? undefined : this.#clock.now() + waiting.timeoutMs;
    for (;;) {
      this.#assertOpen();
      if (this.#spans.length > 0) return this.next();
      // Ends: each round waits for a block, and whoever was faster took an id of it. Fair, since those who wait are
      // woken in their order.
      const timeoutMs = until === undefined ? undefined : Math.max(0, until - this.#clock.now());
      await within(this.#fetch(), { ...waiting, timeoutMs }, this.#clock);
    }
  }

  /** One at a time; who comes while one is under way waits for that one. */
  #fetch(): Promise<void> {
    if (this.#exhausted) return Promise.reject(this.#end());
    this.#fetching ??= this.#fetchSpan().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  async #fetchSpan(): Promise<void> {
    this.#onStoreClose ??= this.#kv.onClose(() => this.close());
    const { signal } = this.#closing;
    let span: Span;
    try {
      span = await this.#allocate(signal);
    } catch (error) {
      this.#assertOpen();
      throw error;
    }
    this.#assertOpen();
    this.#spans.push(span);
  }

  async #allocate(signal: AbortSignal): Promise<Span> {
    const { key, size, max } = this.#settings;
    let want = size;
    for (let attempt = 0; attempt < remainderAttempts; attempt++) {
      // Whatever goes wrong with it, these ids are not used: the next attempt counts on from where the store stands.
      const { ok, value } = await this.#kv.add(key, want, { max, signal });
      if (ok) return { next: value - want + 1, last: value };
      if (value >= max) {
        this.#exhausted = true;
        throw this.#end();
      }
      want = Math.min(size, max - value);
    }
    throw new CoterieError('ERR_CONFLICT', { message: `others were faster with the last ids of '${this.name}'` });
  }

  #end(): CoterieError<'ERR_CONFLICT'> {
    const { max } = this.#settings;
    return new CoterieError('ERR_CONFLICT', { message: `the ids of '${this.name}' end at ${max}`, retryable: false });
  }

  #assertOpen(): void {
    if (!this.#closing.signal.aborted) return;
    throw new CoterieError('ERR_CLOSED', { message: `the ids of '${this.name}' are closed` });
  }

  close(): Promise<void> {
    this.#spans.length = 0;
    this.#onStoreClose?.[Symbol.dispose]();
    this.#closing.abort();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
