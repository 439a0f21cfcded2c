import { CoterieError } from '@coterie/errors';
import { defaultLimits, type MvccLimits, replicatedLimits } from '../limits.js';
import type { BinaryKey, KeyRange } from '../store/types.js';
import { inRange, onlyKey } from './key-range.js';
import type { AddOperation, Comparison, Operation, TxnOperation, WriteRequest } from './operation.js';
import { checkLeaseOfPut, checkLeaseRequest } from './check-lease.js';
import { nestingMax } from './request-codec.js';

/** What the numbers of an operation, and of the head of a command, take at the most, besides keys and values. */
const overheadBytes = 64;

/**
 * Checks a write before anything is sent.
 *
 * What passes can be encoded, fits one log entry and is refused by apply for reasons of state only. The duplicate-key
 * rule is etcd's: within one branch no key is put twice, and no put meets a delete, nested transactions included; the
 * two branches of one nested transaction exclude each other and may put the same key. Operations are counted as etcd
 * does: a nested transaction has what its parent's longest list leaves. A transaction that only wraps another one
 * behind compares (a fence) is not charged to it.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT, ERR_TOO_LARGE, ERR_TOO_MANY_OPS, ERR_DUPLICATE_KEY; all with outcome
 *   'not-applied'
 */
export function checkRequest(request: WriteRequest, limits: MvccLimits = defaultLimits): void {
  const check = new RequestCheck(limits);
  switch (request.kind) {
    case 'compact':
      checkInteger(request.revision, 'revision');
      return;
    case 'grantLease':
    case 'revokeLease':
    case 'renewLeases':
    case 'attachLease':
      checkLeaseRequest(request);
      return;
    case 'txn':
      check.txn(request, limits.txnOps, 1, 1);
      break;
    case 'put':
    case 'delete':
      check.condition(request);
      check.operation(request);
      break;
    case 'add':
      check.operation(request);
      break;
    case 'setQuota':
      checkInteger(request.bytes, 'bytes');
      check.prefix(request.prefix);
      return;
    case 'removeQuota':
    case 'countQuota':
      check.prefix(request.prefix);
      return;
    case 'raiseLevel':
      checkInteger(request.level, 'level');
      if (request.members.length > replicatedLimits.levelMembers) throw invalid('members', 'are too many');
      return;
    default:
      throw invalid('request', `is of the unknown kind ${String((request as { readonly kind?: unknown }).kind)}`);
  }
  check.size();
}

/** What a branch, or an operation of it, writes. */
interface Effects {
  readonly puts: Set<BinaryKey>;
  readonly deletes: KeyRange[];
}

class RequestCheck {
  readonly #limits: MvccLimits;
  #bytes = 0;

  constructor(limits: MvccLimits) {
    this.#limits = limits;
  }

