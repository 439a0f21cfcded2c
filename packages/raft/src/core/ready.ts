import type { ConfState, Entry, Index, Message, NodeId, SnapshotMeta, Term } from './messages.js';
import type { Trace } from './trace.js';

/** What a member is in its term. A pre-candidate asks whether it could win before it raises the term (thesis §9.6). */
export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

/** What must survive a crash besides the log. `vote` 0 is "none in this term". */
export interface HardState {
  readonly term: Term;
  readonly vote: NodeId;
  readonly commit: Index;
}

/**
 * What must reach the disk, in the order of `seq`.
 *
 * Entry `entries[0].index` and everything behind it replaces what the log held there. When all of the batch is durable
 * the driver calls `RaftCore.appendDurable(seq)`; only then does the core release the messages that promise something
 * about it.
 */
export interface AppendBatch {
  readonly seq: number;
  readonly hardState?: HardState;
  readonly entries: readonly Entry[];
  /** A received snapshot that now is the start of the log: its mark goes into the log before anything after it. */
  readonly snapshot?: SnapshotMeta;
  /**
   * False when only the commit index moved, and past no membership change: such a batch needs no sync of its own
   * (etcd's MustSync rule).
   */
  readonly mustSync: boolean;
}

/** A read that may be served once the state machine has applied `index`; no `index`: refused, ask again. */
export interface ReadState {
  /** What `RaftCore.readIndex` was given. */
  readonly token: number;
  readonly index?: Index;
}

/** Everything the core wants done, drained once by `RaftCore.ready()`. */
export interface Ready {
  /** Present when the leader, the role or the term changed. */
  readonly soft?: { readonly leader: NodeId; readonly role: Role; readonly term: Term };
  /** Safe to send at once, in parallel with the own disk (thesis §10.2.1). In order of recipient within a turn. */
  readonly send: readonly Message[];
  readonly append?: AppendBatch;
  /** Committed entries in order, each handed out exactly once. */
  readonly committed: readonly Entry[];
  readonly reads: readonly ReadState[];
  /**
   * Present when heartbeats of a new position are among `send`: whoever takes leases notes the time before they leave.
   * What a quorum has answered of them is `RaftCore.leasePosition`.
   */
  readonly position?: number;
  /** Members that need a snapshot: the driver starts a transfer and answers with `reportSnapshot`. */
  readonly snapshotsTo: readonly NodeId[];
}

/**
 * One step of a membership change. `addVoter` also promotes a learner, `addLearner` also demotes a voter; an `id` of 0
 * stands for the index of the change's own entry.
 */
export interface ConfChangeStep {
  readonly op: 'addVoter' | 'addLearner' | 'remove';
  readonly id: NodeId;
}

/**
 * A membership change (thesis §4.3). `auto`: a joint configuration only where more than one voter moves, left by the
 * leader itself; `implicit`: always joint, left by the leader itself; `explicit`: always joint, left by another change
 * with no steps. `forced`: the voters that its steps add and nobody else, whatever was before; no quorum of the old
 * configuration has agreed, so it is never proposed: only the offline recovery of a lost quorum writes one.
 */
export interface ConfChange {
  readonly transition: 'auto' | 'implicit' | 'explicit' | 'forced';
  readonly steps: readonly ConfChangeStep[];
}

/** Why a proposal was not taken: nothing of it is in the log. */
export type RefusalReason =
  /** Another member leads: `leader` of the result. */
  | 'notLeader'
  /** Nobody is known to lead. */
  | 'noLeader'
  /** Leadership is being handed over: for an election timeout at the most. */
  | 'transferring'
  /** As many bytes are uncommitted as `maxUncommittedBytes` allows. */
  | 'quota'
  /** This member is no longer part of the configuration. */
  | 'removed'
  /** An earlier membership change is not applied yet. */
  | 'pending'
  /** A joint configuration has to be left first. */
  | 'inJoint'
  /** There is no joint configuration to leave. */
  | 'notInJoint'
  /** A new leader has not applied all that it found in its log, and a change may be among it. */
  | 'notCurrentTerm'
  /** The change would leave no voter. */
  | 'noVoters'
  /** A forced change is an offline act: a running cluster takes none. */
  | 'forced';

/** Whether a proposal was taken into the log of a leader; taken is not committed. */
export type ProposeResult =
  | { readonly ok: true; readonly term: Term; readonly index: Index }
  | { readonly ok: false; readonly reason: RefusalReason; readonly leader?: NodeId };

