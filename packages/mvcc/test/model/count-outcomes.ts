import type { OperationResult, RawEntry, TxnOperation, WriteRequest } from '../../src/command/operation.js';
import type { CommandOutcome } from '../../src/command/refusal.js';
import type { NaiveModel } from '../../src/testing/naive-model.js';
import type { Counts } from './counts.js';

/** Takes down what a write was an instance of. `model` has executed it. */
export function countOutcome(counts: Counts, request: WriteRequest, outcome: CommandOutcome, model: NaiveModel): void {
  switch (outcome.kind) {
    case 'compact':
      counts.add('a compaction');
      counts.add('a compaction of the present revision', model.compactRevision === model.revision);
      break;
    case 'put':
    case 'delete':
      if (!outcome.ok) counts.add('ifRevision missed');
      else if ('ifRevision' in request && request.ifRevision !== undefined) counts.add('ifRevision held');
      if (outcome.kind === 'delete' && outcome.ok) {
        counts.add('a delete of nothing', outcome.deleted === 0);
        counts.add('a delete of several keys', outcome.deleted > 1);
      }
      if (outcome.kind === 'put' && outcome.ok && request.kind === 'put') {
        const here = model.get(request.key);
        const earlier = model.history.slice(0, -1).some(({ events }) => events.some(({ key }) => key === request.key));
        counts.add('a key came back after its delete', here?.version === 1 && earlier);
      }
      break;
    case 'add':
      counts.add('an addition left its bounds', !outcome.ok);
      break;
    case 'refused':
      if (request.kind === 'compact') {
        counts.add('a compaction behind the last one was refused', outcome.code === 'ERR_COMPACTED');
        counts.add('a compaction ahead of the store was refused', outcome.code === 'ERR_FUTURE_REVISION');
      }
      counts.add('an addition met what is not a number', outcome.code === 'ERR_NOT_A_NUMBER');
      counts.add('an addition refused a txn', outcome.code === 'ERR_CONFLICT');
      break;
    default:
      break;
  }
}

type TxnOutcome = Extract<OperationResult, { kind: 'txn' }>;

/** Takes down what happened in a txn and those inside it. */
export function countTxn(counts: Counts, txn: TxnOperation, outcome: TxnOutcome, before: readonly RawEntry[]): void {
  counts.add('a txn took its failure branch', !outcome.succeeded);
  const last = Math.max(0, ...before.map(({ modRevision }) => modRevision));
  const wrote = countBranch(counts, txn, outcome, last);
  counts.add('a txn changed nothing', !wrote);
  for (const { range } of outcome.succeeded ? txn.compare : []) {
    const keys = before.filter(({ key }) => key >= range.start && (range.end === undefined || key < range.end));
    counts.add('a compare held for several keys of a range', keys.length > 1);
  }
}

/** @returns whether it wrote anything */
function countBranch(counts: Counts, txn: TxnOperation, { succeeded, results }: TxnOutcome, last: number): boolean {
  let wrote = false;
  for (const [at, result] of results.entries()) {
    const operation = (succeeded ? txn.success : txn.failure)[at]!;
    if (result.kind === 'txn') {
      counts.add(result.succeeded ? 'a nested txn took its success branch' : 'a nested txn took its failure branch');
      if (countBranch(counts, operation as TxnOperation, result, last)) wrote = true;
    } else if (result.kind === 'get' || result.kind === 'range') {
      const seen = result.kind === 'get' ? [result.entry] : result.entries;
      const own = seen.some((entry) => entry !== undefined && entry.modRevision > last);
      counts.add('a read of a txn saw what the txn wrote', wrote && own);
      const cut = result.kind === 'range' && result.more;
      counts.add('a range of a txn was cut short behind what the txn had changed', wrote && cut);
    } else {
      wrote ||= result.kind !== 'delete' || result.deleted > 0;
    }
  }
  return wrote;
}
