import { CoterieError } from '@coterie/errors';
import { inRange, onlyKey } from '../command/key-range.js';
import type {
  AddOperation,
  Comparison,
  DeleteOperation,
  Operation,
  OperationResult,
  PutOperation,
  RangeOperation,
  RawEntry,
  RawRange,
  TxnOperation,
  WriteRequest,
  WriteResult,
} from '../command/operation.js';
import type { RawEvent } from '../engine/engine.js';
import type { BinaryKey, KeyRange } from '../store/types.js';

interface Version {
  readonly revision: number;
  /** undefined: deleted. */
  readonly entry: RawEntry | undefined;
}
export interface ModelRevision {
  readonly revision: number;
  readonly events: readonly RawEvent[];
}

/** Which branch a txn takes, and each txn in that branch. */
interface Decision {
  readonly succeeded: boolean;
  readonly inner: ReadonlyMap<TxnOperation, Decision>;
}

const text = new TextDecoder();

/**
 * The state of a store as plainly as it can be said: all versions of all keys, for ever. What a faster one must agree
 * with.
 */
export class ModelState {
  revision = 1;
  compactRevision = 0;
  readonly history: ModelRevision[] = [];
  readonly #keys = new Map<BinaryKey, Version[]>();
  #events: RawEvent[] = [];

  /** @throws CoterieError ERR_COMPACTED, ERR_FUTURE_REVISION */
  assertReadable(revision: number): void {
    if (revision < this.compactRevision) throw this.compacted(revision);
    if (revision > this.revision) throw this.#future(revision);
  }

  compacted(revision: number, outcome?: 'not-applied'): CoterieError<'ERR_COMPACTED'> {
    const { compactRevision } = this;
    const message = `revision ${revision} is compacted; the oldest is ${compactRevision}`;
    return new CoterieError('ERR_COMPACTED', {
      message,
      compactRevision,
      ...(outcome === undefined ? {} : { outcome }),
    });
  }

