import type { KvEngine } from '../engine/engine.js';
import { KvRoot } from './create-kv.js';
import { KvLifecycle } from './lifecycle.js';
import type { KvLimits } from './limits.js';

/** What a handle needs besides its engine. */
export interface KvHandleParts {
  readonly limits: Partial<KvLimits>;
  /** Within this `close` resolves, in ms. */
  readonly closeTimeoutMs: number;
  /** A handler that `onClose` registered has failed. */
  readonly onHandlerError: (error: unknown) => void;
  /** Holds the process, or lets it go. */
  keepAlive(on: boolean): void;
  /** Stops the engine; called once, when the handlers have run. */
  closeEngine(): Promise<unknown>;
}

/** What an application holds of something that is open: the `Kv` of its engine, its end, its hold on the process. */
export class KvHandle extends KvRoot implements AsyncDisposable {
  protected readonly lifecycle: KvLifecycle;
  readonly #parts: KvHandleParts;
  #closing: Promise<void> | undefined;

  constructor(engine: KvEngine, parts: KvHandleParts) {
    const lifecycle = new KvLifecycle();
    super(engine, { lifecycle, limits: parts.limits });
    this.lifecycle = lifecycle;
    this.#parts = parts;
  }

  /** Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  ref(): this {
    this.#parts.keepAlive(true);
    return this;
  }

  unref(): this {
    this.#parts.keepAlive(false);
    return this;
  }

  /** Handlers first, while everything still serves; half of the time is theirs at the most. */
  async #close(): Promise<void> {
    const patience = AbortSignal.timeout(Math.ceil(this.#parts.closeTimeoutMs / 2));
    await this.lifecycle.runHandlers(this.#parts.onHandlerError, patience);
    this.lifecycle.close();
    await this.#parts.closeEngine();
  }
}
