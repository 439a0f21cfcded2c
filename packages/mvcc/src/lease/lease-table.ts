import { invariant } from '@coterie/errors';
import { corrupt } from '../command/byte-reader.js';
import { compareKeys } from '../command/key-range.js';
import { replicatedLimits } from '../limits.js';
import type { BinaryKey, FrozenPart, RevisionEvents } from '../store/types.js';
import type { LeaseGrant, LeaseUsage, LeaseView } from '../txn/execution.js';
import { entryBytes } from '../txn/record.js';
import { DeadlineHeap } from './deadline-heap.js';
import { FrozenLeases } from './frozen-leases.js';
import { readLeases, writeLeases } from './lease-codec.js';
import type { LeaseRecord, LeaseStatus } from './lease-record.js';

/** Ids that the store picks are above it, so that they stay clear of small ones that an application gives. */
export const pickedIdsAbove = 2 ** 32;

/** Leases that are encoded in one go: half a millisecond. */
const encodedAtOnceMax = 1_000;

/** Leases that one look for expired ones moves at the most: a look must not hold a turn. */
const lookMax = 2_048;

/** A lease whose end was offered and did not come about is offered again after so much log time. */
const offerAgainMs = 1_000;

/** A lease whose time is over, for the leader to propose its end. */
export interface DueLease {
  readonly id: number;
  readonly generation: number;
}

/**
 * The leases of the cluster: replicated state, changed by apply alone, except for the order in which a leader looks
 * through them.
 *
 * Deadlines are log time, so they move on with the log and stand still without a leader (etcd keeps them in its
 * leader's memory and prolongs every lease with each election, etcd issues #9888 and #9395). Which keys a lease has
 * follows from the changes as they are committed: nothing has to be scanned for it.
 *
 * The heap that finds the next deadline is derived. A renewal does not touch it: deadlines only move on, so what the
 * heap has is a lower bound, and is put right when it comes up.
 */
export class LeaseTable implements LeaseView {
  /** In the order of granting, which is that of generations, on every member. */
  readonly #leases = new Map<number, LeaseRecord>();
  readonly #heap = new DeadlineHeap<LeaseRecord>();
  #generation = pickedIdsAbove;
  #frozen: FrozenLeases | undefined;

