import type { Operation, OperationResult, WriteRequest, WriteResult } from './operation.js';
import type { CommandOutcome } from './refusal.js';

/** What an outcome costs a session at the least; keeping count is exact enough in steps of this. */
const outcomeBytes = 24;

/** Whether results of this request carry entries, which a session does not keep. */
export function returnsEntries(request: WriteRequest | Operation): boolean {
  switch (request.kind) {
    case 'put':
    case 'delete':
      return request.prev || ('ifRevision' in request && request.ifRevision !== undefined);
    case 'get':
    case 'range':
      return true;
    case 'txn':
      return request.success.some(returnsEntries) || request.failure.some(returnsEntries);
    default:
      return false;
  }
}

/**
 * What a session keeps of an outcome: revisions, counts, branches, counters, but no entries, so that a session's
 * results stay small whatever they returned. `recall` puts the entries back.
 */
export function keptForm(outcome: CommandOutcome): CommandOutcome {
  switch (outcome.kind) {
    case 'put':
      return outcome.ok ? { kind: 'put', ok: true, revision: outcome.revision } : miss(outcome);
    case 'delete':
      if (!outcome.ok) return miss(outcome);
      return { kind: 'delete', ok: true, revision: outcome.revision, deleted: outcome.deleted };
    case 'txn':
      return { ...outcome, results: outcome.results.map(keptResult) };
    case 'renewLeases':
      return { ...outcome, lost: [...outcome.lost] };
    default:
      // A copy: what a session keeps is replicated state and must not be an object that a caller holds.
      return { ...outcome };
  }
}

function miss(outcome: { readonly kind: 'put' | 'delete'; readonly revision: number }): WriteResult {
  return { kind: outcome.kind, ok: false, revision: outcome.revision };
}

function keptResult(result: OperationResult): OperationResult {
  switch (result.kind) {
    case 'put':
      return { kind: 'put' };
    case 'delete':
      return { kind: 'delete', deleted: result.deleted };
    case 'get':
      return { kind: 'get' };
    case 'range':
      return { kind: 'range', revision: result.revision, entries: [], more: false };
    case 'txn':
      return { ...result, results: result.results.map(keptResult) };
    default:
      return result;
  }
}

/** What a kept outcome counts for in its session. The same on every member: decided from the outcome alone. */
export function keptBytes(outcome: CommandOutcome): number {
  if (outcome.kind === 'renewLeases') return outcomeBytes + 8 * outcome.lost.length;
  return outcome.kind === 'txn' ? outcomeBytes + resultsBytes(outcome.results) : outcomeBytes;
}

function resultsBytes(results: readonly OperationResult[]): number {
  let bytes = 0;
  for (const result of results) bytes += outcomeBytes + (result.kind === 'txn' ? resultsBytes(result.results) : 0);
  return bytes;
}

/** Whether a result changed the store, and so stands for the step from `revision - 1` to `revision`. */
export function changedStore(result: WriteResult | OperationResult): boolean {
  switch (result.kind) {
    case 'put':
      return !('ok' in result) || result.ok;
    case 'delete':
      return 'deleted' in result && result.deleted > 0;
    case 'add':
      return !('ok' in result) || result.ok;
    case 'txn':
      return result.results.some(changedStore);
    case 'revokeLease':
      return result.deleted > 0;
    default:
      return false;
  }
}
