import type {
  AddOperation,
  Comparison,
  KeyRequest,
  Operation,
  OperationResult,
  PutOperation,
  RangeOperation,
  RawEntry,
  RawRange,
  TxnOperation,
} from '../command/operation.js';
import type { CommandOutcome, Refusal } from '../command/refusal.js';
import type { RawBatch, RawEvent, WatchRequest } from '../engine/engine.js';
import type { BinaryKey, DeleteReason, KeyRange } from '../store/types.js';
import { NaiveLeases, Stop } from './naive-leases.js';

/** One change of one key. `after` undefined: deleted; `before` undefined: created. */
export interface NaiveEvent {
  readonly key: BinaryKey;
  readonly after: RawEntry | undefined;
  readonly before: RawEntry | undefined;
  /** Of a delete by a lease that ended. */
  readonly reason?: DeleteReason;
}
/** What one revision changed, in the order in which it did. */
export interface NaiveChange {
  readonly revision: number;
  readonly events: readonly NaiveEvent[];
}

/** Which branch a txn takes, and those of the txns in that branch, in order. */
interface Choice {
  readonly succeeded: boolean;
  readonly inner: readonly Choice[];
}

/**
 * The semantics of the store as plainly as they can be said: arrays that are looked through from one end to the other,
 * every change kept for ever. What a faster store must agree with.
 *
 * It shares no code with the store, only the shapes of requests and results. It has no limits of size or number.
 */
export class NaiveModel {
  revision = 1;
  compactRevision = 0;
  /** The live entries, in key order. */
  live: readonly RawEntry[] = [];
  /** Every change there ever was, compacted ones too. */
  readonly history: NaiveChange[] = [];
  leases = new NaiveLeases();

  /** One command: all of it, or a refusal and nothing. */
  execute(request: KeyRequest): CommandOutcome {
    const work = new Work(this.live, this.revision, this.leases.copy());
    try {
      const outcome = request.kind === 'compact' ? this.#compact(request.revision) : work.command(request);
      this.#take(work);
      return outcome;
    } catch (error) {
      if (error instanceof Stop) return error.refusal;
      throw error;
    }
  }

  #take(work: Work): void {
    this.leases = work.leases;
    for (const { id, own } of this.leases.all) {
      // One of a key's own goes with it.
      if (own && work.now.every(({ lease }) => lease !== id)) this.leases.end(id);
    }
    if (work.events.length === 0) return;
    this.revision++;
    this.live = work.now;
    this.history.push({ revision: this.revision, events: work.events });
  }

  /** Ends the leases whose time is over, each in a revision of its own. @returns whether there were any */
  expire(nowMs: number): boolean {
    this.leases.nowMs = Math.max(this.leases.nowMs, nowMs);
    const over = this.leases.all.filter(({ deadlineMs }) => deadlineMs <= this.leases.nowMs);
    for (const { id } of over) {
      const work = new Work(this.live, this.revision, this.leases.copy());
      work.endLease(id, 'expired');
      this.#take(work);
    }
    return over.length > 0;
  }

  /** The keys of a lease in order. */
  keysOf(lease: number): readonly BinaryKey[] {
    return this.live.filter((entry) => entry.lease === lease).map(({ key }) => key);
  }

  #compact(revision: number): CommandOutcome {
    const { compactRevision } = this;
    if (revision <= compactRevision) throw new Stop({ kind: 'refused', code: 'ERR_COMPACTED', compactRevision });
    if (revision > this.revision) {
      throw new Stop({ kind: 'refused', code: 'ERR_FUTURE_REVISION', revision: this.revision });
    }
    this.compactRevision = revision;
    return { kind: 'compact', revision: this.revision };
  }

  /** Why a state cannot be read: it is compacted, or not there yet. The compact revision itself can be. */
  unreadable(revision: number): Refusal | undefined {
    const { compactRevision } = this;
    if (revision > this.revision) return { kind: 'refused', code: 'ERR_FUTURE_REVISION', revision: this.revision };
    return revision < compactRevision ? { kind: 'refused', code: 'ERR_COMPACTED', compactRevision } : undefined;
  }

  /** The live entries as of a revision, in key order: everything up to it is done once more. */
  at(revision = this.revision): readonly RawEntry[] {
    if (revision === this.revision) return this.live;
    const entries = new Map<BinaryKey, RawEntry>();
    for (const change of this.history) {
      if (change.revision > revision) break;
      for (const { key, after } of change.events) {
        if (after === undefined) entries.delete(key);
        else entries.set(key, after);
      }
    }
    return [...entries.values()].sort(byKey);
  }

  get(key: BinaryKey, revision?: number): RawEntry | undefined {
    return this.at(revision).find((entry) => entry.key === key);
  }

  range(request: Omit<RangeOperation, 'kind'>, revision?: number): RawRange {
    return rangeOf(this.at(revision), request);
  }

  /** What a watch with `initial` is told first of the state of a revision: one batch, empty when there is nothing. */
  initialEvents({ ranges, only }: WatchRequest, revision: number): readonly RawEvent[] {
    if (only === 'delete') return [];
    const watched = this.at(revision).filter(({ key }) => ranges.some((range) => within(key, range)));
    return watched.map((entry) => ({ type: 'put', entry }));
  }

  /** Every batch that a watch is told of the revisions from `from` on, one a revision, none that is empty. */
  changes(request: WatchRequest, from: number): readonly RawBatch[] {
    return this.history
      .filter(({ revision }) => revision >= from)
      .map(({ revision, events }) => ({ kind: 'change' as const, revision, events: shown(events, revision, request) }))
      .filter(({ events }) => events.length > 0);
  }
}

