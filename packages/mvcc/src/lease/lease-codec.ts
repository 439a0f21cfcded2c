import { ByteReader, corrupt } from '../command/byte-reader.js';
import { ByteWriter } from '../command/byte-writer.js';
import { replicatedLimits } from '../limits.js';
import type { BinaryKey } from '../store/types.js';
import type { LeaseRecord } from './lease-record.js';

const format = 1;
/** What a lease takes beside its keys, about. */
const recordBytes = 40;

/** The leases as checkpoints and snapshots carry them, with the keys of each: to open a store, no key is read. */
export function writeLeases(generation: number, count: number, leases: Iterable<LeaseRecord>): Uint8Array {
  const out = writeLeasesHead(generation, count);
  for (const lease of leases) writeLease(out, lease);
  return out.finish();
}

/** What stands before the leases. */
export function writeLeasesHead(generation: number, count: number): ByteWriter {
  const out = new ByteWriter(64 + count * recordBytes);
  out.u8(format);
  out.uint(generation);
  out.uint(count);
  return out;
}

/** One of them. */
export function writeLease(out: ByteWriter, lease: LeaseRecord): void {
  out.uint(lease.id);
  out.uint(lease.generation);
  out.uint(lease.ttlMs);
  out.f64(lease.deadlineMs);
  out.u8(lease.own ? 1 : 0);
  out.uint(lease.bytes);
  out.uint(lease.keys.size);
  for (const key of lease.keys) out.text(key);
}

/** @throws CoterieError ERR_CORRUPT */
export function readLeases(bytes: Uint8Array): { readonly generation: number; readonly leases: LeaseRecord[] } {
  const from = new ByteReader(bytes);
  const found = from.u8();
  if (found !== format) throw corrupt(`format ${found} of the leases`);
  const generation = from.uint();
  const leases: LeaseRecord[] = [];
  for (let count = from.uint(replicatedLimits.leases); count > 0; count--) leases.push(readLease(from));
  from.end();
  return { generation, leases };
}

function readLease(from: ByteReader): LeaseRecord {
  const id = from.uint();
  const generation = from.uint();
  const ttlMs = from.uint();
  const deadlineMs = from.f64();
  if (!Number.isFinite(deadlineMs)) throw corrupt(`a deadline of ${deadlineMs}`);
  const own = from.flag();
  const bytes = from.uint(replicatedLimits.revisionBytes);
  const keys = new Set<BinaryKey>();
  const count = from.uint(replicatedLimits.leaseKeys);
  for (let more = count; more > 0; more--) keys.add(from.text(replicatedLimits.keyBytes));
  if (keys.size !== count) throw corrupt('a lease has a key twice');
  return { id, generation, ttlMs, deadlineMs, own, keys, bytes, heapMs: deadlineMs, heapAt: -1 };
}
