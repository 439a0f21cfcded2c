import type { Clock } from '../ports/clock.js';

/**
 * The stamps of a leader: the log time that stood when the first entry of its term was applied, plus the monotonic time
 * since.
 *
 * So log time never goes back (a new leader starts where the applied log stands), needs no agreement between clocks,
 * and stands still while there is no leader: nothing expires during an outage.
 */
export class LogTime {
  readonly #clock: Clock;
  #base: { readonly term: number; readonly logTimeMs: number; readonly sinceMs: number } | undefined;
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** This leader has applied an entry of its own term, and with it everything that earlier leaders stamped. */
  begin(term: number, logTimeMs: number): void {
    if (this.#base?.term === term) return;
    this.#base = { term, logTimeMs, sinceMs: this.#clock.now() };
    this.#last = logTimeMs;
  }

  end(): void {
    this.#base = undefined;
  }

  /** Whether this leader may stamp in this term yet. */
  ready(term: number): boolean {
    return this.#base?.term === term;
  }

  /** Log time now; undefined when this member may not stamp. */
  now(): number | undefined {
    if (this.#base === undefined) return undefined;
    // A clock that steps back (it should not: it is monotonic) must not take log time with it.
    this.#last = Math.max(this.#last, Math.floor(this.#base.logTimeMs + (this.#clock.now() - this.#base.sinceMs)));
    return this.#last;
  }
}
