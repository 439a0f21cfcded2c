import { CoterieError } from '@coterie/errors';
import type { Clock } from '@coterie/raft';
import type { CallControl } from '../engine/engine.js';

/** How exact deadlines are, in ms. */
const sweepMs = 25;

interface Waiter {
  readonly revision: number;
  readonly deadline: number;
  readonly settle: (error: CoterieError | undefined) => void;
}

/** Reads that wait until this replica has applied a revision. */
export class RevisionWaiters {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #waiters = new Set<Waiter>();
  #timer: unknown;
  #closed = false;

  constructor(clock: Clock, max: number) {
    this.#clock = clock;
    this.#max = max;
  }

  get size(): number {
    return this.#waiters.size;
  }

  wait(revision: number, control: CallControl): Promise<void> {
    const { signal, timeoutMs } = control;
    if (this.#closed) return Promise.reject(new CoterieError('ERR_CLOSED', { message: 'the store is closed' }));
    if (signal?.aborted === true) return Promise.reject(aborted(signal));
    if (this.#waiters.size >= this.#max) {
      return Promise.reject(new CoterieError('ERR_OVERLOADED', { message: `${this.#max} reads wait for a revision` }));
    }
    return new Promise((resolve, reject) => {
      const onAbort = () => waiter.settle(aborted(signal as AbortSignal));
      const waiter: Waiter = {
        revision,
        deadline: timeoutMs === undefined || timeoutMs === 0 ? Infinity : this.#clock.now() + timeoutMs,
        settle: (error) => {
          if (!this.#waiters.delete(waiter)) return;
          signal?.removeEventListener('abort', onAbort);
          if (this.#waiters.size === 0) this.#stop();
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(waiter);
      this.#timer ??= this.#clock.setInterval(() => this.#sweep(), sweepMs);
    });
  }

  reached(revision: number): void {
    if (this.#waiters.size === 0) return;
    for (const waiter of [...this.#waiters]) if (waiter.revision <= revision) waiter.settle(undefined);
  }

  close(): void {
    this.#closed = true;
    for (const waiter of [...this.#waiters]) {
      waiter.settle(new CoterieError('ERR_CLOSED', { message: 'the store was closed' }));
    }
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const waiter of [...this.#waiters]) {
      if (waiter.deadline > now) continue;
      const message = `revision ${waiter.revision} was not applied here before the deadline`;
      waiter.settle(new CoterieError('ERR_TIMEOUT', { message }));
    }
  }

  #stop(): void {
    this.#clock.clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function aborted(signal: AbortSignal): CoterieError {
  return new CoterieError('ERR_ABORTED', { message: 'the call was aborted', cause: signal.reason });
}