function shown(events: readonly NaiveEvent[], revision: number, { ranges, only, prev }: WatchRequest): RawEvent[] {
  return events
    .filter(({ key }) => ranges.some((range) => within(key, range)))
    .filter(({ after }) => only === undefined || only === (after === undefined ? 'delete' : 'put'))
    .map(({ key, after, before, reason }) => {
      const seen = prev && before !== undefined ? { prev: before } : undefined;
      if (after !== undefined) return { type: 'put', entry: after, ...seen };
      return { type: 'delete', key, modRevision: revision, ...seen, reason: reason ?? 'deleted' };
    });
}

function byKey(a: RawEntry, b: RawEntry): number {
  return a.key < b.key ? -1 : 1;
}

function within(key: BinaryKey, { start, end }: KeyRange): boolean {
  return key >= start && (end === undefined || key < end);
}

function rangeOf(state: readonly RawEntry[], request: Omit<RangeOperation, 'kind'>): RawRange {
  const all = state.filter(({ key }) => within(key, request.range));
  if (request.countOnly) return { entries: [], more: false, count: all.length };
  if (request.reverse) all.reverse();
  const cut = request.limit === 0 ? all : all.slice(0, request.limit);
  const entries = request.keysOnly ? cut.map((entry) => ({ ...entry, value: new Uint8Array(0) })) : cut;
  return { entries, more: cut.length < all.length };
}

