import { invariant } from '@coterie/errors';
import type { OperationResult, RawEntry, RawRange, WriteResult } from '../command/operation.js';
import type { AddResult, DeleteDone, Entry, PutDone, RangeResult, Refused } from './entry.js';
import type { Pacer } from './pacing.js';
import { unreadable } from './requests.js';
import type { ResultPlan, TxnPlan } from './txn-request.js';
import type { ViewCodec } from './view-codec.js';

type ResultOf<Kind> = Extract<WriteResult, { kind: Kind }>;
type AnyEntry = Entry<unknown, unknown>;

/** Past this many entries a result is decoded in steps that give way. */
const atOnce = 64;

function assertKind<Kind extends WriteResult['kind']>(
  result: WriteResult,
  kind: Kind,
): asserts result is ResultOf<Kind> {
  invariant(result.kind === kind, 'the engine answers the operation that it was given', { kind, got: result.kind });
}

function prevOf(codec: ViewCodec, prev: RawEntry | undefined): { prev?: AnyEntry } {
  return prev === undefined ? {} : { prev: codec.entry(prev) };
}

function refused(
  codec: ViewCodec,
  result: Extract<WriteResult, { ok: false; kind: 'put' | 'delete' }>,
): Refused<unknown, unknown> {
  const { revision, current } = result;
  return current === undefined ? { ok: false, revision } : { ok: false, revision, current: codec.entry(current) };
}

export function putResult(
  codec: ViewCodec,
  result: WriteResult,
): PutDone<unknown, unknown> | Refused<unknown, unknown> {
  assertKind(result, 'put');
  // A refusal that cannot be read changed nothing.
  if (!result.ok) return refused(codec, result);
  if (result.prev === undefined) return { ok: true, revision: result.revision };
  return afterwards(() => ({ ok: true, revision: result.revision, ...prevOf(codec, result.prev) }));
}

export async function deleteResult(
  codec: ViewCodec,
  result: WriteResult,
  pacer: Pacer,
): Promise<DeleteDone<unknown, unknown> | Refused<unknown, unknown>> {
  assertKind(result, 'delete');
  if (!result.ok) return refused(codec, result);
  const { revision, deleted, prev } = result;
  if (prev === undefined) return { ok: true, revision, deleted };
  try {
    return { ok: true, revision, deleted, prev: await entriesOf(prev, (raw) => codec.entry(raw), pacer) };
  } catch (error) {
    throw unreadable(error);
  }
}

export function addResult(result: WriteResult): AddResult {
  assertKind(result, 'add');
  return { ok: result.ok, revision: result.revision, value: result.value };
}

function afterwards<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw unreadable(error);
  }
}

async function entriesOf<E>(
  raw: readonly RawEntry[],
  decode: (raw: RawEntry) => E,
  pacer: Pacer,
): Promise<readonly E[]> {
  return raw.length <= atOnce ? raw.map(decode) : pacer.map(raw, decode);
}

export async function rangeResult(
  codec: ViewCodec,
  result: { readonly revision: number } & RawRange,
  keysOnly: boolean,
  pacer: Pacer,
): Promise<RangeResult<unknown>> {
  const { revision, more, count } = result;
  const decode = keysOnly ? (raw: RawEntry) => codec.keyEntry(raw) : (raw: RawEntry) => codec.entry(raw);
  const entries = await entriesOf(result.entries, decode, pacer);
  return count === undefined ? { revision, entries, more } : { revision, entries, more, count };
}

export interface DecodedTxn {
  readonly succeeded: boolean;
  readonly revision: number;
  readonly results: readonly unknown[];
}

/** The results of a txn, each read by the view of its operation. */
export async function txnResult(
  plan: TxnPlan,
  result: { readonly succeeded: boolean; readonly revision: number; readonly results: readonly OperationResult[] },
  pacer: Pacer,
): Promise<DecodedTxn> {
  const { succeeded, revision } = result;
  const branch = succeeded ? plan.success : plan.failure;
  invariant(branch.length === result.results.length, 'a txn has one result an operation', {
    operations: branch.length,
    results: result.results.length,
  });
  const results: unknown[] = [];
  for (const [i, each] of branch.entries()) results.push(await operationResult(each, result.results[i]!, pacer));
  return { succeeded, revision, results };
}

async function operationResult(plan: ResultPlan, result: OperationResult, pacer: Pacer): Promise<unknown> {
  if (!('view' in plan)) {
    invariant(result.kind === 'txn', 'an inner txn has the result of one', { got: result.kind });
    return txnResult(plan, result, pacer);
  }
  const { view, operation } = plan;
  invariant(result.kind === operation.kind, 'an operation has a result of its kind', { got: result.kind });
  switch (result.kind) {
    case 'put':
      return prevOf(view, result.prev);
    case 'get':
      return result.entry === undefined ? undefined : view.entry(result.entry);
    case 'range':
      return rangeResult(view, result, operation.kind === 'range' && operation.keysOnly, pacer);
    case 'delete':
      return result.prev === undefined
        ? { deleted: result.deleted }
        : { deleted: result.deleted, prev: await entriesOf(result.prev, (raw) => view.entry(raw), pacer) };
    case 'add':
      return { value: result.value };
  }
}
