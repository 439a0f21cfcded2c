/**
 * Time for pauses and pacing; the shape of the driver's clock, so that a simulator gives both the same. Monotonic, in
 * ms.
 */
export interface KvClock {
  now(): number;
  setInterval(fn: () => void, ms: number): unknown;
  clearInterval(handle: unknown): void;
}
/** Runs a function after everything that already waits on the event loop. */
export interface KvScheduler {
  defer(fn: () => void): void;
}

/** Less than the promised 5 ms: the item under way is still to be finished. */
const stretchMs = 4;
/** Items between looks at the clock in a loop of small steps. */
const stride = 32;

/**
 * Gives the event loop back when our own loops have held it for long.
 *
 * Promises alone never do: a consumer that awaits items which are at hand runs on the microtask queue, and timers and
 * sockets wait. One for a store, so that many loops at once give way together.
 */
export class Pacer {
  readonly #clock: KvClock;
  readonly #scheduler: KvScheduler;
  #since: number;
  #waiting: (() => void)[] = [];
  #waking = false;

  constructor(clock: KvClock, scheduler: KvScheduler) {
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.#since = clock.now();
  }

  /**
   * Something to wait for before going on, when it is time to give way.
   *
   * Those who wait go on in the order in which they came, as many as fit into one stretch: very many that went on at
   * once would hold the loop as if nobody had paused.
   */
  pause(): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#clock.now() - this.#since < stretchMs) return undefined;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1 && !this.#waking) this.#defer();
    });
  }

  #defer(): void {
    this.#scheduler.defer(() => void this.#wake());
  }

  async #wake(): Promise<void> {
    this.#since = this.#clock.now();
    this.#waking = true;
    const waiting = this.#waiting;
    let woken = 0;
    while (woken < waiting.length && this.#clock.now() - this.#since < stretchMs) {
      for (const until = Math.min(woken + stride, waiting.length); woken < until; woken++) waiting[woken]!();
      // What they do first is done before the clock is looked at again.
      await Promise.resolve();
    }
    this.#waiting = waiting.slice(woken);
    this.#waking = false;
    if (this.#waiting.length > 0) this.#defer();
  }

  /** `items.map(fn)`, giving way in between. The items are at hand and their number is bounded. */
  async map<T, R>(items: readonly T[], fn: (item: T) => R): Promise<R[]> {
    const results: R[] = [];
    for (const item of items) {
      if (results.length % stride === stride - 1) {
        const pause = this.pause();
        if (pause !== undefined) await pause;
      }
      results.push(fn(item));
    }
    return results;
  }

  /**
   * Waits.
   * @returns at once when the signal fires
   */
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#clock.clearInterval(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = this.#clock.setInterval(done, ms);
      signal?.addEventListener('abort', done, { once: true });
      if (signal?.aborted === true) done();
    });
  }

  now(): number {
    return this.#clock.now();
  }
}
