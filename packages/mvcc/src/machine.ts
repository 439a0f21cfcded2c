import type {
  Clock,
  ClusterState,
  CommittedEntry,
  SnapshotMeta,
  SnapshotSink,
  SnapshotSource,
  StateMachine,
  StateMachineHost,
  TurnScheduler,
} from '@coterie/raft';
import type {
  CallControl,
  EngineStream,
  IterateRequest,
  RangeRequest,
  RawBatch,
  WatchRequest,
} from './engine/engine.js';
import type { RawEntry, RawRange, WriteRequest, WriteResult } from './command/operation.js';
import type { MvccLimits } from './limits.js';
import type { SessionListener, SessionLookup, SessionReplica } from './session/replica.js';
import type { Store } from './store/store.js';
import type { BinaryKey } from './store/types.js';

export interface MvccStateMachineOptions {
  readonly store: Store;
  /** For the deadlines of reads that wait for a revision. */
  readonly clock: Clock;
  /** Where long catch-ups give the event loop back. */
  readonly scheduler: TurnScheduler;
  readonly limits?: Partial<MvccLimits>;
}

/** A state hash: equal on all members at equal index. */
export interface StateHash {
  readonly index: number;
  readonly revision: number;
  readonly chain: number;
}

/** A read of this replica; the engine has done what its consistency asks before. */
export type LocalRange = Omit<RangeRequest, 'consistency' | 'minRevision'>;

export declare class MvccStateMachine implements StateMachine, SessionReplica {
  constructor(options: MvccStateMachineOptions);
  // StateMachine
  applied(): { readonly index: number; readonly term: number };
  cluster(): ClusterState | undefined;
  logTimeMs(): number;
  attach(host: StateMachineHost): void;
  prepare(entry: CommittedEntry, ready: () => void): boolean;
  apply(entry: CommittedEntry): void;
  applyCluster(at: { readonly index: number; readonly term: number }, state: ClusterState): void;
  logDurable(index: number): void;
  openSnapshot(): Promise<{ readonly meta: SnapshotMeta; readonly source: SnapshotSource }>;
  receiveSnapshot(meta: SnapshotMeta): Promise<SnapshotSink>;
  installSnapshot(meta: SnapshotMeta): void;
  /** Ends watches and iterators normally, waiters with ERR_CLOSED, then closes the store. */
  close(): Promise<void>;
  // sessions
  readonly sessions: SessionLookup;
  listen(listener: SessionListener): void;
  recall(request: WriteRequest, kept: WriteResult): Promise<WriteResult>;
  /** Sessions that the leader may end at this log time: propose `encodeEndSession(id)` for each. Bounded: at most 1,024 a call. */
  expiredSessions(logTimeMs: number): readonly number[];
  // state
  readonly revision: number;
  readonly compactRevision: number;
  /** Proposals must be refused with ERR_OVERLOADED. */
  readonly overloaded: boolean;
  stateHash(): StateHash;
  /** The hashes at the last 16 indexes that are multiples of 1,024, oldest first: what members compare. */
  stateHashes(): readonly StateHash[];
  // reads of this replica, and watches
  get(key: BinaryKey, revision?: number): Promise<{ readonly revision: number; readonly entry?: RawEntry }>;
  range(request: LocalRange): Promise<{ readonly revision: number } & RawRange>;
  iterate(request: IterateRequest): EngineStream<RawEntry>;
  watch(request: WatchRequest): EngineStream<RawBatch>;
  /** @throws CoterieError ERR_TIMEOUT, ERR_ABORTED, ERR_CLOSED, ERR_OVERLOADED */
  waitForRevision(minRevision: number, control: CallControl): Promise<void>;
}
