import { type ByteReader, corrupt } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import { isLeaseResult, leaseOutcomeTag, readLeaseResult, writeLeaseResult } from './lease-outcomes.js';
import type { OperationResult, WriteResult } from './operation.js';
import type { CommandOutcome, Refusal } from './refusal.js';
import { nestingMax } from './request-codec.js';

/**
 * The outcomes that sessions keep, as bytes of checkpoints and snapshots.
 *
 * Only kept forms are written (see `keptForm`): entries and previous values are not part of them. Tags and codes are
 * part of the format: they are only ever added to.
 */
const outcomeTag = {
  put: 1,
  delete: 2,
  miss: 3,
  add: 4,
  txn: 5,
  compact: 6,
  refused: 7,
  get: 8,
  range: 9,
  ...{ setQuota: 14, removeQuota: 15, countQuota: 16, raiseLevel: 17 },
} as const;

const refusalCodes: readonly Refusal['code'][] = [
  'ERR_COMPACTED',
  'ERR_FUTURE_REVISION',
  'ERR_TOO_LARGE',
  'ERR_TOO_MANY_OPS',
  'ERR_NOT_A_NUMBER',
  'ERR_DUPLICATE_KEY',
  'ERR_CONFLICT',
  'ERR_CORRUPT',
  'ERR_ABORTED',
  'ERR_LEASE_NOT_FOUND',
  'ERR_LEASE_EXISTS',
  'ERR_OVERLOADED',
  'ERR_NO_SPACE',
];

/** Results of one txn that a decoder follows. */
const resultsMax = 1_000_000;

export function writeOutcome(out: ByteWriter, outcome: CommandOutcome): void {
  if (outcome.kind === 'refused') {
    writeRefusal(out, outcome);
    return;
  }
  if ('ok' in outcome && !outcome.ok && outcome.kind !== 'add') {
    out.u8(outcomeTag.miss);
    out.u8(outcome.kind === 'put' ? 0 : 1);
    out.uint(outcome.revision);
    return;
  }
  if (isLeaseResult(outcome)) {
    out.u8(leaseOutcomeTag[outcome.kind]);
    out.uint(outcome.revision);
    writeLeaseResult(out, outcome);
    return;
  }
  out.u8(outcomeTag[outcome.kind]);
  out.uint(outcome.revision);
  if (outcome.kind === 'delete') out.uint(outcome.deleted);
  if (outcome.kind === 'txn') writeBranch(out, outcome.succeeded, outcome.results);
  if (outcome.kind === 'add') {
    out.u8(outcome.ok ? 1 : 0);
    out.int(outcome.value);
  }
}

function writeRefusal(out: ByteWriter, refusal: Refusal): void {
  out.u8(outcomeTag.refused);
  out.u8(refusalCodes.indexOf(refusal.code));
  if (refusal.code === 'ERR_COMPACTED') out.uint(refusal.compactRevision);
  else if (refusal.code === 'ERR_FUTURE_REVISION') out.uint(refusal.revision);
  else if ('limit' in refusal) out.uint(refusal.limit);
}

function writeBranch(out: ByteWriter, succeeded: boolean, results: readonly OperationResult[]): void {
  out.u8(succeeded ? 1 : 0);
  out.uint(results.length);
  for (const result of results) {
    out.u8(outcomeTag[result.kind]);
    if (result.kind === 'delete') out.uint(result.deleted);
    else if (result.kind === 'add') out.int(result.value);
    else if (result.kind === 'range') out.uint(result.revision);
    else if (result.kind === 'txn') {
      out.uint(result.revision);
      writeBranch(out, result.succeeded, result.results);
    }
  }
}

/** @throws CoterieError ERR_CORRUPT */
export function readOutcome(from: ByteReader): CommandOutcome {
  const tag = from.u8();
  if (tag === outcomeTag.refused) return readRefusal(from);
  if (tag === outcomeTag.miss) {
    const kind = from.flag() ? 'delete' : 'put';
    return { kind, ok: false, revision: from.uint() };
  }
  return readResult(from, tag);
}

function readResult(from: ByteReader, tag: number): WriteResult {
  const revision = from.uint();
  switch (tag) {
    case outcomeTag.put:
      return { kind: 'put', ok: true, revision };
    case outcomeTag.delete:
      return { kind: 'delete', ok: true, revision, deleted: from.uint() };
    case outcomeTag.add: {
      const ok = from.flag();
      return { kind: 'add', ok, revision, value: from.int() };
    }
    case outcomeTag.txn:
      return { kind: 'txn', revision, ...readBranch(from, 1) };
    case outcomeTag.compact:
      return { kind: 'compact', revision };
    case outcomeTag.setQuota:
      return { kind: 'setQuota', revision };
    case outcomeTag.removeQuota:
      return { kind: 'removeQuota', revision };
    case outcomeTag.countQuota:
      return { kind: 'countQuota', revision };
    case outcomeTag.raiseLevel:
      return { kind: 'raiseLevel', revision };
    default: {
      const result = readLeaseResult(from, tag, revision);
      if (result === undefined) throw corrupt(`unknown outcome ${tag}`);
      return result;
    }
  }
}

function readRefusal(from: ByteReader): Refusal {
  const code = refusalCodes[from.u8()];
  switch (code) {
    case undefined:
      throw corrupt('unknown refusal');
    case 'ERR_COMPACTED':
      return { kind: 'refused', code, compactRevision: from.uint() };
    case 'ERR_FUTURE_REVISION':
      return { kind: 'refused', code, revision: from.uint() };
    case 'ERR_TOO_LARGE':
    case 'ERR_TOO_MANY_OPS':
    case 'ERR_NO_SPACE':
      return { kind: 'refused', code, limit: from.uint() };
    default:
      return { kind: 'refused', code };
  }
}

function readBranch(from: ByteReader, depth: number): { succeeded: boolean; results: readonly OperationResult[] } {
  if (depth > nestingMax) throw corrupt('results are nested too deeply');
  const succeeded = from.flag();
  const results: OperationResult[] = [];
  for (let count = from.uint(resultsMax); count > 0; count--) results.push(readOperationResult(from, depth));
  return { succeeded, results };
}

function readOperationResult(from: ByteReader, depth: number): OperationResult {
  const tag = from.u8();
  switch (tag) {
    case outcomeTag.put:
      return { kind: 'put' };
    case outcomeTag.delete:
      return { kind: 'delete', deleted: from.uint() };
    case outcomeTag.get:
      return { kind: 'get' };
    case outcomeTag.range:
      return { kind: 'range', revision: from.uint(), entries: [], more: false };
    case outcomeTag.add:
      return { kind: 'add', value: from.int() };
    case outcomeTag.txn: {
      const revision = from.uint();
      return { kind: 'txn', revision, ...readBranch(from, depth + 1) };
    }
    default:
      throw corrupt(`unknown result ${tag}`);
  }
}
