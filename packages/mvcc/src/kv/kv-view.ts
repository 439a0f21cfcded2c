import { invariant } from '@coterie/errors';
import { checkRequest } from '../command/check-request.js';
import type { WriteRequest, WriteResult } from '../command/operation.js';
import type { CallControl, KvEngine, WatchRequest } from '../engine/engine.js';
import { flag, integer, invalid, isPlainObject, kindOf, optionalInteger, options } from './arguments.js';
import { callControl, signalOf } from './call-control.js';
import type { CallOptions, EndlessOptions } from './call-options.js';
import { keyCodec, valueCodec } from './codecs.js';
import type { KeyEncoding, ValueEncoding } from './encoding.js';
import type { AddResult, DeleteDone, Entry, PutDone, RangeResult, Refused } from './entry.js';
import { iterateEntries } from './iterate-entries.js';
import type { GetOptions, PutOptions, RangeOptions, Updated, UpdateOptions } from './kv.js';
import { KvWatch, type StillbornWatch } from './kv-watch.js';
import { leaseChoice, type AttachLeaseOptions, type Lease, type LeaseInfo, type NewLeaseOptions } from './lease.js';
import type { LeaseKeeper } from './lease-keeper.js';
import { listLeases } from './list-leases.js';
import type { KvLifecycle } from './lifecycle.js';
import { addOperation, txnParts, viewCompares, viewOps } from './operations.js';
import type { Pacer } from './pacing.js';
import * as request from './requests.js';
import * as result from './results.js';
import type { Compares, Ops } from './transaction.js';
import { TxnCompiler, type TxnPlan } from './txn-request.js';
import { updateKey, type UpdateCall } from './update-key.js';
import { ViewCodec } from './view-codec.js';
import type { WatchOptions } from './watch.js';

/** What all views of a store share. */
export interface Core {
  readonly engine: KvEngine;
  readonly lifecycle: KvLifecycle;
  readonly pacer: Pacer;
  readonly leases: LeaseKeeper;
  readonly random: () => number;
}

/**
 * A view of a store: checks and encodes what goes in, decodes what comes out.
 *
 * All that can be wrong with a call is found in its synchronous part, before the engine hears of it; being asynchronous
 * functions they reject and never throw. Bytes are copied in that part too.
 */
export class KvView {
  readonly #core: Core;
  readonly #codec: ViewCodec;
  #op: Ops<unknown, unknown> | undefined;
  #cmp: Compares<unknown, unknown> | undefined;

  constructor(core: Core, codec: ViewCodec) {
    this.#core = core;
    this.#codec = codec;
  }

