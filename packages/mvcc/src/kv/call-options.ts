/**
 * What every asynchronous call takes. `undefined` is the same as left out.
 */
export interface CallOptions {
  /** Gives up waiting: the call rejects with `ERR_ABORTED` (named `AbortError`), its `cause` the signal's reason. */
  signal?: AbortSignal | undefined;
  /**
   * How long the call may take, in ms. Left out: the store's `requestTimeoutMs`. `Infinity`: no limit. `0`: rejects
   * with `ERR_TIMEOUT` before anything is sent.
   */
  timeoutMs?: number | undefined;
}

/** What a call takes that never ends by itself: it ends normally when the signal fires. */
export interface EndlessOptions {
  /** Ends the call. */
  signal?: AbortSignal | undefined;
}

/** Something long-lived: `close()` is idempotent, and `await using` closes it. */
export interface Closable extends AsyncDisposable {
  /** Idempotent: later calls wait for the same end. */
  close(): Promise<void>;
}
