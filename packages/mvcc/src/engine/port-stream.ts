import { invariant } from '@coterie/errors';
import type { EngineStream } from './engine.js';

interface Upstream {
  pull(): void;
  close(): void;
}
interface Waiting {
  resolve(items: readonly unknown[] | undefined): void;
  reject(error: unknown): void;
}

/** The consumer's end of a stream whose items come through a port. Holds nothing: what arrives was asked for. */
export class PortStream implements EngineStream<unknown> {
  readonly #upstream: Upstream;
  #waiting: Waiting | undefined;
  #failure: { readonly error: unknown } | undefined;
  #ended = false;

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  next(): Promise<readonly unknown[] | undefined> {
    invariant(this.#waiting === undefined, 'a stream is pulled once at a time');
    const failure = this.#failure;
    if (failure !== undefined) {
      this.#failure = undefined;
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what the other side threw
      return Promise.reject(failure.error);
    }
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#upstream.pull();
    });
  }

  close(): void {
    if (this.#ended) return;
    this.#upstream.close();
    this.receive(undefined);
  }

  /** What was asked for; undefined: ended. */
  receive(items: readonly unknown[] | undefined): void {
    if (this.#ended) return;
    if (items === undefined) this.#ended = true;
    this.#take()?.resolve(items);
  }

  /** It broke; told by the pull that waits, or by the next one. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    const waiting = this.#take();
    if (waiting === undefined) this.#failure = { error };
    else waiting.reject(error);
  }

  #take(): Waiting | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }
}