  get op(): Ops<unknown, unknown> {
    return (this.#op ??= viewOps(this.#codec));
  }

  get cmp(): Compares<unknown, unknown> {
    return (this.#cmp ??= viewCompares(this.#codec));
  }

  /** Checks a write with its options and sends it. What fails before that says that nothing was applied. */
  #write(make: () => WriteRequest, opts: CallOptions | undefined): Promise<WriteResult> {
    const { engine, lifecycle } = this.#core;
    let checked: WriteRequest;
    let control: CallControl;
    try {
      lifecycle.assertOpen();
      checked = make();
      checkRequest(checked, this.#codec.limits);
      control = callControl(opts);
    } catch (error) {
      throw request.notSent(error);
    }
    return engine.write(checked, control);
  }

  async put(
    key: unknown,
    value: unknown,
    opts?: PutOptions,
  ): Promise<PutDone<unknown, unknown> | Refused<unknown, unknown>> {
    const codec = this.#codec;
    const done = await this.#write(() => request.putRequest(codec, key, value, opts), opts);
    return result.putResult(codec, done);
  }

  async delete(
    what: unknown,
    opts?: CallOptions & { prev?: boolean | undefined; ifRevision?: number | undefined },
  ): Promise<DeleteDone<unknown, unknown> | Refused<unknown, unknown>> {
    const codec = this.#codec;
    const done = await this.#write(() => request.deleteRequest(codec, what, opts), opts);
    return result.deleteResult(codec, done, this.#core.pacer);
  }

  async add(
    key: unknown,
    n: number,
    opts?: CallOptions & { min?: number | undefined; max?: number | undefined },
  ): Promise<AddResult> {
    return result.addResult(await this.#write(() => addOperation(this.#codec, key, n, opts), opts));
  }

  async compact(revision: number, opts?: CallOptions & { physical?: boolean | undefined }): Promise<void> {
    await this.#write(() => request.compactRequest(revision, opts), opts);
  }

  async txn(spec: unknown, opts?: CallOptions): Promise<result.DecodedTxn> {
    let plan: TxnPlan | undefined;
    const done = await this.#write(() => {
      const planned = new TxnCompiler(this.#codec).compile(txnParts(spec));
      plan = planned.plan;
      return planned.operation;
    }, opts);
    invariant(done.kind === 'txn' && plan !== undefined, 'the engine answers the txn that it was given', {
      got: done.kind,
    });
    try {
      return await result.txnResult(plan, done, this.#core.pacer);
    } catch (error) {
      throw request.unreadable(error);
    }
  }

  async update(key: unknown, fn: UpdateCall['fn'], opts?: UpdateOptions): Promise<Updated<unknown>> {
    const { engine, lifecycle, pacer, random } = this.#core;
    const codec = this.#codec;
    let call: UpdateCall;
    try {
      lifecycle.assertOpen();
      if (typeof fn !== 'function') throw invalid('fn', `must be a function, not ${kindOf(fn)}`);
      const lease = leaseChoice(options(opts));
      const attempts = optionalInteger(opts?.maxAttempts, 'maxAttempts', 1) ?? codec.limits.updateAttempts;
      call = { key: codec.key(key, 'key'), fn, attempts, lease, control: callControl(opts) };
    } catch (error) {
      throw request.notSent(error);
    }
    return updateKey({ engine, codec, pacer, random }, call);
  }

  async get(key: unknown, opts?: GetOptions): Promise<Entry<unknown, unknown> | undefined> {
    const { engine, lifecycle } = this.#core;
    lifecycle.assertOpen();
    const codec = this.#codec;
    const checked = request.getRequest(codec, key, opts);
    const control = callControl(opts);
    const { entry } = await engine.get(checked, control);
    return entry === undefined ? undefined : codec.entry(entry);
  }

  async range(range: unknown, opts?: RangeOptions): Promise<RangeResult<unknown>> {
    const { engine, lifecycle, pacer } = this.#core;
    lifecycle.assertOpen();
    const codec = this.#codec;
    const checked = request.rangeRequest(codec, range, opts);
    const control = callControl(opts);
    return result.rangeResult(codec, await engine.range(checked, control), checked.keysOnly, pacer);
  }

  iterate(
    range: unknown,
    opts?: EndlessOptions & { revision?: number | undefined; reverse?: boolean | undefined },
  ): AsyncGenerator<Entry<unknown, unknown>, undefined> {
    const codec = this.#codec;
    let signal: AbortSignal | undefined;
    let make: () => ReturnType<typeof request.iterateRequest>;
    try {
      const checked = request.iterateRequest(codec, range, opts);
      signal = signalOf(opts?.signal);
      make = () => checked;
    } catch (error) {
      make = () => {
        throw error;
      };
    }
    return iterateEntries({ ...this.#core, codec }, make, signal);
  }

  watch(what: unknown, opts?: WatchOptions): KvWatch {
    const codec = this.#codec;
    let checked: WatchRequest | StillbornWatch;
    let signal: AbortSignal | undefined;
    try {
      checked = request.watchRequest(codec, what, opts);
      signal = signalOf(opts?.signal);
    } catch (error) {
      checked = { error };
    }
    return new KvWatch({ ...this.#core, codec }, checked, signal);
  }

  async lease(opts: NewLeaseOptions): Promise<Lease> {
    const { lifecycle, leases } = this.#core;
    let grant: { readonly id: number; readonly ttlMs: number; readonly keepAlive: boolean };
    let control: CallControl;
    try {
      lifecycle.assertOpen();
      grant = request.grantOf(opts);
      control = callControl(opts);
    } catch (error) {
      throw request.notSent(error);
    }
    return leases.grant(this.#codec, grant.id, grant.ttlMs, grant.keepAlive, control);
  }

  async attachLease(id: number, opts?: AttachLeaseOptions): Promise<Lease> {
    const { lifecycle, leases } = this.#core;
    lifecycle.assertOpen();
    const checked = integer(id, 'id', 1);
    const keepAlive = flag(options(opts)?.keepAlive, 'keepAlive');
    return leases.attach(this.#codec, checked, keepAlive, callControl(opts));
  }

  async leases(opts?: CallOptions): Promise<readonly LeaseInfo[]> {
    const { engine, lifecycle, pacer } = this.#core;
    lifecycle.assertOpen();
    return listLeases(engine, pacer, callControl(opts));
  }

  namespace(prefix: unknown): KvView {
    return new KvView(this.#core, this.#codec.within(prefix));
  }

  withEncoding(encoding: { key?: KeyEncoding | undefined; value?: ValueEncoding | undefined }): KvView {
    if (!isPlainObject(encoding))
      throw invalid('encoding', `must be an object { key, value }, not ${kindOf(encoding)}`);
    const { key, value, ...rest } = encoding;
    const stray = Object.keys(rest)[0];
    if (stray !== undefined) throw invalid(`encoding.${stray}`, 'is not a property of an encoding');
    const { store, limits, namespace, keys, values } = this.#codec;
    return new KvView(
      this.#core,
      new ViewCodec(
        store,
        limits,
        namespace,
        key === undefined ? keys : keyCodec(key),
        value === undefined ? values : valueCodec(value),
      ),
    );
  }

  onClose(fn: () => unknown): Disposable {
    return this.#core.lifecycle.onClose(fn);
  }
}
