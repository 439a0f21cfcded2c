import type { CallControl, Consistency } from '@coterie/mvcc';
import type { ReadPolicy, ReadWaiter } from '@coterie/raft';
import type { Deadlines } from './deadlines.js';
import type { Replica } from './replica.js';

/** How fresh a read must be. */
export interface Freshness {
  readonly consistency: Consistency;
  readonly minRevision?: number;
}

/** Lets a read through when the replica is as fresh as was asked. */
export class ReadGate {
  readonly #deadlines: Deadlines;
  readonly #requestTimeoutMs: number;
  readonly #stopped: () => Error | undefined;
  #shown = 0;

  /** @param stopped why the peer has stopped, if it has: says more than a read that was given up */
  constructor(deadlines: Deadlines, requestTimeoutMs: number, stopped: () => Error | undefined) {
    this.#deadlines = deadlines;
    this.#requestTimeoutMs = requestTimeoutMs;
    this.#stopped = stopped;
  }

  /**
   * The state up to here has been shown and is being built anew: what takes its place begins at the last entry that
   * this member surely knew to be committed, and must not be read before it has come as far.
   */
  shown(revision: number): void {
    this.#shown = Math.max(this.#shown, revision);
  }

  /** @throws CoterieError ERR_TIMEOUT, ERR_ABORTED, ERR_CLOSED, ERR_OVERLOADED */
  async pass(what: string, replica: Replica, wanted: Freshness, control: CallControl): Promise<void> {
    const { consistency } = wanted;
    if (consistency !== 'serializable') {
      // Without a standing lease it is served as its stronger sister.
      await this.confirm(what, replica, control, consistency === 'lease' ? 'lease' : 'index');
    }
    const minRevision = Math.max(wanted.minRevision ?? 0, this.#shown);
    if (replica.machine.revision >= minRevision) return;
    const timeoutMs = control.timeoutMs ?? this.#requestTimeoutMs;
    await replica.machine.waitForRevision(minRevision, { ...control, timeoutMs });
  }

  /** Waits for the leader's word on the commit index, and for the own replica to reach it. */
  confirm(what: string, replica: Replica, control: CallControl, policy: ReadPolicy = 'index'): Promise<undefined> {
    return this.#deadlines.run<undefined>(what, control, this.#requestTimeoutMs, (resolve, reject) => {
      const waiter: ReadWaiter = {
        cancelled: false,
        settle: (error) => {
          if (error === undefined) resolve(undefined);
          else reject(this.#stopped() ?? error);
        },
      };
      replica.node.read(waiter, policy);
      return () => (waiter.cancelled = true);
    });
  }
}
