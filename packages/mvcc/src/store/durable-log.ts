/** How far the own log is durable, and who waits for it. */
export class DurableLog {
  #index = 0;
  #waiting: { readonly index: number; readonly resolve: () => void } | undefined;

  /** One waiter at a time: the one checkpoint that is under way. */
  reached(index: number): Promise<void> {
    if (this.#index >= index) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting = { index, resolve };
    });
  }

  advance(index: number): void {
    // Not the highest ever: a new leader's entries that replace durable ones are durable only when they are.
    if (this.#index !== Number.POSITIVE_INFINITY) this.#index = index;
    this.#wake();
  }

  /** Lets a waiter go that has been cancelled. */
  abandon(): void {
    this.#index = Number.POSITIVE_INFINITY;
    this.#wake();
  }

  #wake(): void {
    if (this.#waiting === undefined || this.#waiting.index > this.#index) return;
    const { resolve } = this.#waiting;
    this.#waiting = undefined;
    resolve();
  }
}
