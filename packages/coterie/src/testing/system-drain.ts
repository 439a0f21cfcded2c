/**
 * Lets every promise reaction that is due run, however deep the chains: what `nextTick` is given inside a promise
 * reaction runs when no reaction is left. Nothing in a simulated world waits for anything real, so after this the world
 * stands still until the next virtual task. A turn of the event loop does the same at many times the price.
 *
 * Only to be called from a promise reaction, as all code after an `await` is.
 */
export function drainMicrotasks(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}

/** A turn of the event loop, for messages from other processes and whatever else waits there. */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
