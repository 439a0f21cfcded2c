import { CoterieError } from '@coterie/errors';
import type { Comparison, Operation, TxnOperation } from '../command/operation.js';
import { nestingMax } from '../command/request-codec.js';
import { invalid, kindOf } from './arguments.js';
import { isCompare, isOp, type LeafOperation, type OpSpec, type TxnOpSpec, type TxnParts } from './operations.js';
import type { ViewCodec } from './view-codec.js';
import { brand } from './transaction.js';

/** How the results of a branch are read: for each operation the view that decodes it, or the plans of an inner txn. */
export type ResultPlan = LeafPlan | TxnPlan;
export interface LeafPlan {
  readonly view: ViewCodec;
  readonly operation: LeafOperation;
}
export interface TxnPlan {
  readonly success: readonly ResultPlan[];
  readonly failure: readonly ResultPlan[];
}
export interface PlannedTxn {
  readonly operation: TxnOperation;
  readonly plan: TxnPlan;
}

/** A fault in an operation is named by its place: `success[2].key`. */
function at(place: string, error: unknown): unknown {
  if (!(error instanceof CoterieError) || error.code !== 'ERR_INVALID_ARGUMENT') return error;
  return invalid(`${place}.${error.argument}`, error.message.slice(error.argument.length + 1), error.cause);
}

/**
 * What an operation or a compare takes of a command at the very least: what has more of them than fit is not written
 * out.
 */
const operationBytesMin = 16;

/**
 * Compiles a txn for a view.
 *
 * `checkRequest` counts exactly, afterwards. What is counted here keeps a small object that stands for a huge txn (an
 * inner txn named a hundred times by one that is named a hundred times) from being written out first.
 */
export class TxnCompiler {
  readonly #view: ViewCodec;
  readonly #countMax: number;
  #count = 0;

  constructor(view: ViewCodec) {
    this.#view = view;
    this.#countMax = Math.ceil(view.limits.commandBytes / operationBytesMin);
  }

  /** @throws CoterieError ERR_INVALID_ARGUMENT that names the place, ERR_TOO_MANY_OPS, ERR_TOO_LARGE */
  compile(parts: TxnParts, place = '', depth = 1): PlannedTxn {
    if (depth > nestingMax) throw tooManyOps(`the txn is nested more than ${nestingMax} deep`, nestingMax);
    const compare = parts.compare.map((each, i) => this.#comparison(each, `${place}compare[${i}]`));
    const success = parts.success.map((each, i) => this.#operation(each, `${place}success[${i}]`, depth));
    const failure = parts.failure.map((each, i) => this.#operation(each, `${place}failure[${i}]`, depth));
    return {
      operation: {
        kind: 'txn',
        compare,
        success: success.map((each) => each.operation),
        failure: failure.map((each) => each.operation),
      },
      plan: { success: success.map((each) => each.plan), failure: failure.map((each) => each.plan) },
    };
  }

  #charge(): void {
    this.#count++;
    if (this.#count > this.#countMax) {
      throw tooManyOps(`the txn has more than ${this.#countMax} operations`, this.#view.limits.txnOps);
    }
  }

  #comparison(each: unknown, place: string): Comparison {
    if (!isCompare(each)) throw invalid(place, `must be made by cmp, not ${kindOf(each)}`);
    this.#charge();
    return this.#bound(each, place).value;
  }

  #operation(each: unknown, place: string, depth: number): { operation: Operation; plan: ResultPlan } {
    if (!isOp(each)) throw invalid(place, `must be made by op, not ${kindOf(each)}`);
    this.#charge();
    if (each[brand] === 'txn') {
      const { parts } = each as TxnOpSpec;
      if (parts instanceof CoterieError) throw at(place, parts);
      return this.compile(parts as TxnParts, `${place}.`, depth + 1);
    }
    const { value, view } = this.#bound(each as OpSpec, place);
    return { operation: value, plan: { view, operation: value } };
  }

  #bound<T>(spec: { view?: ViewCodec; compile(view: ViewCodec): T }, place: string): { value: T; view: ViewCodec } {
    const view = spec.view ?? this.#view;
    if (view.store !== this.#view.store) throw invalid(place, 'is of a view of another store');
    try {
      return { value: spec.compile(view), view };
    } catch (error) {
      throw at(place, error);
    }
  }
}

function tooManyOps(what: string, limit: number): CoterieError<'ERR_TOO_MANY_OPS'> {
  return new CoterieError('ERR_TOO_MANY_OPS', { message: `${what}; ${limit} are allowed`, limit });
}
