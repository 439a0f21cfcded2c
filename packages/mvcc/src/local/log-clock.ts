import type { Clock } from '@coterie/raft';

/**
 * The stamps of one process: the log time that stood when it opened, plus the monotonic time since. So log time never
 * goes back and stands still while the store is closed: nothing expires meanwhile.
 */
export class LogClock {
  readonly #clock: Clock;
  readonly #baseMs: number;
  readonly #sinceMs: number;
  #last: number;

  constructor(clock: Clock, logTimeMs: number) {
    this.#clock = clock;
    this.#baseMs = logTimeMs;
    this.#sinceMs = clock.now();
    this.#last = logTimeMs;
  }

  now(): number {
    // A clock that steps back (it should not: it is monotonic) must not take log time with it.
    this.#last = Math.max(this.#last, Math.floor(this.#baseMs + (this.#clock.now() - this.#sinceMs)));
    return this.#last;
  }
}
