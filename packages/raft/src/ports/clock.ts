/** Time as the driver sees it. Production: `performance.now` and timers; the simulator: virtual time. */
export interface Clock {
  /**
   * Monotonic, in ms; its zero is anybody's. A clock that stands still stops elections and expiry, and breaks nothing.
   */
  now(): number;
  /**
   * Calls `fn` every `ms` until cleared, never from inside this call. A late fire is one fire: nothing is made up for.
   */
  setInterval(fn: () => void, ms: number): unknown;
  /** No fire after it. Idempotent. */
  clearInterval(handle: unknown): void;
}

/** Where a turn of the driver begins: after everything that already waits on the event loop. */
export interface TurnScheduler {
  /** Calls `fn` once, later, in the order of the calls; never from inside this one. */
  defer(fn: () => void): void;
}

/** Wall time in ms since 1970, for people only: it is never compared. */
export interface WallClock {
  /** May jump and go back. */
  wallMs(): number;
}
