import { CoterieError } from '@coterie/errors';
import { invalid, kindOf } from './arguments.js';
import { systemScheduler } from './system-time.js';

/** What ends in one turn when a store closes or a signal fires: a few microseconds each. */
export const endedATurn = 256;

/** Something that ends when the store closes. */
export interface Endable {
  storeClosed(): void;
}

/**
 * The life of a store as its views see it, in the hands of whoever owns the store.
 *
 * Closing is two steps: `runHandlers`, while calls are still served, then `close`, after which calls are refused and
 * watches have ended.
 */
export class KvLifecycle {
  readonly #handlers: { fn: () => unknown }[] = [];
  readonly #lastly = new Set<(signal: AbortSignal | undefined) => Promise<void>>();
  readonly #running = new Set<Endable>();
  #closed = false;

  get closed(): boolean {
    return this.#closed;
  }

  /** @throws CoterieError ERR_CLOSED, nothing was sent */
  assertOpen(): void {
    if (this.#closed) throw new CoterieError('ERR_CLOSED', { message: 'the store is closed' });
  }

  /** Registers a handler. One that comes while handlers run is run too. */
  onClose(fn: () => unknown): Disposable {
    if (typeof fn !== 'function') throw invalid('fn', `must be a function, not ${kindOf(fn)}`);
    this.assertOpen();
    const handler = { fn };
    this.#handlers.push(handler);
    return {
      [Symbol.dispose]: () => {
        const at = this.#handlers.indexOf(handler);
        if (at >= 0) this.#handlers.splice(at, 1);
      },
    };
  }

  /**
   * Runs the handlers, newest first, one after the other: what was made later may stand on what was made before.
   *
   * @param onError told what a handler threw; the others run all the same
   * @param signal the end of the owner's patience: the one that runs is left alone, the rest is not begun
   */
  async runHandlers(onError: (error: unknown) => void, signal?: AbortSignal): Promise<void> {
    for (;;) {
      if (signal?.aborted === true) return;
      const handler = this.#handlers.pop();
      if (handler === undefined) break;
      await unlessAborted(guarded(handler.fn, onError), signal);
    }
    for (const fn of this.#lastly)
      await unlessAborted(
        guarded(() => fn(signal), onError),
        signal,
      );
  }

  /** What is to run after all handlers, while calls are still served. Registered once, however often it is told. */
  lastly(fn: (signal: AbortSignal | undefined) => Promise<void>): void {
    this.#lastly.add(fn);
  }

  /** Refuses calls from now on and ends what runs. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handlers.length = 0;
    this.#lastly.clear();
    this.#endSome();
  }

  /**
   * Very many watches may be open: what is left of them ends in later turns, and is refused its next call meanwhile.
   */
  #endSome(): void {
    let ended = 0;
    for (const each of this.#running) {
      if (ended++ === endedATurn) {
        systemScheduler.defer(() => this.#endSome());
        return;
      }
      this.#running.delete(each);
      each.storeClosed();
    }
  }

  /** Until `leave`, the store's end is told to it. */
  enter(running: Endable): void {
    this.#running.add(running);
  }

  leave(running: Endable): void {
    this.#running.delete(running);
  }
}

async function guarded(fn: () => unknown, onError: (error: unknown) => void): Promise<void> {
  try {
    await fn();
  } catch (error) {
    onError(error);
  }
}

async function unlessAborted(done: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return done;
  let stop: (() => void) | undefined;
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    await Promise.race([done, aborted]);
  } finally {
    signal.removeEventListener('abort', stop!);
  }
}
