import { replicatedLimits } from '../limits.js';
import type { KeyRange } from '../store/types.js';
import { type ByteReader, corrupt } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import { keyAlone, onlyKey, prefixRange } from './key-range.js';
import { leaseTag, readLeaseRequest, readTtl, writeLeaseRequest } from './lease-codec.js';
import type {
  CompareSign,
  Comparison,
  LeaseRequest,
  Operation,
  PutOperation,
  SettingRequest,
  TxnOperation,
  WriteRequest,
} from './operation.js';

/**
 * The body of a write command.
 *
 * Tags and flag bits are part of the log format: they are only ever added to. A request is read within the limits that
 * are equal on all members, so what cannot be read is unreadable everywhere.
 */
export const operationTag = { put: 1, delete: 2, get: 3, range: 4, add: 5, txn: 6, compact: 7 } as const;

/** Tags of settings; as those of operations. */
const settingTag = { setQuota: 12, removeQuota: 13, countQuota: 14, raiseLevel: 15 } as const;

const rangeForm = { key: 0, bounded: 1, open: 2 } as const;
const targets = ['value', 'version', 'modRevision', 'createRevision', 'lease'] as const;
const signs: readonly CompareSign[] = ['==', '!=', '<', '<=', '>', '>='];

/** Txns inside txns that a decoder follows: wrappers that are not charged to a caller's depth included. */
export const nestingMax = 32;

export const flag = { prev: 1, ifRevision: 2, lease: 4, keepLease: 8, ttl: 16 } as const;
const deleteFlags = flag.prev | flag.ifRevision;
const putFlags = deleteFlags | flag.lease | flag.keepLease | flag.ttl;
const rangeFlag = { reverse: 1, keysOnly: 2, countOnly: 4 } as const;
const addFlag = { min: 1, max: 2 } as const;

export function writeRequest(out: ByteWriter, request: WriteRequest): void {
  if (request.kind === 'compact') {
    out.u8(operationTag.compact);
    out.uint(request.revision);
    return;
  }
  if (isLeaseRequest(request)) {
    writeLeaseRequest(out, request);
    return;
  }
  if (isSetting(request)) {
    writeSetting(out, request);
    return;
  }
  const ifRevision = request.kind === 'put' || request.kind === 'delete' ? request.ifRevision : undefined;
  writeOperation(out, request, ifRevision);
}

function isLeaseRequest(request: WriteRequest): request is LeaseRequest {
  return request.kind in leaseTag;
}

export function isSetting(request: WriteRequest): request is SettingRequest {
  return request.kind in settingTag;
}

function writeSetting(out: ByteWriter, request: SettingRequest): void {
  out.u8(settingTag[request.kind]);
  if (request.kind === 'raiseLevel') {
    out.uint(request.level);
    out.uint(request.members.length);
    for (const member of request.members) out.uint(member);
    return;
  }
  out.text(request.prefix);
  if (request.kind === 'setQuota') out.uint(request.bytes);
  if (request.kind === 'countQuota') out.text(request.range.start);
}

function writeOperation(out: ByteWriter, operation: Operation, ifRevision?: number): void {
  out.u8(operationTag[operation.kind]);
  switch (operation.kind) {
    case 'put':
      writeFlags(out, operation.prev, ifRevision, leaseFlag(operation));
      writeLease(out, operation);
      out.text(operation.key);
      out.bytes(operation.value);
      return;
    case 'delete':
      writeFlags(out, operation.prev, ifRevision);
      writeRange(out, operation.range);
      return;
    case 'get':
      out.text(operation.key);
      return;
    case 'range': {
      const { reverse, keysOnly, countOnly } = operation;
      out.u8(
        (reverse ? rangeFlag.reverse : 0) | (keysOnly ? rangeFlag.keysOnly : 0) | (countOnly ? rangeFlag.countOnly : 0),
      );
      writeRange(out, operation.range);
      out.uint(operation.limit);
      return;
    }
    case 'add':
      out.text(operation.key);
      out.int(operation.delta);
      out.u8((operation.min === undefined ? 0 : addFlag.min) | (operation.max === undefined ? 0 : addFlag.max));
      if (operation.min !== undefined) out.int(operation.min);
      if (operation.max !== undefined) out.int(operation.max);
      return;
    case 'txn':
      writeTxn(out, operation);
  }
}

