import type { RaftCore } from '../core/core.js';
import type { Clock } from '../ports/clock.js';
import type { NodeOptions } from './options.js';

/** Times of sending that are kept; they are at least this part of a lease apart. */
const timesKept = 64;

/**
 * How long, in ms, a member surely keeps a promise that lasts `ticks` ticks: the tick that comes next, and one whose
 * timer had fired before the promise was made, may both follow at once.
 */
export function promiseMs(ticks: number, heartbeatMs: number): number {
  return Math.max(0, ticks - 2) * heartbeatMs;
}

/**
 * Whether this leader may answer reads without asking: from the moment at which it sent what a quorum has promised on,
 * for as long as the promises last, less what clocks may differ (thesis §6.4.1). See `core/lease.ts` for the promises.
 *
 * The clock is compared when a read is served, never by a timer: a process that was stopped in between finds its lease
 * run out before it does anything else.
 */
export class LeaderLease {
  readonly #core: RaftCore;
  readonly #clock: Clock;
  readonly #lengthMs: number;
  readonly #positions: number[] = [];
  readonly #times: number[] = [];

  constructor(core: RaftCore, clock: Clock, promisedMs: number, options: NodeOptions) {
    this.#core = core;
    this.#clock = clock;
    this.#lengthMs = (promisedMs * (100 - options.leaseDriftPercent)) / 100;
  }

  /** Heartbeats of this position are about to be sent. */
  sent(position: number): void {
    const now = this.#clock.now();
    const last = this.#times.at(-1);
    // One that is not kept counts from the one before it: a little less than it could.
    if (last !== undefined && now - last < this.#lengthMs / timesKept) return;
    this.#positions.push(position);
    this.#times.push(now);
    while (this.#times.length > 1 && this.#times[0]! + this.#lengthMs < now) {
      this.#times.shift();
      this.#positions.shift();
    }
  }

  holds(): boolean {
    const confirmed = this.#core.leasePosition;
    if (confirmed === 0) return false;
    for (let i = this.#positions.length - 1; i >= 0; i--) {
      if (this.#positions[i]! <= confirmed) return this.#clock.now() < this.#times[i]! + this.#lengthMs;
    }
    return false;
  }
}
