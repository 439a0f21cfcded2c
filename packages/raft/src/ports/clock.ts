/** Time as the driver sees it. Production: `performance.now` and timers; the simulator: virtual time. */
export interface Clock {
  /** Monotonic, in ms. */
  now(): number;
  setInterval(fn: () => void, ms: number): unknown;
  clearInterval(handle: unknown): void;
}

/** Where a turn of the driver begins: after everything that already waits on the event loop. */
export interface TurnScheduler {
  defer(fn: () => void): void;
}

/** Wall time in ms since 1970, for people only: it is never compared. */
export interface WallClock {
  wallMs(): number;
}
