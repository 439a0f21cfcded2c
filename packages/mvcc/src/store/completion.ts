/**
 * Calls a callback port from an async function.
 *
 * The ports have callbacks so that a simulator decides when a thing completes; what follows a completion may be a
 * microtask, because those run in one order only.
 */
export function completion<T>(call: (done: (error: Error | undefined, result?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => {
      if (error === undefined) resolve(result as T);
      else reject(error);
    });
  });
}

/** Runs a function later, after what already waits on the event loop: `setImmediate`, or the simulator's own. */
export type Defer = (fn: () => void) => void;

/** Gives the event loop back once. */
export function nextTurn(defer: Defer): Promise<void> {
  return new Promise((resolve) => {
    defer(resolve);
  });
}