/** How a put names its lease. */
function leaseFlag({ lease, ttlMs }: PutOperation): number {
  if (ttlMs !== undefined) return flag.ttl;
  if (lease === undefined) return 0;
  return lease === 'keep' ? flag.keepLease : flag.lease;
}

function writeLease(out: ByteWriter, { lease, ttlMs }: PutOperation): void {
  if (ttlMs !== undefined) out.uint(ttlMs);
  else if (typeof lease === 'number') out.uint(lease);
}

/** What a put says of a lease, behind its flags. */
function readLease(from: ByteReader, flags: number): { lease?: number | 'keep'; ttlMs?: number } | undefined {
  switch (flags & (flag.lease | flag.keepLease | flag.ttl)) {
    case 0:
      return undefined;
    case flag.lease:
      return { lease: from.uint() };
    case flag.keepLease:
      return { lease: 'keep' };
    case flag.ttl:
      return { ttlMs: readTtl(from) };
    default:
      throw corrupt('a put names two leases');
  }
}

function writeFlags(out: ByteWriter, prev: boolean, ifRevision: number | undefined, more = 0): void {
  out.u8((prev ? flag.prev : 0) | (ifRevision === undefined ? 0 : flag.ifRevision) | more);
  if (ifRevision !== undefined) out.uint(ifRevision);
}

function writeTxn(out: ByteWriter, txn: TxnOperation): void {
  out.uint(txn.compare.length);
  for (const comparison of txn.compare) writeComparison(out, comparison);
  for (const branch of [txn.success, txn.failure]) {
    out.uint(branch.length);
    for (const operation of branch) writeOperation(out, operation);
  }
}

function writeComparison(out: ByteWriter, comparison: Comparison): void {
  out.u8(targets.indexOf(comparison.target));
  out.u8(signs.indexOf(comparison.sign));
  writeRange(out, comparison.range);
  if (comparison.target === 'value') out.bytes(comparison.operand);
  else out.uint(comparison.operand);
}

function writeRange(out: ByteWriter, range: KeyRange): void {
  const key = onlyKey(range);
  if (key !== undefined) {
    out.u8(rangeForm.key);
    out.text(key);
    return;
  }
  out.u8(range.end === undefined ? rangeForm.open : rangeForm.bounded);
  out.text(range.start);
  if (range.end !== undefined) out.text(range.end);
}

/** @throws CoterieError ERR_CORRUPT */
export function readRequest(from: ByteReader): WriteRequest {
  const tag = from.u8();
  if (tag === operationTag.compact) return { kind: 'compact', revision: from.uint() };
  if (tag === operationTag.put || tag === operationTag.delete) return readConditional(from, tag);
  const lease = readLeaseRequest(from, tag);
  if (lease !== undefined) return lease;
  const setting = readSetting(from, tag);
  if (setting !== undefined) return setting;
  const operation = readOperation(from, tag, 1);
  if (operation.kind === 'add' || operation.kind === 'txn') return operation;
  throw corrupt(`a ${operation.kind} is no write`);
}

function readSetting(from: ByteReader, tag: number): SettingRequest | undefined {
  switch (tag) {
    case settingTag.setQuota: {
      const prefix = from.text(replicatedLimits.keyBytes);
      return { kind: 'setQuota', prefix, bytes: from.uint(), range: prefixRange(prefix) };
    }
    case settingTag.removeQuota:
      return { kind: 'removeQuota', prefix: from.text(replicatedLimits.keyBytes) };
    case settingTag.countQuota: {
      const prefix = from.text(replicatedLimits.keyBytes);
      return { kind: 'countQuota', prefix, range: { ...prefixRange(prefix), start: readBound(from) } };
    }
    case settingTag.raiseLevel: {
      const level = from.uint();
      const members: number[] = [];
      for (let count = from.uint(replicatedLimits.levelMembers); count > 0; count--) members.push(from.uint());
      return { kind: 'raiseLevel', level, members };
    }
    default:
      return undefined;
  }
}

