/**
 * Lets every promise reaction that is due run, however deep the chains: the check phase comes only when the microtask
 * queue is empty. Nothing in a simulated world waits for anything real, so after this the world stands still until the
 * next virtual task.
 */
export function drainMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
