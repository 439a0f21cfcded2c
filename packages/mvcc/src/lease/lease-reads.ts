import type { Clock } from '@coterie/raft';
import type { EngineStream, RawLease } from '../engine/engine.js';
import type { BinaryKey } from '../store/types.js';
import type { LeaseStatus, LeaseRecord } from './lease-record.js';
import type { LeaseTable } from './lease-table.js';

/** Leases of one page of a list: a page is made within a turn. */
const pageLeases = 1_000;

/** What is read of: it may be replaced by a snapshot. */
interface LeaseSource {
  readonly logTimeMs: number;
  readonly leases: LeaseTable;
}

/**
 * Leases of this replica for those who ask.
 *
 * Log time moves with entries only, so what remains of a lease is counted on from the last one by the own clock: good
 * to be shown, and never decided by.
 */
export class LeaseReads {
  readonly #source: LeaseSource;
  readonly #clock: Clock;
  #at: { readonly logTimeMs: number; readonly clockMs: number };

  constructor(source: LeaseSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
    this.#at = { logTimeMs: source.logTimeMs, clockMs: clock.now() };
  }

  /** Entries have been applied. */
  applied(): void {
    const { logTimeMs } = this.#source;
    if (logTimeMs !== this.#at.logTimeMs) this.#at = { logTimeMs, clockMs: this.#clock.now() };
  }

  get(id: number): (RawLease & { readonly keys: readonly BinaryKey[] }) | undefined {
    const { leases } = this.#source;
    const lease: LeaseRecord | undefined = leases.find(id);
    return lease === undefined ? undefined : { ...this.#raw(lease), keys: leases.keysOf(id) };
  }

  list(): EngineStream<RawLease> {
    const leases = this.#source.leases.all();
    return {
      next: () => {
        const page: RawLease[] = [];
        while (page.length < pageLeases) {
          const { done, value } = leases.next();
          if (done === true) break;
          page.push(this.#raw(value));
        }
        return Promise.resolve(page.length === 0 ? undefined : page);
      },
      close: () => void leases.return(undefined),
    };
  }

  #raw({ id, generation, ttlMs, deadlineMs }: LeaseStatus): RawLease {
    const nowMs = this.#at.logTimeMs + (this.#clock.now() - this.#at.clockMs);
    return { id, generation, ttlMs, remainingMs: Math.max(0, Math.ceil(deadlineMs - nowMs)) };
  }
}
