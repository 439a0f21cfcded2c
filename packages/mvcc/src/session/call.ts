import type { WriteResult } from '../command/operation.js';

/** A caller who waits for the fate of a write. Settles once; what comes later is not heard. */
export class Call {
  readonly deadline: number;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: (() => void) | undefined;
  readonly #resolve: (result: WriteResult) => void;
  readonly #reject: (error: unknown) => void;

  /** @param abandon called when the signal fires */
  constructor(
    resolve: (result: WriteResult) => void,
    reject: (error: unknown) => void,
    deadline: number,
    signal: AbortSignal | undefined,
    abandon: (() => void) | undefined,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.deadline = deadline;
    this.#signal = signal;
    this.#onAbort = abandon;
    if (signal !== undefined && abandon !== undefined) signal.addEventListener('abort', abandon, { once: true });
  }

  resolve(result: WriteResult): void {
    this.#release();
    this.#resolve(result);
  }

  reject(error: unknown): void {
    this.#release();
    this.#reject(error);
  }

  #release(): void {
    if (this.#signal !== undefined && this.#onAbort !== undefined) {
      this.#signal.removeEventListener('abort', this.#onAbort);
    }
  }
}