  /** @throws CoterieError ERR_CORRUPT */
  static decode(bytes: Uint8Array): LeaseTable {
    const table = new LeaseTable();
    if (bytes.length === 0) return table;
    const { generation, leases } = readLeases(bytes);
    table.#generation = generation;
    for (const lease of leases) {
      if (table.#leases.has(lease.id)) throw corrupt(`lease ${lease.id} stands here twice`);
      table.#add(lease);
    }
    return table;
  }

  encode(): Uint8Array {
    return writeLeases(this.#generation, this.#leases.size, this.#leases.values());
  }

  /** As `encode`, in slices where there are many: the table may change meanwhile. One at a time. */
  freeze(): Uint8Array | FrozenPart {
    // Nobody goes on with the one before; if somebody did, it would have to be told of every change.
    this.#frozen?.finish();
    this.#frozen = undefined;
    if (this.#leases.size <= encodedAtOnceMax) return this.encode();
    this.#frozen = new FrozenLeases(this.#generation, [...this.#leases.values()]);
    return this.#frozen;
  }

  /** Before every change of a lease. */
  #changing(lease: LeaseRecord): void {
    if (this.#frozen === undefined) return;
    if (this.#frozen.done) this.#frozen = undefined;
    else this.#frozen.changing(lease);
  }

  get count(): number {
    return this.#leases.size;
  }

  find(id: number): LeaseRecord | undefined {
    return this.#leases.get(id);
  }

  usage(id: number): LeaseUsage | undefined {
    const lease = this.#leases.get(id);
    if (lease === undefined) return undefined;
    const { generation, ttlMs, deadlineMs, own, bytes, keys } = lease;
    return { generation, ttlMs, deadlineMs, own, bytes, keys: keys.size };
  }

  /** The keys of a lease in order. */
  keysOf(id: number): readonly BinaryKey[] {
    const lease = this.#leases.get(id);
    return lease === undefined ? [] : [...lease.keys].sort(compareKeys);
  }

  nextGeneration(_key: BinaryKey | undefined, after: number): number {
    let next = Math.max(after, this.#generation) + 1;
    while (this.#leases.has(next)) next++;
    return next;
  }

  /** All of them, in the order of granting; may be changed while it is gone through. */
  *all(): Generator<LeaseStatus, undefined> {
    for (const { id, generation, ttlMs, deadlineMs } of this.#leases.values()) {
      yield { id, generation, ttlMs, deadlineMs };
    }
  }

  // ------------------------------------------------------------------------------------------------------------- apply

  grant({ id, generation, ttlMs, own }: LeaseGrant, nowMs: number): void {
    invariant(!this.#leases.has(id) && generation > this.#generation, 'a lease is granted once', { id, generation });
    this.#generation = generation;
    const deadlineMs = nowMs + ttlMs;
    this.#add({ id, generation, ttlMs, deadlineMs, own, keys: new Set(), bytes: 0, heapMs: deadlineMs, heapAt: -1 });
  }

  renew(id: number, nowMs: number): void {
    const lease = this.#leases.get(id);
    invariant(lease !== undefined, 'a lease that is renewed is there', { id });
    this.#changing(lease);
    lease.deadlineMs = Math.max(lease.deadlineMs, nowMs + lease.ttlMs);
  }

  /** Whether the end that a leader has proposed may come about: not for a later lease of that id, nor before time. */
  due({ id, generation }: DueLease, nowMs: number): boolean {
    const lease = this.#leases.get(id);
    return lease !== undefined && lease.generation === generation && lease.deadlineMs <= nowMs;
  }

  /** Its keys have been deleted before. Idempotent: a lease of its key's own is gone with it. */
  end(id: number): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    invariant(lease.keys.size === 0, 'a lease ends after its keys', { id, keys: lease.keys.size });
    this.#leases.delete(id);
    this.#heap.remove(lease);
  }

  /** Keys come to leases and leave them. */
  committed({ events }: RevisionEvents): void {
    for (const { key, before, after } of events) {
      if (before !== undefined && before.lease !== 0) this.#leave(before.lease, key, entryBytes(key, before));
      if (after !== undefined && after.lease !== 0) this.#join(after.lease, key, entryBytes(key, after));
    }
    // Only now: a put that keeps a key in a lease of its own takes it out and puts it back.
    for (const { before } of events) {
      if (before !== undefined && before.lease !== 0) this.#endIfAlone(before.lease);
    }
  }

  // ------------------------------------------------------------------------------------------------------------ leader

  /**
   * Leases whose deadline has passed, the earliest first: at most `max`, and of about `keysMax` keys together. What was
   * named is named again only after a second of log time, so that one end is under way at a time.
   */
  takeDue(nowMs: number, max: number, keysMax: number): readonly DueLease[] {
    const due: DueLease[] = [];
    let keys = 0;
    for (let looked = 0; looked < lookMax && due.length < max; looked++) {
      const lease = this.#heap.first;
      if (lease === undefined || lease.heapMs > nowMs) break;
      if (lease.deadlineMs > nowMs) {
        this.#heap.postpone(lease, lease.deadlineMs);
        continue;
      }
      if (due.length > 0 && keys + lease.keys.size > keysMax) break;
      keys += lease.keys.size;
      due.push({ id: lease.id, generation: lease.generation });
      this.#heap.postpone(lease, nowMs + offerAgainMs);
    }
    return due;
  }

  #add(lease: LeaseRecord): void {
    this.#leases.set(lease.id, lease);
    this.#heap.add(lease);
  }

  #join(id: number, key: BinaryKey, bytes: number): void {
    const lease = this.#leases.get(id);
    invariant(lease !== undefined, 'a key comes to a lease that is there', { id });
    this.#changing(lease);
    lease.keys.add(key);
    lease.bytes += bytes;
    invariant(lease.keys.size <= replicatedLimits.leaseKeys, 'a lease has no more keys than a revision can delete');
  }

  #leave(id: number, key: BinaryKey, bytes: number): void {
    const lease = this.#leases.get(id);
    invariant(lease?.keys.has(key) === true, 'a key leaves a lease that has it', { id });
    this.#changing(lease);
    lease.keys.delete(key);
    lease.bytes -= bytes;
  }

  #endIfAlone(id: number): void {
    const lease = this.#leases.get(id);
    if (lease?.own === true && lease.keys.size === 0) this.end(id);
  }
}