/** The number that a value spells in the one form in which it is written; a missing key is 0. */
function numberOf(entry: RawEntry | undefined): number {
  const text = entry === undefined ? '0' : String.fromCharCode(...entry.value);
  if (/^(0|-?[1-9][0-9]*)$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new Stop({ kind: 'refused', code: 'ERR_NOT_A_NUMBER' });
}

function sumOf(entry: RawEntry | undefined, { delta, min, max }: AddOperation): number | undefined {
  const sum = numberOf(entry) + delta;
  if (!Number.isSafeInteger(sum)) return undefined;
  if (min !== undefined && sum < min) return undefined;
  return max !== undefined && sum > max ? undefined : sum;
}

/** One command at work: the state before it, and as it is now. */
class Work {
  readonly before: readonly RawEntry[];
  readonly #revision: number;
  now: readonly RawEntry[];
  readonly events: NaiveEvent[] = [];
  readonly leases: NaiveLeases;
  /** What puts may name: not one that the same command makes. */
  readonly #leasesBefore: NaiveLeases;

  constructor(before: readonly RawEntry[], revision: number, leases: NaiveLeases) {
    this.leases = leases;
    this.#leasesBefore = leases.copy();
    this.before = before;
    this.now = before;
    this.#revision = revision;
  }

  /** The new revision as soon as something has changed. */
  get revision(): number {
    return this.events.length === 0 ? this.#revision : this.#revision + 1;
  }

  command(request: Exclude<KeyRequest, { kind: 'compact' }>): CommandOutcome {
    switch (request.kind) {
      case 'put':
      case 'delete': {
        const { kind, ifRevision } = request;
        const key = kind === 'put' ? request.key : request.range.start;
        const current = find(this.before, key);
        if (ifRevision !== undefined && ifRevision !== (current?.modRevision ?? 0)) {
          return { kind, ok: false, revision: this.revision, ...(current === undefined ? {} : { current }) };
        }
        const result = kind === 'put' ? this.#put(request) : this.#delete(request);
        return { ...result, ok: true, revision: this.revision };
      }
      case 'add': {
        const current = find(this.before, request.key);
        const value = sumOf(current, request);
        if (value === undefined) return { kind: 'add', ok: false, revision: this.revision, value: numberOf(current) };
        this.#set(request.key, new TextEncoder().encode(String(value)), current?.lease ?? 0);
        return { kind: 'add', ok: true, revision: this.revision, value };
      }
      case 'txn': {
        const choice = this.#choose(request);
        const results = this.#branch(request, choice);
        return { kind: 'txn', revision: this.revision, succeeded: choice.succeeded, results };
      }
      case 'revokeLease': {
        this.leases.get(request.id, request.generation);
        const deleted = this.endLease(request.id, 'revoked');
        return { kind: 'revokeLease', revision: this.revision, deleted };
      }
      default:
        return this.leases.run(request, this.revision);
    }
  }

  /** @returns how many keys went with it */
  endLease(id: number, reason: DeleteReason): number {
    const gone = this.now.filter(({ lease }) => lease === id);
    for (const entry of gone) this.events.push({ key: entry.key, before: entry, after: undefined, reason });
    this.now = this.now.filter(({ lease }) => lease !== id);
    this.leases.end(id);
    return gone.length;
  }

  /** Before anything changes: txns within the branch that is taken are decided by the same state. */
  #choose({ compare, success, failure }: TxnOperation): Choice {
    const succeeded =
      compare.every((comparison) => this.#holds(comparison)) &&
      success.every((each) => each.kind !== 'add' || sumOf(find(this.before, each.key), each) !== undefined);
    const inner: Choice[] = [];
    for (const each of succeeded ? success : failure) if (each.kind === 'txn') inner.push(this.#choose(each));
    return { succeeded, inner };
  }

  #branch({ success, failure }: TxnOperation, { succeeded, inner }: Choice): OperationResult[] {
    const choices = [...inner];
    return (succeeded ? success : failure).map((each) => {
      if (each.kind !== 'txn') return this.#operation(each);
      const choice = choices.shift()!;
      const results = this.#branch(each, choice);
      return { kind: 'txn', revision: this.revision, succeeded: choice.succeeded, results };
    });
  }

  #operation(operation: Exclude<Operation, TxnOperation>): OperationResult {
    switch (operation.kind) {
      case 'put':
        return this.#put(operation);
      case 'delete':
        return this.#delete(operation);
      case 'get': {
        const entry = find(this.now, operation.key);
        return entry === undefined ? { kind: 'get' } : { kind: 'get', entry };
      }
      case 'range':
        return { kind: 'range', revision: this.revision, ...rangeOf(this.now, operation) };
      case 'add': {
        const current = find(this.now, operation.key);
        const value = sumOf(current, operation);
        // Only in a failure branch: the bounds in a success branch are among its compares.
        if (value === undefined) throw new Stop({ kind: 'refused', code: 'ERR_CONFLICT' });
        this.#set(operation.key, new TextEncoder().encode(String(value)), current?.lease ?? 0);
        return { kind: 'add', value };
      }
    }
  }

  /** Every key of the range must do; where there is none, one that is missing must. A missing key has no value. */
  #holds({ target, sign, operand, range }: Comparison): boolean {
    const found: (RawEntry | undefined)[] = this.before.filter(({ key }) => within(key, range));
    if (found.length === 0) found.push(undefined);
    return found.every((entry) => {
      if (target === 'value') return entry !== undefined && signHolds(sign, bytesOrder(entry.value, operand));
      return signHolds(sign, (entry === undefined ? 0 : entry[target]) - operand);
    });
  }

  #put({ key, value, prev, lease, ttlMs }: PutOperation): Extract<OperationResult, { kind: 'put' }> {
    const had = find(this.now, key)?.lease ?? 0;
    let chosen = lease === 'keep' ? had : (lease ?? 0);
    if (ttlMs !== undefined) chosen = this.leases.grant(0, ttlMs, true).id;
    else if (typeof lease === 'number') this.#leasesBefore.get(lease);
    const before = this.#set(key, value, chosen);
    return prev && before !== undefined ? { kind: 'put', prev: before } : { kind: 'put' };
  }

  #set(key: BinaryKey, value: Uint8Array, lease: number): RawEntry | undefined {
    const before = find(this.now, key);
    const next = this.#revision + 1;
    const createRevision = before === undefined ? next : before.createRevision;
    const version = before === undefined ? 1 : before.version + 1;
    const after = { key, value, createRevision, modRevision: next, version, lease };
    this.#once(key);
    this.events.push({ key, before, after });
    this.now = this.now.toSpliced(place(this.now, key), before === undefined ? 0 : 1, after);
    return before;
  }

  #delete(operation: {
    readonly range: KeyRange;
    readonly prev: boolean;
  }): Extract<OperationResult, { kind: 'delete' }> {
    const gone = this.now.filter(({ key }) => within(key, operation.range));
    for (const { key } of gone) this.#once(key);
    for (const entry of gone) this.events.push({ key: entry.key, before: entry, after: undefined });
    this.now = this.now.filter(({ key }) => !within(key, operation.range));
    return { kind: 'delete', deleted: gone.length, ...(operation.prev ? { prev: gone } : {}) };
  }

  /** A command changes a key once. */
  #once(key: BinaryKey): void {
    if (this.events.some((event) => event.key === key)) {
      throw new Stop({ kind: 'refused', code: 'ERR_DUPLICATE_KEY' });
    }
  }
}

/** Where in key order a key stands, or would. */
function place(state: readonly RawEntry[], key: BinaryKey): number {
  let [from, to] = [0, state.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (state[middle]!.key < key) from = middle + 1;
    else to = middle;
  }
  return from;
}

function find(state: readonly RawEntry[], key: BinaryKey): RawEntry | undefined {
  const entry = state[place(state, key)];
  return entry?.key === key ? entry : undefined;
}

/** Byte by byte, without sign; of two that begin alike the shorter one comes first. */
function bytesOrder(a: Uint8Array, b: Uint8Array): number {
  for (let at = 0; at < a.length && at < b.length; at++) if (a[at] !== b[at]) return a[at]! - b[at]!;
  return a.length - b.length;
}

function signHolds(sign: Comparison['sign'], order: number): boolean {
  if (order === 0) return sign === '==' || sign === '<=' || sign === '>=';
  return sign === '!=' || (order < 0 ? sign === '<' || sign === '<=' : sign === '>' || sign === '>=');
}