  #future(revision: number, outcome?: 'not-applied'): CoterieError<'ERR_FUTURE_REVISION'> {
    const message = `revision ${revision} is not there yet; the newest is ${this.revision}`;
    const known = outcome === undefined ? {} : { outcome };
    return new CoterieError('ERR_FUTURE_REVISION', { message, revision: this.revision, ...known });
  }

  entry(key: BinaryKey, revision = Number.MAX_SAFE_INTEGER): RawEntry | undefined {
    return this.#keys.get(key)?.findLast((version) => version.revision <= revision)?.entry;
  }

  entries(range: KeyRange, revision?: number): RawEntry[] {
    return [...this.#keys.keys()]
      .filter((key) => inRange(key, range))
      .toSorted((a, b) => (a < b ? -1 : 1))
      .map((key) => this.entry(key, revision))
      .filter((entry) => entry !== undefined);
  }

  range(request: Omit<RangeOperation, 'kind'>, revision?: number): RawRange {
    const all = this.entries(request.range, revision);
    if (request.countOnly) return { entries: [], more: false, count: all.length };
    if (request.reverse) all.reverse();
    const entries = request.limit === 0 ? all : all.slice(0, request.limit);
    return {
      entries: request.keysOnly ? entries.map((entry) => ({ ...entry, value: new Uint8Array() })) : entries,
      more: entries.length < all.length,
    };
  }

  /** One command: all of it, or an error and nothing. */
  apply(request: WriteRequest): WriteResult {
    this.#events = [];
    const next = this.revision + 1;
    const result = this.#run(request, next);
    if (this.#events.length === 0) return { ...result, revision: this.revision };
    this.revision = next;
    this.history.push({ revision: next, events: this.#events });
    return result;
  }

  #run(request: WriteRequest, next: number): WriteResult {
    switch (request.kind) {
      case 'put': {
        const current = this.entry(request.key);
        if (missed(current, request.ifRevision)) return refused('put', next, current);
        return { ok: true, revision: next, ...this.#put(request, next) };
      }
      case 'delete': {
        const key = onlyKey(request.range);
        const current = key === undefined ? undefined : this.entry(key);
        if (missed(current, request.ifRevision)) return refused('delete', next, current);
        return { ok: true, revision: next, ...this.#delete(request, next) };
      }
      case 'add': {
        const sum = this.#sum(request);
        if (!sum.ok) return { kind: 'add', ok: false, revision: next, value: sum.value };
        this.#set(request.key, encodeNumber(sum.value), next);
        return { kind: 'add', ok: true, revision: next, value: sum.value };
      }
      case 'txn':
        return this.#txn(request, this.#decide(request), next);
      case 'compact':
        if (request.revision > this.revision) throw this.#future(request.revision, 'not-applied');
        if (request.revision <= this.compactRevision) throw this.compacted(request.revision, 'not-applied');
        this.compactRevision = request.revision;
        return { kind: 'compact', revision: this.revision };
    }
  }

  #set(key: BinaryKey, value: Uint8Array, revision: number): RawEntry | undefined {
    const before = this.entry(key);
    const entry: RawEntry = {
      key,
      value,
      createRevision: before?.createRevision ?? revision,
      modRevision: revision,
      version: (before?.version ?? 0) + 1,
      lease: 0,
    };
    this.#record(key, { revision, entry });
    this.#events.push(before === undefined ? { type: 'put', entry } : { type: 'put', entry, prev: before });
    return before;
  }

  #record(key: BinaryKey, version: Version): void {
    const versions = this.#keys.get(key);
    if (versions === undefined) this.#keys.set(key, [version]);
    else versions.push(version);
  }

  #put(operation: PutOperation, next: number): Extract<OperationResult, { kind: 'put' }> {
    const before = this.#set(operation.key, operation.value, next);
    return operation.prev && before !== undefined ? { kind: 'put', prev: before } : { kind: 'put' };
  }

  #delete(operation: DeleteOperation, next: number): Extract<OperationResult, { kind: 'delete' }> {
    const gone = this.entries(operation.range);
    for (const entry of gone) {
      this.#record(entry.key, { revision: next, entry: undefined });
      this.#events.push({ type: 'delete', key: entry.key, modRevision: next, prev: entry, reason: 'deleted' });
    }
    const result = { kind: 'delete', deleted: gone.length } as const;
    return operation.prev ? { ...result, prev: gone } : result;
  }

  #number(key: BinaryKey): number {
    const entry = this.entry(key);
    if (entry === undefined) return 0;
    const digits = text.decode(entry.value);
    const value = Number(digits);
    if (/^-?[0-9]{1,16}$/.test(digits) && Number.isSafeInteger(value)) return value === 0 ? 0 : value;
    throw new CoterieError('ERR_NOT_A_NUMBER', {
      message: 'the value is not a decimal integer',
      outcome: 'not-applied',
    });
  }

  #sum({ key, delta, min, max }: AddOperation): { readonly ok: boolean; readonly value: number } {
    const value = this.#number(key);
    const sum = value + delta;
    const ok = Number.isSafeInteger(sum) && sum >= (min ?? -Infinity) && sum <= (max ?? Infinity);
    return { ok, value: ok ? sum : value };
  }

  /** Before anything changes: inner txns, too, are decided by the state before the outermost one, as in etcd. */
  #decide(txn: TxnOperation): Decision {
    const succeeded =
      txn.compare.every((each) => this.#compare(each)) &&
      txn.success.every((operation) => operation.kind !== 'add' || this.#sum(operation).ok);
    const operations = succeeded ? txn.success : txn.failure;
    for (const operation of operations) {
      if (operation.kind !== 'add' || this.#sum(operation).ok) continue;
      throw new CoterieError('ERR_CONFLICT', { message: 'an addition leaves its bounds', outcome: 'not-applied' });
    }
    const inner = new Map<TxnOperation, Decision>();
    for (const operation of operations) if (operation.kind === 'txn') inner.set(operation, this.#decide(operation));
    return { succeeded, inner };
  }

  #txn(txn: TxnOperation, { succeeded, inner }: Decision, next: number): Extract<OperationResult, { kind: 'txn' }> {
    const branch = succeeded ? txn.success : txn.failure;
    const results = branch.map((operation) =>
      operation.kind === 'txn' ? this.#txn(operation, inner.get(operation)!, next) : this.#operation(operation, next),
    );
    return { kind: 'txn', revision: this.#events.length === 0 ? this.revision : next, succeeded, results };
  }

  #operation(operation: Exclude<Operation, TxnOperation>, next: number): OperationResult {
    switch (operation.kind) {
      case 'put':
        return this.#put(operation, next);
      case 'delete':
        return this.#delete(operation, next);
      case 'get': {
        const entry = this.entry(operation.key);
        return entry === undefined ? { kind: 'get' } : { kind: 'get', entry };
      }
      case 'range':
        return { kind: 'range', revision: this.#events.length === 0 ? this.revision : next, ...this.range(operation) };
      case 'add': {
        const { value } = this.#sum(operation);
        this.#set(operation.key, encodeNumber(value), next);
        return { kind: 'add', value };
      }
    }
  }

  #compare(comparison: Comparison): boolean {
    const entries: (RawEntry | undefined)[] = this.entries(comparison.range);
    if (entries.length === 0) entries.push(undefined);
    return entries.every((entry) => {
      if (comparison.target === 'value') {
        if (entry === undefined) return false;
        return signHolds(comparison.sign, Buffer.compare(entry.value, comparison.operand));
      }
      return signHolds(comparison.sign, (entry?.[comparison.target] ?? 0) - comparison.operand);
    });
  }
}

function missed(current: RawEntry | undefined, ifRevision: number | undefined): boolean {
  return ifRevision !== undefined && (current?.modRevision ?? 0) !== ifRevision;
}

function refused(kind: 'put' | 'delete', revision: number, current: RawEntry | undefined): WriteResult {
  return { kind, ok: false, revision, ...(current === undefined ? {} : { current }) };
}

function encodeNumber(value: number): Uint8Array {
  return new TextEncoder().encode(String(value));
}

function signHolds(sign: Comparison['sign'], order: number): boolean {
  switch (sign) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}
