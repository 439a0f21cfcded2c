import type { PlainError } from '@coterie/errors';
import {
  kvSurface,
  type BackupChunk,
  type BackupRequest,
  type CallControl,
  type EngineStream,
  type KvEngine,
  type StoreStatistics,
  type Surface,
} from '@coterie/mvcc';

/** What a member is in the cluster. */
export type PeerRole = 'leader' | 'follower' | 'candidate' | 'learner';

/**
 * How a peer stands: `no-quorum` is a peer that had a leader and has none now; `rebuilding` one whose stored state was
 * damaged or different, and which serves again when it has another member's.
 */
export type PeerState = 'starting' | 'ready' | 'no-quorum' | 'rebuilding' | 'removed' | 'failed' | 'closed';

/** A member as this peer sees it. */
export interface MemberInfo {
  readonly name: string;
  readonly url: string;
  readonly voter: boolean;
  /** On the leader: it has answered within the last election timeout. Elsewhere: nothing speaks against it. */
  readonly healthy: boolean;
  /** On the leader only: up to where its log is known to agree. */
  readonly matchIndex?: number;
}

/** A quota on the live bytes of the keys that begin with `prefix`; of all keys where that is empty. */
export interface QuotaInfo {
  readonly prefix: string;
  /** Bytes of keys, values and 64 for the numbers of each key that its newest versions may take. */
  readonly bytes: number;
  /** What they take; while `counting`, of those that were counted so far. */
  readonly used: number;
  /** The keys that were there when it was set are being counted; it refuses nothing until they are. */
  readonly counting: boolean;
}

/** The state of a peer. Indexes and revision may be one heartbeat old. */
export interface PeerStatus {
  readonly name: string;
  readonly state: PeerState;
  readonly role: PeerRole;
  /** The leader's name, if one is known. */
  readonly leader?: string;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly revision: number;
  readonly members: readonly MemberInfo[];
  /** The level of features in force in the cluster; 0 while this peer is no member yet. */
  readonly featureLevel: number;
  /** The quota of the whole store first, then those of prefixes. */
  readonly quotas: readonly QuotaInfo[];
  /** Present while the state is `rebuilding`. */
  readonly rebuild?: RebuildStatus;
  /** Members hold different states and no majority agrees: why nothing is written. See docs/integrity.md. */
  readonly doubt?: PlainError;
  /**
   * Why this peer can write no checkpoint, or no next segment of its log, just now: its disk is full. It is tried
   * again. See docs/limits.md.
   */
  readonly noSpace?: PlainError;
}

/** How the rebuild of a damaged state stands. */
export interface RebuildStatus {
  readonly reason: PlainError;
  /** How often the other members were asked for their state; after 40 times the peer fails. */
  readonly attempts: number;
}

/** Figures of one peer, for tests, benchmarks and support. */
export interface PeerDiagnostics {
  /** The chain over everything applied: equal on all members at equal index. */
  readonly stateHash: {
    readonly index: number;
    readonly revision: number;
    readonly chain: number;
    /** The sum over all live records. */
    readonly content: number;
  };
  /** Times that everything stored has been read and checked since the peer was opened. */
  readonly scrubRounds: number;
  /** Syncs of the write-ahead log since the peer was opened. */
  readonly walSyncs: number;
  /** Bytes given to the write-ahead log and not durable yet. */
  readonly walBacklogBytes: number;
  /** Writes of this process whose fate is not known yet. */
  readonly openWrites: number;
  readonly compactRevision: number;
  /** What the store has done on its disk since the peer was opened. */
  readonly store: StoreStatistics;
}

/** Why an engine stopped serving. */
export interface StopReason {
  readonly reason: 'closed' | 'removed' | 'failed';
  readonly error?: PlainError;
}

/**
 * All that a peer asks of its engine. Data only, and nothing answers synchronously: the engine may live in another
 * thread.
 */
export interface Engine extends KvEngine {
  /**
   * Resolves when a leader is known and what was committed when asked is applied here.
   * @throws ERR_NO_LEADER, ERR_ABORTED, …
   */
  ready(request: null, control: CallControl): Promise<PeerStatus>;
  members(request: null, control: CallControl): Promise<readonly MemberInfo[]>;
  /**
   * `to` is a name; left out: the voter that is furthest. Resolves when another one leads; rejects with ERR_NO_LEADER,
   * ERR_INVALID_ARGUMENT, ERR_TIMEOUT.
   */
  transferLeadership(request: { readonly to?: string }, control: CallControl): Promise<null>;
  /** The bytes of a backup of the moment in which this peer is as fresh as was asked. */
  backup(request: BackupRequest): EngineStream<BackupChunk>;
  /** What was in force when asked, or later. */
  quotas(request: null, control: CallControl): Promise<readonly QuotaInfo[]>;
  diagnostics(request: null, control: CallControl): Promise<PeerDiagnostics>;
  /** Present status first, then the latest after each change. */
  statuses(request: null): EngineStream<PeerStatus>;
  /** Settles with the reason when the engine has stopped serving. Never rejects. */
  stopped(request: null, control: CallControl): Promise<StopReason>;
  /** Hands leadership over, then stops. Resolves within closeTimeoutMs, always. Idempotent. */
  close(request: null, control: CallControl): Promise<null>;
}

/** How the calls of an {@link Engine} cross a port. */
export const engineSurface: Surface<Engine> = {
  ...kvSurface,
  ready: 'read',
  members: 'read',
  transferLeadership: 'write',
  backup: 'stream',
  quotas: 'read',
  diagnostics: 'read',
  statuses: 'stream',
  stopped: 'read',
  close: 'read',
};
