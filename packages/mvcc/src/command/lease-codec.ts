import { replicatedLimits } from '../limits.js';
import { type ByteReader, corrupt } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import type { LeaseHandle, LeaseRequest } from './operation.js';

/** Tags of lease requests: in one space with those of the other writes, and only ever added to. */
export const leaseTag = { grantLease: 8, revokeLease: 9, renewLeases: 10, attachLease: 11 } as const;

export function writeLeaseRequest(out: ByteWriter, request: LeaseRequest): void {
  out.u8(leaseTag[request.kind]);
  switch (request.kind) {
    case 'grantLease':
      out.uint(request.id);
      out.uint(request.ttlMs);
      return;
    case 'revokeLease':
      out.uint(request.id);
      out.uint(request.generation);
      return;
    case 'renewLeases':
      writeHandles(out, request.leases);
      return;
    case 'attachLease':
      out.uint(request.id);
      out.u8(request.renew ? 1 : 0);
  }
}

/** @returns undefined when the tag is of no lease request. @throws CoterieError ERR_CORRUPT */
export function readLeaseRequest(from: ByteReader, tag: number): LeaseRequest | undefined {
  switch (tag) {
    case leaseTag.grantLease: {
      const id = from.uint();
      return { kind: 'grantLease', id, ttlMs: readTtl(from) };
    }
    case leaseTag.revokeLease: {
      const id = from.uint();
      return { kind: 'revokeLease', id, generation: from.uint() };
    }
    case leaseTag.renewLeases:
      return { kind: 'renewLeases', leases: readHandles(from, replicatedLimits.renewalsPerCommand) };
    case leaseTag.attachLease: {
      const id = from.uint();
      const renew = from.u8();
      if (renew > 1) throw corrupt(`a choice is ${renew}`);
      return { kind: 'attachLease', id, renew: renew === 1 };
    }
    default:
      return undefined;
  }
}

export function readTtl(from: ByteReader): number {
  const ttlMs = from.uint(replicatedLimits.leaseTtlMsMax);
  if (ttlMs < replicatedLimits.leaseTtlMsMin) throw corrupt(`a time to live of ${ttlMs} ms`);
  return ttlMs;
}

export function writeHandles(out: ByteWriter, leases: readonly LeaseHandle[]): void {
  out.uint(leases.length);
  for (const { id, generation } of leases) {
    out.uint(id);
    out.uint(generation);
  }
}

/** @throws CoterieError ERR_CORRUPT */
export function readHandles(from: ByteReader, max: number): LeaseHandle[] {
  const leases: LeaseHandle[] = [];
  for (let count = from.uint(max); count > 0; count--) {
    const id = from.uint();
    leases.push({ id, generation: from.uint() });
  }
  return leases;
}
