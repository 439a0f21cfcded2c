import { CoterieError } from '@coterie/errors';
import type { AddOp, AnyKv, CallOptions, GetOptions, Kv } from '@coterie/mvcc';
import { invalid, keyOf } from '../kernel/names.js';

/** Bounds of an addition. */
export interface CounterBounds {
  min?: number | undefined;
  max?: number | undefined;
}

/** A number in the store that many change at once. */
export interface Counter {
  readonly name: string;
  /**
   * Adds, in one replicated operation: nothing is tried again, whoever else adds.
   *
   * @param n a safe integer, negative to take away
   * @returns the sum
   * @throws CoterieError ERR_CONFLICT when the sum would leave the bounds or the safe integers; nothing changed then
   */
  add(n: number | bigint, opts?: CallOptions & CounterBounds): Promise<number>;
  /** The number; 0 before the first addition. */
  get(opts?: GetOptions): Promise<number>;
  /** The addition as an operation of a txn: its bounds count among the compares of its branch. */
  addOp(n: number | bigint, bounds?: CounterBounds): AddOp<string, string>;
}

/**
 * Numbers in the order in which they were asked for: unique, increasing in commit order. A caller that dies leaves a
 * gap.
 */
export interface Sequence {
  readonly name: string;
  /** The next number, from 1 on. @throws CoterieError ERR_CONFLICT after the largest safe integer */
  next(opts?: CallOptions): Promise<number>;
  /**
   * The next number as an operation of a txn: taken if and only if the txn's branch runs, so that no number is without
   * its effect.
   */
  nextOp(): AddOp<string, string>;
}

/** Makers of counters and sequences. */
export interface Counters {
  /** @throws CoterieError ERR_INVALID_ARGUMENT */
  counter(name: string): Counter;
  /** @throws CoterieError ERR_INVALID_ARGUMENT */
  sequence(name: string): Sequence;
}

function asNumber(n: number | bigint): number {
  const number = typeof n === 'bigint' ? Number(n) : n;
  if (!Number.isSafeInteger(number)) throw invalid('n', 'must be a safe integer');
  return number;
}

class StoredCounter implements Counter {
  readonly name: string;
  readonly #kv: Kv;
  readonly #key: string;

  constructor(kv: Kv, name: string, key: string) {
    this.name = name;
    this.#kv = kv;
    this.#key = key;
  }

  async add(n: number | bigint, opts: CallOptions & CounterBounds = {}): Promise<number> {
    // Always with a bound, so that an overflow comes back as a value here.
    const max = opts.max ?? Number.MAX_SAFE_INTEGER;
    const { ok, value } = await this.#kv.add(this.#key, asNumber(n), { ...opts, max });
    if (ok) return value;
    throw new CoterieError('ERR_CONFLICT', {
      message: `'${this.name}' is ${value}: with ${n} it would leave its bounds`,
      outcome: 'not-applied',
    });
  }

  async get(opts?: GetOptions): Promise<number> {
    const entry = await this.#kv.get(this.#key, opts);
    if (entry === undefined) return 0;
    const number = Number(entry.value);
    if (entry.value !== '' && Number.isSafeInteger(number)) return number;
    throw new CoterieError('ERR_NOT_A_NUMBER', { message: `'${this.name}' holds something else than a number` });
  }

  addOp(n: number | bigint, bounds?: CounterBounds): AddOp<string, string> {
    return this.#kv.op.add(this.#key, asNumber(n), bounds);
  }
}

/**
 * Counters and sequences in a store. Costs nothing until one is used.
 *
 * @example
 * ```ts
 * import type { Kv } from '@coterie/mvcc';
 * import { createCounters } from '@coterie/recipes';
 *
 * export async function invoice(kv: Kv, text: string): Promise<number> {
 *   const { counter, sequence } = createCounters(kv);
 *   await counter('invoices/open').add(1, { max: 100 });
 *   const number = await sequence('invoice').next();
 *   await kv.put(`invoices/${number}`, text);
 *   return number;
 * }
 * ```
 */
export function createCounters(kv: AnyKv): Counters {
  const view: Kv = kv.withEncoding({ key: 'utf8', value: 'utf8' });
  return {
    counter: (name) => new StoredCounter(view, name, keyOf('counter', name)),
    sequence(name) {
      const numbers = new StoredCounter(view, name, keyOf('sequence', name));
      return { name, next: (opts) => numbers.add(1, opts), nextOp: () => numbers.addOp(1) };
    },
  };
}
