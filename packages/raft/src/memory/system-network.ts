/** The event loop itself: `setImmediate` without a delay, a timer that does not hold the process with one. */
export function scheduleOnEventLoop(delayMs: number, fn: () => void): void {
  if (delayMs <= 0) setImmediate(fn);
  else setTimeout(fn, delayMs).unref();
}
