import type {
  Comparison,
  Operation,
  OperationResult,
  RawEntry,
  TxnOperation,
  WriteRequest,
} from '../../src/command/operation.js';
import type { CommandOutcome, Refusal } from '../../src/command/refusal.js';
import type { KeyRange } from '../../src/store/types.js';

/** One change as a watcher would hear of it. */
export interface NaiveEvent {
  readonly key: string;
  readonly after: RawEntry | undefined;
  readonly before: RawEntry | undefined;
}

type State = ReadonlyMap<string, RawEntry>;

class Stop extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.code);
  }
}

const within = (key: string, { start, end }: KeyRange): boolean => key >= start && (end === undefined || key < end);

const entriesOf = (state: State, range: KeyRange): RawEntry[] =>
  [...state.values()].filter(({ key }) => within(key, range)).sort((a, b) => (a.key < b.key ? -1 : 1));

const numberOf = (entry: RawEntry | undefined): number => {
  const text = entry === undefined ? '0' : String.fromCharCode(...entry.value);
  if (!/^(0|-?[1-9]\d*)$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw new Stop({ kind: 'refused', code: 'ERR_NOT_A_NUMBER' });
  }
  return Number(text);
};

/**
 * The semantics of the store, said once more as slowly and plainly as possible: copies of whole states, no limits, no
 * shortcuts.
 */
export class NaiveModel {
  revision = 1;
  compactRevision = 0;
  state: State = new Map();
  /** All events of revision r stand at r. */
  readonly history = new Map<number, readonly NaiveEvent[]>();

  execute(request: WriteRequest): CommandOutcome {
    const before = this.state;
    const work = new Work(before, this.revision);
    try {
      const outcome = this.#run(request, work);
      if (work.events.length > 0) {
        this.revision++;
        this.state = work.now;
        this.history.set(this.revision, work.events);
      }
      return outcome;
    } catch (error) {
      if (error instanceof Stop) return error.refusal;
      throw error;
    }
  }

  #run(request: WriteRequest, work: Work): CommandOutcome {
    switch (request.kind) {
      case 'compact':
        if (request.revision <= this.compactRevision) {
          return { kind: 'refused', code: 'ERR_COMPACTED', compactRevision: this.compactRevision };
        }
        if (request.revision > this.revision) {
          return { kind: 'refused', code: 'ERR_FUTURE_REVISION', revision: this.revision };
        }
        this.compactRevision = request.revision;
        return { kind: 'compact', revision: this.revision };
      case 'put':
      case 'delete': {
        const key = request.kind === 'put' ? request.key : request.range.start;
        const current = this.state.get(key);
        if (request.ifRevision !== undefined && request.ifRevision !== (current?.modRevision ?? 0)) {
          const { kind } = request;
          return { kind, ok: false, revision: this.revision, ...(current === undefined ? {} : { current }) };
        }
        const result = work.operation(request);
        return { ...result, ok: true, revision: work.revision } as CommandOutcome;
      }
      case 'add': {
        const value = numberOf(this.state.get(request.key));
        if (!fits(value + request.delta, request)) return { kind: 'add', ok: false, revision: this.revision, value };
        work.operation(request);
        return { kind: 'add', ok: true, revision: work.revision, value: value + request.delta };
      }
      case 'txn': {
        const result = work.operation(request);
        return { ...result, revision: work.revision } as CommandOutcome;
      }
    }
  }
}

function fits(sum: number, { min, max }: { readonly min?: number; readonly max?: number }): boolean {
  return Number.isSafeInteger(sum) && sum >= (min ?? sum) && sum <= (max ?? sum);
}

class Work {
  readonly before: State;
  readonly events: NaiveEvent[] = [];
  readonly #base: number;
  now: Map<string, RawEntry>;

  constructor(before: State, base: number) {
    this.before = before;
    this.now = new Map(before);
    this.#base = base;
  }

  get revision(): number {
    return this.#base + (this.events.length > 0 ? 1 : 0);
  }

  operation(operation: Operation): OperationResult {
    switch (operation.kind) {
      case 'put': {
        const prev = this.#put(operation.key, operation.value);
        return operation.prev && prev !== undefined ? { kind: 'put', prev } : { kind: 'put' };
      }
      case 'add': {
        const sum = numberOf(this.now.get(operation.key)) + operation.delta;
        if (!fits(sum, operation)) throw new Stop({ kind: 'refused', code: 'ERR_CONFLICT' });
        this.#put(operation.key, new TextEncoder().encode(String(sum)));
        return { kind: 'add', value: sum };
      }
      case 'delete': {
        const gone = entriesOf(this.now, operation.range);
        for (const entry of gone) {
          this.#once(entry.key);
          this.now.delete(entry.key);
          this.events.push({ key: entry.key, after: undefined, before: entry });
        }
        return { kind: 'delete', deleted: gone.length, ...(operation.prev ? { prev: gone } : {}) };
      }
      case 'get': {
        const entry = this.now.get(operation.key);
        return entry === undefined ? { kind: 'get' } : { kind: 'get', entry };
      }
      case 'range': {
        const { revision } = this;
        const all = entriesOf(this.now, operation.range);
        if (operation.countOnly) return { kind: 'range', revision, entries: [], more: false, count: all.length };
        if (operation.reverse) all.reverse();
        const cut = operation.limit === 0 ? all : all.slice(0, operation.limit);
        const entries = cut.map((entry) => (operation.keysOnly ? { ...entry, value: new Uint8Array(0) } : entry));
        return { kind: 'range', revision, entries, more: cut.length < all.length };
      }
      case 'txn': {
        const succeeded = this.#decide(operation);
        const results = (succeeded ? operation.success : operation.failure).map((each) => this.operation(each));
        return { kind: 'txn', revision: this.revision, succeeded, results };
      }
    }
  }

  /** Against the state before the whole transaction, whatever has been written since. */
  #decide(txn: TxnOperation): boolean {
    return (
      txn.compare.every((comparison) => this.#holds(comparison)) &&
      txn.success.every((operation) => {
        if (operation.kind !== 'add') return true;
        return fits(numberOf(this.before.get(operation.key)) + operation.delta, operation);
      })
    );
  }

  #holds(comparison: Comparison): boolean {
    const found: (RawEntry | undefined)[] = entriesOf(this.before, comparison.range);
    return (found.length === 0 ? [undefined] : found).every((entry) => {
      let order: number;
      if (comparison.target === 'value') {
        if (entry === undefined) return false;
        order = Buffer.compare(entry.value, comparison.operand);
      } else {
        order = (entry?.[comparison.target] ?? 0) - comparison.operand;
      }
      const { sign } = comparison;
      return (
        (order === 0 && ['==', '<=', '>='].includes(sign)) ||
        (order < 0 && ['<', '<=', '!='].includes(sign)) ||
        (order > 0 && ['>', '>=', '!='].includes(sign))
      );
    });
  }

  #put(key: string, value: Uint8Array): RawEntry | undefined {
    this.#once(key);
    const prev = this.now.get(key);
    const revision = this.#base + 1;
    const after: RawEntry = {
      key,
      value,
      createRevision: prev?.createRevision ?? revision,
      modRevision: revision,
      version: (prev?.version ?? 0) + 1,
      lease: 0,
    };
    this.now.set(key, after);
    this.events.push({ key, after, before: prev });
    return prev;
  }

  #once(key: string): void {
    if (this.events.some((event) => event.key === key)) throw new Stop({ kind: 'refused', code: 'ERR_DUPLICATE_KEY' });
  }
}
