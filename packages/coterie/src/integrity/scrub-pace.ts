import type { ScrubStep } from '@coterie/mvcc';
import type { Clock } from '@coterie/raft';

/** How a scrub spreads its work. */
export interface ScrubOptions {
  /** A round over everything takes about so long; default one day. 0: no scrub. */
  readonly periodMs: number;
  /** Never more than this, also when the period is too short for what is stored; default 8 MiB. */
  readonly bytesPerSecond: number;
}

/**
 * One day: a process that is restarted once a week still ends whole rounds, since a round begins anew with its process;
 * and 100 GiB a day are 1.2 MiB/s, which a disk does not notice.
 */
export const defaultScrubOptions: ScrubOptions = { periodMs: 86_400_000, bytesPerSecond: 8 * 1024 * 1024 };

/** The history is read in what the keys leave of a period. */
const keysShare = 0.75;

/** What the pace needs of its member. */
export interface PacedScrub {
  readonly clock: Clock;
  scrub(): Promise<ScrubStep | undefined>;
  /** Its disk or its store does not keep up: nothing is read meanwhile. */
  busy(): boolean;
}

/**
 * Paces a scrub: after a part of the period that part of the work is done. So a small store costs a read now and then,
 * and a big one is read evenly; one slice at a time, and none while the member is busy.
 */
export class ScrubPace {
  readonly #host: PacedScrub;
  readonly #options: ScrubOptions;
  #partBeganMs: number;
  #part: ScrubStep['part'] = 'keys';
  #share = 0;
  #running = false;
  #closed = false;
  /** Rounds that have ended. */
  rounds = 0;

  constructor(host: PacedScrub, options: ScrubOptions) {
    this.#host = host;
    this.#options = options;
    this.#partBeganMs = host.clock.now();
  }

  /** Called about once a second: does what is due of one second. */
  tick(): void {
    if (this.#running || this.#options.periodMs === 0 || !this.#due()) return;
    this.#running = true;
    void this.#work().finally(() => (this.#running = false));
  }

  close(): void {
    this.#closed = true;
  }

  #due(): boolean {
    const length = this.#options.periodMs * (this.#part === 'keys' ? keysShare : 1 - keysShare);
    return this.#share < (this.#host.clock.now() - this.#partBeganMs) / length;
  }

  async #work(): Promise<void> {
    try {
      for (let bytes = 0; bytes < this.#options.bytesPerSecond && this.#due();) {
        if (this.#closed || this.#host.busy()) return;
        const step = await this.#host.scrub();
        if (step === undefined) return;
        bytes += step.bytes;
        this.#take(step);
      }
    } catch {
      // Damage has stopped the member already; what else a read throws may pass, and the slice is read again.
    }
  }

  #take({ part, done, left, roundEnded }: ScrubStep): void {
    if (roundEnded) {
      this.rounds++;
      // The next round begins when this one's time is over.
      this.#part = 'keys';
      this.#partBeganMs += this.#options.periodMs * (1 - keysShare);
      this.#partBeganMs = Math.max(this.#partBeganMs, this.#host.clock.now() - this.#options.periodMs);
      this.#share = 0;
      return;
    }
    this.#share = done / (done + left);
    if (part !== 'keys' || left > 0) return;
    this.#part = 'history';
    this.#partBeganMs += this.#options.periodMs * keysShare;
    this.#share = 0;
  }
}