/** One follower as the leader sees it (invariant: 0 <= match < next). */
export interface ProgressStatus {
  readonly id: NodeId;
  readonly state: 'probe' | 'replicate' | 'snapshot';
  readonly match: Index;
  readonly next: Index;
  readonly recentActive: boolean;
  readonly learner: boolean;
  /** Nothing more is sent until something is heard from it. */
  readonly paused: boolean;
  readonly inflightMessages: number;
  readonly inflightBytes: number;
  readonly inflightFull: boolean;
  /** While `state` is `snapshot`: how far the snapshot on its way may reach; else 0. */
  readonly pendingSnapshot: Index;
}

/** A copy of what the core holds, for status and metrics. */
export interface CoreStatus {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: Term;
  readonly vote: NodeId;
  readonly leader: NodeId;
  readonly commit: Index;
  readonly applied: Index;
  readonly lastIndex: Index;
  readonly firstIndex: Index;
  readonly transferee: NodeId;
  readonly conf: ConfState;
  /** Of the leader only. */
  readonly progress: readonly ProgressStatus[];
}

/** An integer in [0, n). The only chance the core knows; the simulator gives it a seeded one. */
export interface Random {
  nextInt(n: number): number;
}

/** Timing in ticks, and limits. `defaultCoreConfig` has values that protect. */
export interface CoreConfig {
  /** Ticks without a leader before a follower campaigns; the real one is drawn from [n, 2n). Default 10. */
  readonly electionTicks: number;
  /** Ticks between two heartbeats of a leader; fewer than `electionTicks`. Default 1. */
  readonly heartbeatTicks: number;
  /** Asks whether it could win before it raises the term (thesis §9.6). Default true. */
  readonly preVote: boolean;
  /**
   * A leader that hears no quorum for an election timeout steps down, and members that hear a leader help no other
   * (thesis §6.2, §4.2.3). Default true.
   */
  readonly checkQuorum: boolean;
  /** A leader that is removed or demoted steps down when it applies that. Default true. */
  readonly stepDownOnRemoval: boolean;
  /** Bytes of entry data in one append message; one entry always fits. Default 1 MiB. */
  readonly maxAppendBytes: number;
  /** Append messages in flight to one follower. Default 256. */
  readonly maxInflightMessages: number;
  /** Bytes in flight to one follower. Default 16 MiB. */
  readonly maxInflightBytes: number;
  /**
   * Bytes proposed and not yet applied on a leader; beyond it proposals are refused with `quota` (the first is always
   * taken). Default 64 MiB.
   */
  readonly maxUncommittedBytes: number;
  /** Bytes of committed entries in one Ready; one entry always fits. Default 4 MiB. */
  readonly maxCommittedBytes: number;
  /** The Raft group that every message of this core belongs to; those of another one are dropped. Default 0. */
  readonly group: number;
  /**
   * Lease reads: how long, in ms of its own clock, this member keeps faith with a leader it has just heard, and how
   * long a promise it asks of others to count them for its own lease. It must not exceed what `electionTicks` ticks
   * surely take. 0, the default: it promises nothing and no lease stands.
   */
  readonly leasePromiseMs?: number;
  /** How much this member is preferred as leader: 0, the default, to 100. Takes effect where `checkQuorum` is on. */
  readonly leaderPriority?: number;
  /**
   * Take membership changes into the log without checking them against the configuration in force. Only for a host that
   * makes sure itself that one change is applied before it proposes the next; default false.
   */
  readonly trustConfChanges?: boolean;
}

/** What the core starts from: exactly what was durable. */
export interface CoreInit {
  readonly id: NodeId;
  readonly config: CoreConfig;
  readonly random: Random;
  readonly hardState: HardState;
  /** The configuration at `applied`. */
  readonly conf: ConfState;
  /** Index and term of the last entry that is no longer in the log (0, 0 for a log that starts at 1). */
  readonly start: { readonly index: Index; readonly term: Term };
  /** The durable log behind `start`, contiguous. */
  readonly entries: readonly Entry[];
  /** Last entry the state machine holds; committed entries are handed out from the next one on. */
  readonly applied: Index;
  /** Told what happens, for validation against the published TLA+ specification; left out, nothing is made for it. */
  readonly trace?: Trace;
}
