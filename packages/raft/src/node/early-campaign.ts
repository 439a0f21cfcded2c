import type { Random } from '../core/ready.js';
import type { Clock } from '../ports/clock.js';

/** Shortest wait, in ms: the links of the others to the dead leader break at about the same time as ours. */
const leastMs = 5;

/**
 * A campaign a moment from now. The moment is drawn, so that two followers that noticed together seldom ask for votes
 * together.
 */
export class EarlyCampaign {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #spreadMs: number;
  readonly #campaign: () => void;
  #timer: unknown;

  /** @param spreadMs the draw is from 0 to this; short against an election timeout */
  constructor(clock: Clock, random: Random, spreadMs: number, campaign: () => void) {
    this.#clock = clock;
    this.#random = random;
    this.#spreadMs = Math.max(1, Math.ceil(spreadMs));
    this.#campaign = campaign;
  }

  /** One at a time: a second call changes nothing. */
  soon(): void {
    this.#timer ??= this.#clock.setInterval(
      () => {
        this.cancel();
        this.#campaign();
      },
      leastMs + this.#random.nextInt(this.#spreadMs),
    );
  }

  cancel(): void {
    if (this.#timer === undefined) return;
    this.#clock.clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
