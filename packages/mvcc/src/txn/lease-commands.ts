import { invariant } from '@coterie/errors';
import type { LeaseRequest } from '../command/operation.js';
import type { DeleteReason, KeyEvent, RevisionEvents } from '../store/types.js';
import { type Execution, refuse, type TxnState } from './execution.js';
import { refuseTooMany } from './lease-use.js';

/** What a command on leases does. */
export function executeLease(request: LeaseRequest, state: TxnState): Execution {
  switch (request.kind) {
    case 'grantLease':
      return executeGrant(request, state);
    case 'revokeLease':
      return executeRevoke(request, state);
    case 'renewLeases':
      return executeRenew(request, state);
    case 'attachLease':
      return executeAttach(request, state);
  }
}

function executeGrant(request: Extract<LeaseRequest, { kind: 'grantLease' }>, state: TxnState): Execution {
  const { leases, revision } = state;
  if (request.id !== 0 && leases.usage(request.id) !== undefined) {
    return refuse({ kind: 'refused', code: 'ERR_LEASE_EXISTS' });
  }
  refuseTooMany(leases.count + 1);
  const generation = leases.nextGeneration(undefined, 0);
  const id = request.id === 0 ? generation : request.id;
  const { ttlMs } = request;
  return {
    outcome: { kind: 'grantLease', revision, id, generation, ttlMs },
    change: undefined,
    leases: [{ kind: 'grant', grant: { id, generation, ttlMs, own: false } }],
  };
}

function executeRevoke(request: Extract<LeaseRequest, { kind: 'revokeLease' }>, state: TxnState): Execution {
  const { id, generation } = request;
  const lease = state.leases.usage(id);
  // Whoever holds an earlier lease of this id must not end the one that came after it.
  if (lease === undefined || (generation !== 0 && generation !== lease.generation)) return notFound();
  const change = endOfLease(state, id, 'revoked');
  return {
    outcome: {
      kind: 'revokeLease',
      revision: change?.revision ?? state.revision,
      deleted: change?.events.length ?? 0,
    },
    change,
    leases: [{ kind: 'end', id }],
  };
}

/** A lease that is past its deadline and still there lives on: nobody has been told otherwise. */
function executeRenew(request: Extract<LeaseRequest, { kind: 'renewLeases' }>, state: TxnState): Execution {
  const lost: number[] = [];
  const renewed: number[] = [];
  request.leases.forEach(({ id, generation }, position) => {
    if (state.leases.usage(id)?.generation === generation) renewed.push(id);
    else lost.push(position);
  });
  return {
    outcome: { kind: 'renewLeases', revision: state.revision, lost },
    change: undefined,
    leases: [{ kind: 'renew', ids: renewed }],
  };
}

function executeAttach(request: Extract<LeaseRequest, { kind: 'attachLease' }>, state: TxnState): Execution {
  const { id, renew } = request;
  const lease = state.leases.usage(id);
  if (lease === undefined) return notFound();
  const { generation, ttlMs, deadlineMs } = lease;
  const remainingMs = renew ? ttlMs : Math.max(0, deadlineMs - state.logTimeMs);
  return {
    outcome: { kind: 'attachLease', revision: state.revision, id, generation, ttlMs, remainingMs },
    change: undefined,
    ...(renew ? { leases: [{ kind: 'renew', ids: [id] }] } : undefined),
  };
}

function notFound(): Execution {
  return refuse({ kind: 'refused', code: 'ERR_LEASE_NOT_FOUND' });
}

/** The one revision that deletes all keys of a lease, in key order (as etcd); undefined when it has none. */
export function endOfLease(state: TxnState, id: number, reason: DeleteReason): RevisionEvents | undefined {
  const events: KeyEvent[] = state.leases.keysOf(id).map((key) => {
    const before = state.lookup(key);
    invariant(before?.lease === id, 'a lease knows its keys', { lease: id, found: before?.lease });
    return { key, after: undefined, before, reason };
  });
  return events.length === 0 ? undefined : { revision: state.revision + 1, events };
}
