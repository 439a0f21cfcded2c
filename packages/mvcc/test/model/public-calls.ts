import type { CommandOutcome } from '../../src/command/refusal.js';
import type {
  Comparison,
  Operation,
  OperationResult,
  RangeOperation,
  RawEntry,
  RawRange,
  TxnOperation,
} from '../../src/command/operation.js';
import type { RawBatch, RawEvent } from '../../src/engine/engine.js';
import type { Kv } from '../../src/kv/kv.js';
import { op } from '../../src/kv/operations.js';
import type { AnyOp, Compare } from '../../src/kv/transaction.js';
import type { Range } from '../../src/kv/range.js';
import type { KeyRange } from '../../src/store/types.js';
import type { Asked, KeyRequest, Span } from './requests.js';

/** A view in which everything is bytes. */
export type BytesKv = Kv<Uint8Array, Uint8Array>;

const bytes = (key: string): Uint8Array => Uint8Array.from(key, (each) => each.charCodeAt(0));

function askedOf(range: KeyRange): Asked {
  return (range as Span).asked;
}

export function target(asked: Asked): Uint8Array | Range<Uint8Array> {
  return typeof asked === 'string' ? bytes(asked) : rangeTarget(asked);
}

/** A range of one key has to be asked for by its bounds where only ranges are taken. */
export function rangeTarget(asked: Asked): Range<Uint8Array> {
  if (typeof asked === 'string') return { gte: bytes(asked), lte: bytes(asked) };
  const bounds = Object.entries(asked).map(([name, bound]) => [name, bound === true ? true : bytes(bound)]);
  return Object.fromEntries(bounds) as Range<Uint8Array>;
}

export function readOptions({ limit, reverse, keysOnly, countOnly }: Omit<RangeOperation, 'kind'>) {
  return { ...(limit === 0 ? {} : { limit }), reverse, keysOnly, countOnly };
}

function compareOf(kv: BytesKv, comparison: Comparison): Compare {
  const what = target(askedOf(comparison.range));
  const made =
    comparison.target === 'value'
      ? kv.cmp.value(what, comparison.sign, comparison.operand)
      : kv.cmp[comparison.target](what, comparison.sign, comparison.operand);
  return made as unknown as Compare;
}

function operationOf(kv: BytesKv, operation: Operation): AnyOp {
  switch (operation.kind) {
    case 'put':
      return kv.op.put(bytes(operation.key), operation.value, { prev: operation.prev });
    case 'get':
      return kv.op.get(bytes(operation.key));
    case 'delete':
      return kv.op.delete(target(askedOf(operation.range)), { prev: operation.prev });
    case 'range':
      return kv.op.range(rangeTarget(askedOf(operation.range)), readOptions(operation));
    case 'add':
      return kv.op.add(bytes(operation.key), operation.delta, { min: operation.min, max: operation.max });
    case 'txn':
      return op.txn(specOf(kv, operation));
  }
}

function specOf(kv: BytesKv, { compare, success, failure }: TxnOperation) {
  return {
    compare: compare.map((each) => compareOf(kv, each)),
    success: success.map((each) => operationOf(kv, each)),
    failure: failure.map((each) => operationOf(kv, each)),
  };
}

/** Makes the call that a request stands for. */
export function call(kv: BytesKv, request: KeyRequest): Promise<unknown> {
  switch (request.kind) {
    case 'put':
      return kv.put(bytes(request.key), request.value, { prev: request.prev, ifRevision: request.ifRevision });
    case 'delete': {
      const { prev, ifRevision } = request;
      const what = target(askedOf(request.range));
      return ifRevision === undefined ? kv.delete(what, { prev }) : kv.delete(what as Uint8Array, { prev, ifRevision });
    }
    case 'add': {
      const { min, max } = request;
      return kv.add(bytes(request.key), request.delta, { min, max } as { min: number });
    }
    case 'txn':
      return kv.txn(specOf(kv, request));
    case 'compact':
      return kv.compact(request.revision);
  }
}

export function shownEntry({ lease, ...entry }: RawEntry, keysOnly = false): unknown {
  const { value, ...rest } = entry;
  return { ...rest, ...(keysOnly ? {} : { value }), ...(lease === 0 ? {} : { lease }) };
}

const shownEntries = (entries: readonly RawEntry[], keysOnly = false) =>
  entries.map((each) => shownEntry(each, keysOnly));

export function shownRange({ entries, ...rest }: RawRange, keysOnly: boolean): unknown {
  return { ...rest, entries: shownEntries(entries, keysOnly) };
}

const prevOf = (prev: RawEntry | undefined) => (prev === undefined ? {} : { prev: shownEntry(prev) });
const prevsOf = (prev: readonly RawEntry[] | undefined) => (prev === undefined ? {} : { prev: shownEntries(prev) });

function shownResult(result: OperationResult, operation: Operation): unknown {
  switch (result.kind) {
    case 'put':
      return prevOf(result.prev);
    case 'get':
      return result.entry === undefined ? undefined : shownEntry(result.entry);
    case 'delete':
      return { deleted: result.deleted, ...prevsOf(result.prev) };
    case 'range': {
      const { kind: _, ...range } = result;
      return shownRange(range, operation.kind === 'range' && operation.keysOnly);
    }
    case 'add':
      return { value: result.value };
    case 'txn':
      return shownTxn(result, operation as TxnOperation);
  }
}

function shownTxn(
  { succeeded, revision, results }: Extract<OperationResult, { kind: 'txn' }>,
  txn: TxnOperation,
): unknown {
  const branch = succeeded ? txn.success : txn.failure;
  return { succeeded, revision, results: results.map((each, at) => shownResult(each, branch[at]!)) };
}

/** What the call must give, in the words of the public surface. */
export function shownOutcome(outcome: CommandOutcome, request: KeyRequest): unknown {
  switch (outcome.kind) {
    case 'refused': {
      const { kind: _, ...rest } = outcome;
      return { ...rest, outcome: 'not-applied' };
    }
    case 'compact':
      return undefined;
    case 'txn':
      return shownTxn(outcome, request as TxnOperation);
    case 'add': {
      const { kind: _, ...rest } = outcome;
      return rest;
    }
    case 'put':
    case 'delete': {
      const { ok, revision } = outcome;
      if (!outcome.ok) {
        return { ok, revision, ...(outcome.current === undefined ? {} : { current: shownEntry(outcome.current) }) };
      }
      if (outcome.kind === 'put') return { ok, revision, ...prevOf(outcome.prev) };
      return { ok, revision, deleted: outcome.deleted, ...prevsOf(outcome.prev) };
    }
    default:
      throw new Error(`${request.kind} has no outcome of the kind ${outcome.kind}`);
  }
}

function shownEvent(event: RawEvent): unknown {
  const prev = prevOf(event.prev);
  if (event.type === 'put') return { type: 'put', entry: shownEntry(event.entry), ...prev };
  const { key, modRevision, reason } = event;
  return { type: 'delete', entry: { key, modRevision }, ...prev, reason };
}

export function shownEvents(events: readonly RawEvent[]): unknown[] {
  return events.map(shownEvent);
}

export function shownBatch({ kind, revision, events }: RawBatch): unknown {
  return { kind, revision, events: shownEvents(events) };
}

/** Bytes as text, one character a byte, wherever they are: the two sides then compare as plain data. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return String.fromCharCode(...value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}
