import type { Clock, TurnScheduler } from '../ports/clock.js';

/**
 * Logical time. One fire of the timer is at most one tick, however late it comes: a burst of made-up ticks after a
 * blocked event loop would make every follower campaign at once.
 *
 * The tick itself runs at the end of the turn, so that messages which arrived during the block are read before it is
 * judged that nobody spoke.
 */
export class Ticker {
  readonly #clock: Clock;
  readonly #handle: unknown;
  #waiting = false;
  #stopped = false;

  constructor(clock: Clock, turns: TurnScheduler, intervalMs: number, tick: () => void) {
    this.#clock = clock;
    this.#handle = clock.setInterval(() => {
      if (this.#waiting) return;
      this.#waiting = true;
      turns.defer(() => {
        this.#waiting = false;
        if (!this.#stopped) tick();
      });
    }, intervalMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#clock.clearInterval(this.#handle);
  }
}
