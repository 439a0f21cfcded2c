import type { CallControl } from '@coterie/mvcc';
import type { Deadlines } from './deadlines.js';

interface Waiter<T> {
  go(value: T): void;
  fail(error: Error): void;
}

/** Calls that came before what they need was there. Each waits for as long as its own deadline and signal let it. */
export class WaitingRoom<T> {
  readonly #deadlines: Deadlines;
  readonly #waiters = new Set<Waiter<T>>();

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines;
  }

  /** @throws CoterieError ERR_TIMEOUT, ERR_ABORTED, or what `fail` is given */
  wait(what: string, control: CallControl, timeoutMs: number): Promise<T> {
    return this.#deadlines.run<T>(what, control, timeoutMs, (resolve, reject) => {
      const waiter: Waiter<T> = { go: resolve, fail: reject };
      this.#waiters.add(waiter);
      return () => this.#waiters.delete(waiter);
    });
  }

  admit(value: T): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter.go(value);
  }

  fail(error: Error): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter.fail(error);
  }
}
