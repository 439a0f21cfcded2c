import { CoterieError } from '@coterie/errors';
import {
  refuseLater,
  type BackupChunk,
  type BackupRequest,
  type CallControl,
  type EngineStream,
  type GetRequest,
  type IterateRequest,
  type KvEngine,
  type RangeRequest,
  type RawBatch,
  type RawEntry,
  type RawLease,
  type RawRange,
  type WatchRequest,
  type WriteRequest,
  type WriteResult,
} from '@coterie/mvcc';
import type { TurnScheduler } from '@coterie/raft';
import type { Deadlines } from './deadlines.js';
import { deferredStream } from './deferred-stream.js';
import type { QuotaInfo } from './engine.js';
import { againAs, notBegun } from './peer-errors.js';
import { deleted } from './physical-compaction.js';
import { ReadGate, type Freshness } from './read-gate.js';
import type { Replica } from './replica.js';
import { quotaInfos, untilLevel } from './settings.js';
import { WaitingRoom } from './waiting-room.js';
import { refuseDoubt, whyRefuse } from './write-gate.js';

/**
 * The calls of a key-value store on top of a replica that may not be there yet, or not any more: they wait for the
 * first one, and are refused while there is a reason not to serve.
 */
export abstract class PeerCalls implements KvEngine {
  protected readonly gate: ReadGate;
  /** Calls that came before there was a replica. */
  protected readonly callers: WaitingRoom<Replica>;
  readonly #deadlines: Deadlines;
  readonly #requestTimeoutMs: number;
  readonly #turns: TurnScheduler;

  protected constructor(deadlines: Deadlines, requestTimeoutMs: number, turns: TurnScheduler) {
    this.#turns = turns;
    this.gate = new ReadGate(deadlines, requestTimeoutMs, () => this.refusing);
    this.callers = new WaitingRoom(deadlines);
    this.#deadlines = deadlines;
    this.#requestTimeoutMs = requestTimeoutMs;
  }

  /** What this peer keeps of the cluster's state, once it is a member. */
  abstract get replica(): Replica | undefined;
  /** Why no call is served, if none is. */
  protected abstract get refusing(): CoterieError | undefined;
  /** Why nothing is written, although reads are served. */
  protected abstract get doubt(): CoterieError | undefined;

  async write(request: WriteRequest, control: CallControl): Promise<WriteResult> {
    const replica = this.replica ?? (await this.running('a write', control, 'not-applied'));
    if (this.refusing !== undefined) throw this.#refusal('not-applied');
    refuseDoubt(this.doubt);
    const level = untilLevel(request, replica, this.#deadlines, control, this.#requestTimeoutMs);
    if (level !== undefined) await level;
    const refusal = whyRefuse(replica, request);
    if (refusal !== undefined) return refuseLater(this.#turns, refusal);
    const done = replica.proposer.write(request, control);
    if (request.kind !== 'compact') return done;
    return deleted(request, done, replica, this.#deadlines, control, this.#requestTimeoutMs);
  }

  async get(
    request: GetRequest,
    control: CallControl,
  ): Promise<{ readonly revision: number; readonly entry?: RawEntry }> {
    const replica = await this.#fresh('a get', request, control);
    return replica.machine.get(request.key, request.revision);
  }

  async range(request: RangeRequest, control: CallControl): Promise<{ readonly revision: number } & RawRange> {
    const replica = await this.#fresh('a range', request, control);
    return replica.machine.range(request);
  }

  iterate(request: IterateRequest): EngineStream<RawEntry> {
    return deferredStream(async (signal) => {
      // Linearizable when it begins, then pinned.
      const replica = await this.#fresh('an iterate', { consistency: 'linearizable' }, { signal });
      return this.#whole(replica, replica.machine.iterate(request));
    });
  }

  watch(request: WatchRequest): EngineStream<RawBatch> {
    // Registered at once where there is something to register with: every change after this call will come.
    if (this.replica !== undefined && this.refusing === undefined)
      return this.#whole(this.replica, this.replica.machine.watch(request));
    return deferredStream(async (signal) => {
      const replica = await this.running('a watch', { timeoutMs: 0, signal });
      return this.#whole(replica, replica.machine.watch(request));
    });
  }

  async lease(request: { readonly id: number }, control: CallControl): ReturnType<KvEngine['lease']> {
    const replica = await this.#fresh('a lease', { consistency: 'linearizable' }, control);
    return replica.machine.lease(request.id);
  }

  leases(_: null): EngineStream<RawLease> {
    return deferredStream(async (signal) => {
      const replica = await this.#fresh('leases', { consistency: 'linearizable' }, { signal });
      return this.#whole(replica, replica.machine.leases());
    });
  }

  quotas(_: null, control: CallControl): Promise<readonly QuotaInfo[]> {
    return this.#fresh('quotas', { consistency: 'linearizable' }, control).then(quotaInfos);
  }

  backup(request: BackupRequest): EngineStream<BackupChunk> {
    return deferredStream(async (signal) => {
      const replica = await this.#fresh('a backup', request, { signal });
      return this.#whole(replica, replica.backup());
    });
  }

  /** A stream that ends because its replica was given up must not look as if it had come to its end. */
  #whole<T>(replica: Replica, stream: EngineStream<T>): EngineStream<T> {
    let closed = false;
    return {
      next: async () => {
        const items = await stream.next();
        if (items !== undefined || closed) return items;
        const { refusing } = this;
        // A close ends watches normally; a peer that has failed ended nothing.
        if (refusing?.code === 'ERR_CLOSED' || (refusing === undefined && this.replica === replica)) return items;
        const message = 'the state that was read from is being built anew, or has been: begin again';
        throw refusing ?? new CoterieError('ERR_CORRUPT', { message, retryable: true });
      },
      close: () => {
        closed = true;
        stream.close();
      },
    };
  }

  /** The replica, once this read of it is as fresh as was asked. */
  async #fresh(what: string, request: Freshness, control: CallControl): Promise<Replica> {
    const replica = this.replica ?? (await this.running(what, control));
    if (this.refusing !== undefined) throw this.#refusal();
    await this.gate.pass(what, replica, request, control);
    // It may have been found damaged meanwhile.
    if (this.refusing !== undefined) throw this.#refusal();
    return replica;
  }

  /** Calls that come before this peer is a member wait for it. */
  protected running(what: string, control: CallControl, outcome?: 'not-applied'): Promise<Replica> {
    if (this.refusing !== undefined) return Promise.reject(this.#refusal(outcome));
    if (this.replica !== undefined) return Promise.resolve(this.replica);
    return this.callers.wait(what, control, this.#requestTimeoutMs).catch((error: unknown) => {
      throw outcome === undefined ? error : notBegun(error, outcome);
    });
  }

  #refusal(outcome?: 'not-applied'): CoterieError {
    return againAs(this.refusing!, outcome);
  }
}