  size(): void {
    const limit = this.#limits.commandBytes;
    if (this.#bytes > limit) throw tooLarge(`the request has ${this.#bytes} bytes`, limit);
  }

  prefix(prefix: BinaryKey): void {
    if (prefix.length > this.#limits.keyBytes)
      throw tooLarge(`the prefix has ${prefix.length} bytes`, this.#limits.keyBytes);
  }

  condition(request: Extract<WriteRequest, { kind: 'put' | 'delete' }>): void {
    if (request.ifRevision === undefined) return;
    checkInteger(request.ifRevision, 'ifRevision');
    if (request.kind === 'delete' && onlyKey(request.range) === undefined) {
      throw invalid('ifRevision', 'goes with a single key, not with a range');
    }
  }

  operation(operation: Exclude<Operation, TxnOperation>): void {
    this.#bytes += overheadBytes;
    switch (operation.kind) {
      case 'put':
        this.#key(operation.key);
        this.#value(operation.value);
        checkLeaseOfPut(operation);
        return;
      case 'delete':
        this.#range(operation.range);
        return;
      case 'get':
        this.#key(operation.key);
        return;
      case 'range':
        this.#range(operation.range);
        checkInteger(operation.limit, 'limit');
        return;
      case 'add':
        this.#key(operation.key);
        checkAddition(operation);
        return;
      default:
        throw invalid('op', `is of the unknown kind ${String((operation as { readonly kind?: unknown }).kind)}`);
    }
  }

  /**
   * @param budget operations that this txn may have
   * @param depth how deep it lies as far as its author is charged
   * @param level how deep it really lies
   */
  txn(txn: TxnOperation, budget: number, depth: number, level: number): Effects {
    const { compare, success, failure } = txn;
    if (depth > this.#limits.txnDepth) throw tooManyOps('transactions are nested too deeply', this.#limits.txnDepth);
    if (level > nestingMax) throw tooManyOps('transactions are nested too deeply', nestingMax);
    const wraps = success.length === 1 && success[0]?.kind === 'txn' && failure.length === 0;
    const used = wraps ? compare.length : Math.max(compare.length, success.length, failure.length);
    const allowed = wraps ? this.#limits.txnOps : budget;
    if (used > allowed)
      throw tooManyOps(`the transaction has ${used} compares or operations, ${allowed} are left`, this.#limits.txnOps);
    this.#bytes += overheadBytes;
    for (const comparison of compare) this.#comparison(comparison);
    const left = wraps ? budget : budget - used;
    const below = wraps ? depth : depth + 1;
    const taken = this.#branch(success, left, below, level + 1);
    return joined(taken, this.#branch(failure, left, below, level + 1));
  }

  #branch(operations: readonly Operation[], budget: number, depth: number, level: number): Effects {
    const all: Effects = { puts: new Set(), deletes: [] };
    for (const operation of operations) {
      let effects: Effects;
      if (operation.kind === 'txn') {
        effects = this.txn(operation, budget, depth, level);
      } else {
        this.operation(operation);
        effects = effectsOf(operation);
      }
      if (clash(all, effects)) throw duplicateKey();
      joined(all, effects);
    }
    return all;
  }

  #comparison(comparison: Comparison): void {
    this.#bytes += overheadBytes;
    this.#range(comparison.range);
    if (comparison.target === 'value') this.#value(comparison.operand);
    else checkInteger(comparison.operand, comparison.target);
  }

  #key(key: BinaryKey): void {
    if (key.length === 0) throw invalid('key', 'is empty');
    if (key.length > this.#limits.keyBytes) throw tooLarge(`the key has ${key.length} bytes`, this.#limits.keyBytes);
    this.#bytes += key.length;
  }

  #range(range: KeyRange): void {
    // The bound behind the longest key is that key and a zero byte.
    const limit = this.#limits.keyBytes + 1;
    for (const bound of range.end === undefined ? [range.start] : [range.start, range.end]) {
      if (bound.length > limit) throw tooLarge(`a bound of a range has ${bound.length} bytes`, limit);
      this.#bytes += bound.length;
    }
  }

  #value(value: Uint8Array): void {
    if (value.length > this.#limits.valueBytes)
      throw tooLarge(`the value has ${value.length} bytes`, this.#limits.valueBytes);
    this.#bytes += value.length;
  }
}

function effectsOf(operation: Exclude<Operation, TxnOperation>): Effects {
  if (operation.kind === 'put' || operation.kind === 'add') return { puts: new Set([operation.key]), deletes: [] };
  return { puts: new Set(), deletes: operation.kind === 'delete' ? [operation.range] : [] };
}

/** A put of the one meets a put or a delete of the other. Deletes may overlap. */
function clash(a: Effects, b: Effects): boolean {
  for (const key of b.puts) if (a.puts.has(key)) return true;
  return meets(a.puts, b.deletes) || meets(b.puts, a.deletes);
}

function meets(puts: ReadonlySet<BinaryKey>, deletes: readonly KeyRange[]): boolean {
  if (deletes.length === 0) return false;
  for (const key of puts) if (deletes.some((range) => inRange(key, range))) return true;
  return false;
}

/**
 * Adds b to a. Ranges that lie within one another are not merged: their number is bounded by that of the operations.
 */
function joined(a: Effects, b: Effects): Effects {
  for (const key of b.puts) a.puts.add(key);
  a.deletes.push(...b.deletes);
  return a;
}

function checkAddition(operation: AddOperation): void {
  for (const name of ['delta', 'min', 'max'] as const) {
    const value = operation[name];
    if (name !== 'delta' && value === undefined) continue;
    if (!Number.isSafeInteger(value)) throw invalid(name, `must be a safe integer, not ${String(value)}`);
  }
}

function checkInteger(value: number, argument: string): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw invalid(argument, `must be a safe integer from 0 on, not ${String(value)}`);
  }
}

function invalid(argument: string, what: string): CoterieError {
  return new CoterieError('ERR_INVALID_ARGUMENT', { message: `${argument} ${what}`, argument, outcome: 'not-applied' });
}

function tooLarge(what: string, limit: number): CoterieError {
  return new CoterieError('ERR_TOO_LARGE', { message: `${what}; ${limit} are allowed`, limit, outcome: 'not-applied' });
}

function tooManyOps(what: string, limit: number): CoterieError {
  return new CoterieError('ERR_TOO_MANY_OPS', {
    message: `${what}; ${limit} are allowed`,
    limit,
    outcome: 'not-applied',
  });
}

function duplicateKey(): CoterieError {
  return new CoterieError('ERR_DUPLICATE_KEY', {
    message: 'a branch of the transaction changes one key twice',
    outcome: 'not-applied',
  });
}
