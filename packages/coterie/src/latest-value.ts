import type { EngineStream } from '@coterie/mvcc';

/**
 * A value that changes and whose observers want the present one, not every one: a slow reader gets the latest, and
 * nothing queues.
 */
export class LatestValue<T> {
  #value: T;
  #version = 0;
  #closed = false;
  readonly #wakers = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    this.#value = value;
    this.#version++;
    this.#wake();
  }

  /** Streams end after the last value was read. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** The present value first. */
  stream(): EngineStream<T> {
    let seen = -1;
    let ended = false;
    let waker: (() => void) | undefined;
    const settle = (): readonly T[] | undefined => {
      if (ended) return undefined;
      if (seen !== this.#version) {
        seen = this.#version;
        return [this.#value];
      }
      return undefined;
    };
    return {
      next: () =>
        new Promise((resolve) => {
          const now = settle();
          if (now !== undefined || ended || this.#closed) {
            resolve(now);
            return;
          }
          waker = () => {
            this.#wakers.delete(waker!);
            resolve(settle());
          };
          this.#wakers.add(waker);
        }),
      close: () => {
        ended = true;
        waker?.();
      },
    };
  }

  #wake(): void {
    for (const waker of [...this.#wakers]) waker();
  }
}
