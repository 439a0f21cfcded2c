import type { PutOperation } from '../command/operation.js';
import { replicatedLimits } from '../limits.js';
import type { KeyEvent, KeyRecord } from '../store/types.js';
import { type LeaseGrant, type LeaseView, Refused } from './execution.js';
import { entryBytes } from './record.js';

/** What a command adds to one lease, or takes from it. */
interface Delta {
  keys: number;
  bytes: number;
}

/** The leases that the puts of one command tie their keys to. */
export class LeaseUse {
  readonly #view: LeaseView;
  readonly #grants: LeaseGrant[] = [];

  constructor(view: LeaseView) {
    this.#view = view;
  }

  /** Leases of keys' own that the command makes. */
  get grants(): readonly LeaseGrant[] {
    return this.#grants;
  }

  /** The lease that a put gives its key; 0: none. @throws Refused ERR_LEASE_NOT_FOUND */
  choose({ key, lease, ttlMs }: PutOperation, before: KeyRecord | undefined): number {
    if (ttlMs !== undefined) {
      const id = this.#view.nextGeneration(key, this.#grants.at(-1)?.generation ?? 0);
      this.#grants.push({ id, generation: id, ttlMs, own: true });
      return id;
    }
    if (lease === undefined) return 0;
    if (lease === 'keep') return before?.lease ?? 0;
    if (this.#view.usage(lease) === undefined) throw new Refused({ kind: 'refused', code: 'ERR_LEASE_NOT_FOUND' });
    return lease;
  }

  /**
   * A lease ends in one revision, so it must never have more keys, or more bytes of them, than one revision may change.
   *
   * @throws Refused ERR_TOO_LARGE; ERR_OVERLOADED when there would be more leases than the cluster may have
   */
  check(events: readonly KeyEvent[]): void {
    if (!events.some(({ after }) => after !== undefined && after.lease !== 0)) return;
    const deltas = deltasOf(events);
    let freed = 0;
    for (const [id, { keys, bytes }] of deltas) {
      const lease = this.#view.usage(id);
      const keysAfter = (lease?.keys ?? 0) + keys;
      if (keysAfter > replicatedLimits.leaseKeys) throw tooLarge(replicatedLimits.leaseKeys);
      if ((lease?.bytes ?? 0) + bytes > replicatedLimits.revisionBytes) throw tooLarge(replicatedLimits.revisionBytes);
      if (lease?.own === true && keysAfter === 0) freed++;
    }
    if (this.#grants.length > 0) refuseTooMany(this.#view.count + this.#grants.length - freed);
  }
}

/** @throws Refused ERR_OVERLOADED */
export function refuseTooMany(leases: number): void {
  if (leases > replicatedLimits.leases) throw new Refused({ kind: 'refused', code: 'ERR_OVERLOADED' });
}

function deltasOf(events: readonly KeyEvent[]): ReadonlyMap<number, Delta> {
  const deltas = new Map<number, Delta>();
  const add = (lease: number, keys: number, bytes: number): void => {
    const delta = deltas.get(lease);
    if (delta === undefined) deltas.set(lease, { keys, bytes });
    else {
      delta.keys += keys;
      delta.bytes += bytes;
    }
  };
  for (const { key, before, after } of events) {
    if (before !== undefined && before.lease !== 0) add(before.lease, -1, -entryBytes(key, before));
    if (after !== undefined && after.lease !== 0) add(after.lease, 1, entryBytes(key, after));
  }
  return deltas;
}

function tooLarge(limit: number): Refused {
  return new Refused({ kind: 'refused', code: 'ERR_TOO_LARGE', limit });
}
