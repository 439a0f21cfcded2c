import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { StoreFigure } from './store-messages.js';

const resolutionMs = 1;

/** Runs closed loops of an operation for a time. */
export async function closedLoops(
  name: string,
  clients: number,
  ms: number,
  operation: () => Promise<unknown>,
): Promise<StoreFigure> {
  const histogram = createHistogram();
  const begun = performance.now();
  const until = begun + ms;
  const client = async (): Promise<void> => {
    for (let now = begun; now < until;) {
      await operation();
      const then = performance.now();
      histogram.record(Math.max(1, Math.round((then - now) * 1000)));
      now = then;
    }
  };
  const stall = await stallDuring(() => Promise.all(Array.from({ length: clients }, client)));
  const seconds = (performance.now() - begun) / 1000;
  return {
    case: name,
    opsPerSec: histogram.count / seconds,
    p50Us: histogram.percentile(50),
    p99Us: histogram.percentile(99),
    loopStallMs: stall,
  };
}

/** The longest time for which the event loop was not free while something ran, ms. */
export async function stallDuring(act: () => Promise<unknown>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  try {
    await act();
    // A stall at the very end is seen by the next sample.
    await new Promise((resolve) => setTimeout(resolve, 5 * resolutionMs));
    return Math.max(0, delay.max / 1e6 - resolutionMs);
  } finally {
    delay.disable();
  }
}
