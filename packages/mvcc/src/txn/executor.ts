import type { AddOperation, DeleteOperation, KeyRequest, PutOperation, TxnOperation } from '../command/operation.js';
import { onlyKey } from '../command/key-range.js';
import type { BinaryKey, KeyEvent, KeyRecord } from '../store/types.js';
import { addWithinBounds, counterBytes, counterValue } from './counter.js';
import { type Execution, type LeaseChange, Refused, refuse, type TxnState } from './execution.js';
import { executeLease } from './lease-commands.js';
import { LeaseUse } from './lease-use.js';
import { nextRecord, rawEntry } from './record.js';
import { decide, TxnRun } from './txn-run.js';

/**
 * What a write does to a state: pure and synchronous, and so the same on every member.
 *
 * A write takes one revision, or none when it changes nothing. A refusal applies nothing.
 */
export function execute(request: KeyRequest, state: TxnState): Execution {
  try {
    switch (request.kind) {
      case 'put':
        return executePut(request, state);
      case 'add':
        return executeAdd(request, state);
      case 'delete':
        return executeDelete(request, state);
      case 'txn':
        return executeTxn(request, state);
      case 'compact':
        return executeCompact(request.revision, state);
      default:
        return executeLease(request, state);
    }
  } catch (error) {
    if (error instanceof Refused) return refuse(error.refusal);
    throw error;
  }
}

function executePut(request: PutOperation & { readonly ifRevision?: number }, state: TxnState): Execution {
  const { key, value, prev, ifRevision } = request;
  const before = state.lookup(key);
  if (ifRevision !== undefined && ifRevision !== (before?.modRevision ?? 0)) return missed('put', key, before, state);
  const revision = state.revision + 1;
  const leases = request.lease === undefined && request.ttlMs === undefined ? undefined : new LeaseUse(state.leases);
  const after = nextRecord(key, value, before, revision, leases?.choose(request, before) ?? 0);
  const change = oneChange(revision, { key, after, before });
  leases?.check(change.events);
  return {
    outcome:
      prev && before !== undefined
        ? { kind: 'put', ok: true, revision, prev: rawEntry(key, before) }
        : { kind: 'put', ok: true, revision },
    change,
    ...granted(leases),
  };
}

/** The leases of keys' own that a command makes. */
function granted(leases: LeaseUse | undefined): { readonly leases?: readonly LeaseChange[] } | undefined {
  if (leases === undefined || leases.grants.length === 0) return undefined;
  return { leases: leases.grants.map((grant) => ({ kind: 'grant', grant })) };
}

/** `ifRevision` did not hold: a value, not an error. */
function missed(
  kind: 'put' | 'delete',
  key: BinaryKey,
  current: KeyRecord | undefined,
  { revision }: TxnState,
): Execution {
  const found = current === undefined ? undefined : { current: rawEntry(key, current) };
  return { outcome: { kind, ok: false, revision, ...found }, change: undefined };
}

function executeAdd(request: AddOperation, state: TxnState): Execution {
  const { key } = request;
  const before = state.lookup(key);
  const value = counterValue(before);
  if (value === undefined) return refuse({ kind: 'refused', code: 'ERR_NOT_A_NUMBER' });
  const sum = addWithinBounds(request, value);
  if (sum === undefined) {
    return { outcome: { kind: 'add', ok: false, revision: state.revision, value }, change: undefined };
  }
  const revision = state.revision + 1;
  // A counter stays in its lease: who adds to it need not know of one.
  const after = nextRecord(key, counterBytes(sum), before, revision, before?.lease ?? 0);
  const change = oneChange(revision, { key, after, before });
  if (after.lease !== 0) new LeaseUse(state.leases).check(change.events);
  return { outcome: { kind: 'add', ok: true, revision, value: sum }, change };
}

function executeDelete(request: DeleteOperation & { readonly ifRevision?: number }, state: TxnState): Execution {
  const key = onlyKey(request.range);
  if (request.ifRevision !== undefined) {
    // A condition on a range never gets by the check of a proposer; here it can only be refused.
    if (key === undefined) return refuse({ kind: 'refused', code: 'ERR_CORRUPT' });
    const current = state.lookup(key);
    if (request.ifRevision !== (current?.modRevision ?? 0)) return missed('delete', key, current, state);
  }
  const run = new TxnRun(state);
  const { deleted, prev } = run.delete(request);
  const change = run.finish();
  const revision = change?.revision ?? state.revision;
  return {
    outcome: { kind: 'delete', ok: true, revision, deleted, ...(prev === undefined ? undefined : { prev }) },
    change,
  };
}

function executeTxn(request: TxnOperation, state: TxnState): Execution {
  const decision = decide(request, state);
  const run = new TxnRun(state);
  const results = run.branch(request, decision);
  const change = run.finish();
  const revision = change?.revision ?? state.revision;
  const outcome = { kind: 'txn', revision, succeeded: decision.succeeded, results } as const;
  return { outcome, change, ...granted(run.leases) };
}

/**
 * etcd's bounds: a revision that is compacted already is refused, so is one that is not reached. Reads at it stay
 * possible.
 */
function executeCompact(revision: number, state: TxnState): Execution {
  if (revision <= state.compactRevision) {
    return refuse({ kind: 'refused', code: 'ERR_COMPACTED', compactRevision: state.compactRevision });
  }
  if (revision > state.revision) {
    return refuse({ kind: 'refused', code: 'ERR_FUTURE_REVISION', revision: state.revision });
  }
  return { outcome: { kind: 'compact', revision: state.revision }, change: undefined, compact: revision };
}

function oneChange(revision: number, event: KeyEvent): { revision: number; events: readonly KeyEvent[] } {
  return { revision, events: [event] };
}
