import { replicatedLimits } from '../limits.js';
import type { ByteReader } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import type { LeaseRequest, WriteResult } from './operation.js';

/** The result of a request on leases. */
export type LeaseResult = Extract<WriteResult, { readonly kind: LeaseRequest['kind'] }>;

/** Tags of their outcomes: in one space with those of the other writes, and only ever added to. */
export const leaseOutcomeTag = { grantLease: 10, revokeLease: 11, renewLeases: 12, attachLease: 13 } as const;

export function isLeaseResult(result: WriteResult): result is LeaseResult {
  return result.kind in leaseOutcomeTag;
}

/** Behind the tag and the revision. */
export function writeLeaseResult(out: ByteWriter, result: LeaseResult): void {
  switch (result.kind) {
    case 'revokeLease':
      out.uint(result.deleted);
      return;
    case 'renewLeases':
      out.uint(result.lost.length);
      for (const position of result.lost) out.uint(position);
      return;
    case 'attachLease':
      out.f64(result.remainingMs);
      break;
    case 'grantLease':
      break;
  }
  out.uint(result.id);
  out.uint(result.generation);
  out.uint(result.ttlMs);
}

/** @returns undefined when the tag is of no such result. @throws CoterieError ERR_CORRUPT */
export function readLeaseResult(from: ByteReader, tag: number, revision: number): LeaseResult | undefined {
  switch (tag) {
    case leaseOutcomeTag.grantLease:
      return { kind: 'grantLease', revision, ...readLease(from) };
    case leaseOutcomeTag.attachLease: {
      const remainingMs = from.f64();
      return { kind: 'attachLease', revision, ...readLease(from), remainingMs };
    }
    case leaseOutcomeTag.revokeLease:
      return { kind: 'revokeLease', revision, deleted: from.uint() };
    case leaseOutcomeTag.renewLeases: {
      const lost: number[] = [];
      for (let count = from.uint(replicatedLimits.renewalsPerCommand); count > 0; count--) lost.push(from.uint());
      return { kind: 'renewLeases', revision, lost };
    }
    default:
      return undefined;
  }
}

function readLease(from: ByteReader): { readonly id: number; readonly generation: number; readonly ttlMs: number } {
  const id = from.uint();
  const generation = from.uint();
  return { id, generation, ttlMs: from.uint() };
}