function readConditional(from: ByteReader, tag: number): WriteRequest {
  const flags = from.u8();
  if (flags > (tag === operationTag.put ? putFlags : deleteFlags)) throw corrupt(`unknown flags ${flags}`);
  const prev = (flags & flag.prev) !== 0;
  const condition = (flags & flag.ifRevision) === 0 ? undefined : { ifRevision: from.uint() };
  if (tag === operationTag.put) {
    const lease = readLease(from, flags);
    const key = readKey(from);
    const value = from.bytes(replicatedLimits.valueBytes);
    // Two literals, because puts without anything more are nearly all of them and should share one shape.
    return condition === undefined && lease === undefined
      ? { kind: 'put', key, value, prev }
      : { kind: 'put', key, value, prev, ...condition, ...lease };
  }
  return { kind: 'delete', range: readRange(from), prev, ...condition };
}

function readOperation(from: ByteReader, tag: number, depth: number): Operation {
  switch (tag) {
    case operationTag.put:
    case operationTag.delete: {
      const request = readConditional(from, tag);
      if ('ifRevision' in request) throw corrupt('a condition inside a transaction');
      return request as Operation;
    }
    case operationTag.get:
      return { kind: 'get', key: readKey(from) };
    case operationTag.range:
      return readRangeOperation(from);
    case operationTag.add:
      return readAdd(from);
    case operationTag.txn:
      return readTxn(from, depth);
    default:
      throw corrupt(`unknown operation ${tag}`);
  }
}

function readRangeOperation(from: ByteReader): Operation {
  const flags = from.u8();
  if (flags > (rangeFlag.reverse | rangeFlag.keysOnly | rangeFlag.countOnly)) throw corrupt(`unknown flags ${flags}`);
  const range = readRange(from);
  return {
    kind: 'range',
    range,
    limit: from.uint(),
    reverse: (flags & rangeFlag.reverse) !== 0,
    keysOnly: (flags & rangeFlag.keysOnly) !== 0,
    countOnly: (flags & rangeFlag.countOnly) !== 0,
  };
}

function readAdd(from: ByteReader): Operation {
  const key = readKey(from);
  const delta = from.int();
  const flags = from.u8();
  if (flags > (addFlag.min | addFlag.max)) throw corrupt(`unknown flags ${flags}`);
  const min = (flags & addFlag.min) === 0 ? undefined : { min: from.int() };
  const max = (flags & addFlag.max) === 0 ? undefined : { max: from.int() };
  return { kind: 'add', key, delta, ...min, ...max };
}

function readTxn(from: ByteReader, depth: number): TxnOperation {
  if (depth > nestingMax) throw corrupt(`transactions are nested deeper than ${nestingMax}`);
  const compare: Comparison[] = [];
  for (let count = readCount(from); count > 0; count--) compare.push(readComparison(from));
  const success = readBranch(from, depth);
  const failure = readBranch(from, depth);
  return { kind: 'txn', compare, success, failure };
}

function readBranch(from: ByteReader, depth: number): readonly Operation[] {
  const operations: Operation[] = [];
  for (let count = readCount(from); count > 0; count--) operations.push(readOperation(from, from.u8(), depth + 1));
  return operations;
}

function readCount(from: ByteReader): number {
  return from.uint(replicatedLimits.txnOps);
}

function readComparison(from: ByteReader): Comparison {
  const target = targets[from.u8()];
  const sign = signs[from.u8()];
  if (target === undefined || sign === undefined) throw corrupt('unknown compare');
  const range = readRange(from);
  if (target === 'value') return { target, range, sign, operand: from.bytes(replicatedLimits.valueBytes) };
  return { target, range, sign, operand: from.uint() };
}

function readRange(from: ByteReader): KeyRange {
  switch (from.u8()) {
    case rangeForm.key:
      return keyAlone(readKey(from));
    case rangeForm.bounded: {
      const range = { start: readBound(from), end: readBound(from) };
      if (onlyKey(range) !== undefined) throw corrupt('a key in the form of a range');
      return range;
    }
    case rangeForm.open:
      return { start: readBound(from) };
    default:
      throw corrupt('unknown form of a range');
  }
}

/**
 * A bound may be one byte longer than a key: the successor of the longest key is one. It may be empty: before every
 * key.
 */
function readBound(from: ByteReader): string {
  return from.text(replicatedLimits.keyBytes + 1);
}

function readKey(from: ByteReader): string {
  const key = from.text(replicatedLimits.keyBytes);
  if (key.length === 0) throw corrupt('an empty key');
  return key;
}
