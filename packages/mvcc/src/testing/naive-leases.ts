import type { LeaseRequest } from '../command/operation.js';
import type { CommandOutcome, Refusal } from '../command/refusal.js';

/** Ends a command wherever it stands. */
export class Stop extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.code);
    this.refusal = refusal;
  }
}

/** A lease; which keys it has, the entries say. */
export interface NaiveLease {
  readonly id: number;
  readonly generation: number;
  readonly ttlMs: number;
  readonly own: boolean;
  readonly deadlineMs: number;
}

/** Leases as plainly as they can be said: a list, which a command copies before it changes it. */
export class NaiveLeases {
  /** In the order of granting. */
  all: readonly NaiveLease[] = [];
  nowMs = 0;
  generation = 2 ** 32;

  copy(): NaiveLeases {
    return Object.assign(new NaiveLeases(), this);
  }

  find(id: number): NaiveLease | undefined {
    return this.all.find((lease) => lease.id === id);
  }

  /** One of a generation, or whichever has the id (0). */
  get(id: number, generation = 0): NaiveLease {
    const lease = this.find(id);
    if (lease !== undefined && (generation === 0 || lease.generation === generation)) return lease;
    throw new Stop({ kind: 'refused', code: 'ERR_LEASE_NOT_FOUND' });
  }

  grant(id: number, ttlMs: number, own: boolean): NaiveLease {
    if (id !== 0 && this.find(id) !== undefined) throw new Stop({ kind: 'refused', code: 'ERR_LEASE_EXISTS' });
    do this.generation++;
    while (this.find(this.generation) !== undefined);
    const { generation } = this;
    const lease = { id: id === 0 ? generation : id, generation, ttlMs, own, deadlineMs: this.nowMs + ttlMs };
    this.all = [...this.all, lease];
    return lease;
  }

  end(id: number): void {
    this.all = this.all.filter((lease) => lease.id !== id);
  }

  /** Everything but a revocation, which is a matter of keys. */
  run(request: Exclude<LeaseRequest, { kind: 'revokeLease' }>, revision: number): CommandOutcome {
    switch (request.kind) {
      case 'grantLease': {
        const { id, generation, ttlMs } = this.grant(request.id, request.ttlMs, false);
        return { kind: 'grantLease', revision, id, generation, ttlMs };
      }
      case 'attachLease': {
        if (request.renew) this.#renew(request.id);
        const { id, generation, ttlMs, deadlineMs } = this.get(request.id);
        return {
          kind: 'attachLease',
          revision,
          id,
          generation,
          ttlMs,
          remainingMs: Math.max(0, deadlineMs - this.nowMs),
        };
      }
      case 'renewLeases': {
        const lost: number[] = [];
        for (const [position, { id, generation }] of request.leases.entries()) {
          if (this.find(id)?.generation === generation) this.#renew(id);
          else lost.push(position);
        }
        return { kind: 'renewLeases', revision, lost };
      }
    }
  }

  #renew(id: number): void {
    const { nowMs } = this;
    this.all = this.all.map((lease) => (lease.id === id ? { ...lease, deadlineMs: nowMs + lease.ttlMs } : lease));
  }
}
