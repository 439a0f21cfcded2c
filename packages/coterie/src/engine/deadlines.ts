import { CoterieError } from '@coterie/errors';
import type { CallControl } from '@coterie/mvcc';
import type { Clock } from '@coterie/raft';

/** How finely deadlines are kept: a call may end this much late. One timer serves all of them. */
const sweepMs = 10;

interface Waiting {
  readonly deadlineMs: number;
  readonly what: string;
  readonly timeoutMs: number;
  readonly end: (error: CoterieError) => void;
}

/**
 * Deadlines and signals of calls that wait. A timer of its own for every call would cost more than most calls; this one
 * runs only while something waits.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();
  #timer: unknown;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Runs `begin` and settles as it does, or rejects with ERR_TIMEOUT or ERR_ABORTED first.
   *
   * @param begin gets the two ways to settle; what it returns is called when the call ended before it settled
   */
  run<T>(
    what: string,
    control: CallControl,
    defaultTimeoutMs: number,
    begin: (resolve: (value: T) => void, reject: (error: Error) => void) => (() => void) | undefined,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { signal } = control;
      if (signal?.aborted === true) {
        reject(aborted(what, signal));
        return;
      }
      const timeoutMs = control.timeoutMs ?? defaultTimeoutMs;
      let settled = false;
      const held: { giveUp?: (() => void) | undefined } = {};
      const finish = (): boolean => {
        if (settled) return false;
        settled = true;
        if (waiting !== undefined) this.#remove(waiting);
        signal?.removeEventListener('abort', onAbort);
        return true;
      };
      const end = (error: CoterieError): void => {
        if (!finish()) return;
        held.giveUp?.();
        reject(error);
      };
      const onAbort = (): void => end(aborted(what, signal!));
      const waiting: Waiting | undefined =
        timeoutMs > 0 ? { deadlineMs: this.#clock.now() + timeoutMs, what, timeoutMs, end } : undefined;
      signal?.addEventListener('abort', onAbort, { once: true });
      if (waiting !== undefined) this.#add(waiting);
      held.giveUp = begin(
        (value) => {
          if (finish()) resolve(value);
        },
        (error) => {
          if (finish()) reject(error);
        },
      );
    });
  }

  /** Waits until this holds, and looks so often. @throws CoterieError ERR_TIMEOUT, ERR_ABORTED, as `run` */
  until(
    what: string,
    control: CallControl,
    defaultTimeoutMs: number,
    pollMs: number,
    holds: () => boolean,
  ): Promise<undefined> {
    return this.run<undefined>(what, control, defaultTimeoutMs, (resolve) => {
      const timer = this.#clock.setInterval(() => {
        if (!holds()) return;
        this.#clock.clearInterval(timer);
        resolve(undefined);
      }, pollMs);
      return () => this.#clock.clearInterval(timer);
    });
  }

  /** Waits for the end of this work, however it ends, but no longer than this. */
  within(work: Promise<unknown>, ms: number): Promise<unknown> {
    return this.run('the end of it', {}, ms, (resolve) => {
      void work.then(resolve, resolve);
      return undefined;
    }).catch(() => undefined);
  }

  /** Ends everything that waits. */
  close(error: CoterieError): void {
    for (const waiting of [...this.#waiting]) waiting.end(error);
  }

  #add(waiting: Waiting): void {
    this.#waiting.add(waiting);
    this.#timer ??= this.#clock.setInterval(() => this.#sweep(), sweepMs);
  }

  #remove(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    if (this.#waiting.size > 0 || this.#timer === undefined) return;
    this.#clock.clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const waiting of [...this.#waiting]) {
      if (waiting.deadlineMs <= now) waiting.end(timedOut(waiting.what, waiting.timeoutMs));
    }
  }
}

function timedOut(what: string, timeoutMs: number): CoterieError {
  return new CoterieError('ERR_TIMEOUT', { message: `${what} was not done within ${Math.round(timeoutMs)} ms` });
}

function aborted(what: string, signal: AbortSignal): CoterieError {
  return new CoterieError('ERR_ABORTED', { message: `${what} was aborted`, cause: signal.reason });
}
