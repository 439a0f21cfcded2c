import { ByteWriter } from '../command/byte-writer.js';
import type { FrozenPart } from '../store/types.js';
import { writeLease, writeLeasesHead } from './lease-codec.js';
import type { LeaseRecord } from './lease-record.js';

/** What one step encodes: a millisecond at the most. */
const stepLeases = 2_048;
const stepBytes = 128 * 1024;

/**
 * All leases as they were at one moment, encoded a slice at a time while they go on changing.
 *
 * The records are shared with the table: it tells of each change before it is made, and the record is encoded then, if
 * its turn has not come yet. So the bytes are those that one go would have made. Leases that end keep their record
 * here, and new ones have none.
 */
export class FrozenLeases implements FrozenPart {
  /** In the order of granting, which is that of generations. */
  readonly #leases: readonly LeaseRecord[];
  readonly #out: ByteWriter;
  readonly #saved = new Map<LeaseRecord, Uint8Array>();
  readonly #lastGeneration: number;
  #at = 0;
  #doneGeneration = 0;

  constructor(generation: number, leases: readonly LeaseRecord[]) {
    this.#leases = leases;
    this.#lastGeneration = generation;
    this.#out = writeLeasesHead(generation, leases.length);
  }

  get done(): boolean {
    return this.#at === this.#leases.length;
  }

  /** A lease is about to change. */
  changing(lease: LeaseRecord): void {
    const { generation } = lease;
    if (generation <= this.#doneGeneration || generation > this.#lastGeneration || this.#saved.has(lease)) return;
    const out = new ByteWriter(64);
    writeLease(out, lease);
    this.#saved.set(lease, out.finish());
  }

  step(): boolean {
    const { length } = this.#out;
    for (let more = stepLeases; more > 0 && !this.done && this.#out.length - length < stepBytes; more--) {
      const lease = this.#leases[this.#at++] as LeaseRecord;
      const saved = this.#saved.get(lease);
      if (saved === undefined) writeLease(this.#out, lease);
      else this.#out.raw(saved);
      this.#saved.delete(lease);
      this.#doneGeneration = lease.generation;
    }
    return this.done;
  }

  finish(): Uint8Array {
    while (!this.step());
    return this.#out.finish();
  }
}
