import type { Operation, WriteRequest } from '../command/operation.js';
import type { BinaryKey, StoreView } from '../store/types.js';
import type { LeaseUsage, LeaseView } from '../txn/execution.js';

/** One that has room for everything: what is run again was applied, so nothing about its leases was refused. */
const roomy: LeaseUsage = { generation: 0, ttlMs: 0, deadlineMs: 0, own: false, keys: 0, bytes: 0 };

/**
 * The leases of a command that is run again for its result: history does not have them, and the only thing about them
 * that a result can show is the lease that a key got of its own.
 *
 * @param after the state right behind the command, where each such key still has it
 */
export async function recalledLeases(request: WriteRequest, after: StoreView): Promise<LeaseView> {
  const own = new Map<BinaryKey, number>();
  for (const key of keysWithTtl(request)) {
    const lease = (await after.get(key))?.lease;
    if (lease !== undefined) own.set(key, lease);
  }
  return {
    count: 0,
    usage: () => roomy,
    keysOf: () => [],
    nextGeneration: (key, last) => (key === undefined ? undefined : own.get(key)) ?? last + 1,
  };
}

/** Whether a request makes leases for keys of its own, and so reads of the state behind it. */
export function makesLeases(request: WriteRequest): boolean {
  return keysWithTtl(request).length > 0;
}

function keysWithTtl(request: WriteRequest | Operation): readonly BinaryKey[] {
  if (request.kind === 'put') return request.ttlMs === undefined ? [] : [request.key];
  if (request.kind !== 'txn') return [];
  return [...request.success, ...request.failure].flatMap(keysWithTtl);
}
