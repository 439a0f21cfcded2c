import type { BinaryKey, KeyRange } from '../store/types.js';
import type { RawEntry, RawRange, WriteRequest, WriteResult } from '../command/operation.js';

/**
 * The boundary between what an application holds and what does the work.
 *
 * Only structured-cloneable data crosses it and no call answers synchronously, so that the engine can live in this
 * thread or in another one. The signal of a call does not cross: a port turns it into a cancel message.
 */
export interface CallControl {
  /** Left out: the engine's requestTimeoutMs. 0 is no limit of its own. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A sequence that the consumer pulls: at most what was asked for is on its way, so a slow consumer costs nothing. */
export interface EngineStream<T> {
  /** The next items in order, one or more; undefined: ended. Rejects when the stream broke. One call at a time. */
  next(): Promise<readonly T[] | undefined>;
  /** Idempotent. A pending `next` resolves undefined. */
  close(): void;
}

/** How fresh a read is; see `Kv`. */
export type Consistency = 'linearizable' | 'serializable' | 'lease';

/** Which state a read sees. */
export interface ReadRequest {
  readonly consistency: Consistency;
  /** Read the state at this revision. */
  readonly revision?: number;
  /** Wait until this replica has applied this revision. */
  readonly minRevision?: number;
}
/** A read of one key. */
export interface GetRequest extends ReadRequest {
  readonly key: BinaryKey;
}
/** A read of a range, at once. */
export interface RangeRequest extends ReadRequest {
  readonly range: KeyRange;
  /** 0: none given, so the limit `rangeEntries` applies and beyond it the range is ERR_TOO_LARGE. */
  readonly limit: number;
  readonly reverse: boolean;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
}
/**
 * A read of a range of any size, in pages of one revision: the given one, or the present one when the first page is
 * read.
 */
export interface IterateRequest {
  readonly range: KeyRange;
  readonly reverse: boolean;
  readonly revision?: number;
}

/** What a watch is told, from when on, and how. */
export interface WatchRequest {
  readonly ranges: readonly KeyRange[];
  /** Left out: from the next revision on. */
  readonly fromRevision?: number;
  readonly prev: boolean;
  readonly only?: 'put' | 'delete';
  readonly initial: boolean;
  readonly progress: boolean;
  readonly overflow: 'resume' | 'error';
}
/** One change of one key. */
export type RawEvent =
  | { readonly type: 'put'; readonly entry: RawEntry; readonly prev?: RawEntry }
  | {
      readonly type: 'delete';
      readonly key: BinaryKey;
      readonly modRevision: number;
      readonly prev?: RawEntry;
      readonly reason: 'deleted' | 'expired' | 'revoked';
    };
/** `opened` is always the first item: every change after its revision will come. */
export interface RawBatch {
  readonly kind: 'opened' | 'change' | 'initial' | 'synced' | 'progress';
  readonly revision: number;
  readonly events: readonly RawEvent[];
}

/** A lease as a replica sees it: what remains is exact within what it lags behind the leader. */
export interface RawLease {
  readonly id: number;
  readonly generation: number;
  readonly ttlMs: number;
  readonly remainingMs: number;
}

/** What a `Kv` stands on. */
export interface KvEngine {
  write(request: WriteRequest, control: CallControl): Promise<WriteResult>;
  get(request: GetRequest, control: CallControl): Promise<{ readonly revision: number; readonly entry?: RawEntry }>;
  range(request: RangeRequest, control: CallControl): Promise<{ readonly revision: number } & RawRange>;
  iterate(request: IterateRequest): EngineStream<RawEntry>;
  watch(request: WatchRequest): EngineStream<RawBatch>;
  /** One lease with its keys in order, linearizable; undefined: there is none. */
  lease(
    request: { readonly id: number },
    control: CallControl,
  ): Promise<(RawLease & { readonly keys: readonly BinaryKey[] }) | undefined>;
  /** All leases, linearizable when it begins. */
  leases(request: null): EngineStream<RawLease>;
}
