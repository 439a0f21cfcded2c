import type { ConfState, Index, NodeId, Term } from '../core/messages.js';

/** One committed entry, taken apart: the commands of one event-loop turn of a leader, and its stamp. */
export interface CommittedEntry {
  readonly index: Index;
  readonly term: Term;
  /** Log time in ms: never goes back, stands still without a leader. 0 for an entry without commands (empty, conf). */
  readonly stampMs: number;
  /** The leader's wall clock in ms since 1970, for people; never compared in apply. */
  readonly wallMs: number;
  readonly commands: readonly Uint8Array[];
}

/** A member as the cluster's state knows it. `data` is opaque to raft (name, address, incarnation). */
export interface MemberRecord {
  readonly id: NodeId;
  readonly data: Uint8Array;
}

/** The configuration and the members' records, kept by the state machine with the entry that made them so. */
export interface ClusterState {
  readonly conf: ConfState;
  readonly members: readonly MemberRecord[];
}

/** What a state machine tells its driver. */
export interface StateMachineHost {
  /**
   * A durable checkpoint stands at this entry: the log before the *previous* one may go. Called in order of index, on
   * the driver's thread, and never from inside `prepare`, `apply`, `applyCluster` or `installSnapshot`: it shortens the
   * log that the driver is reading from.
   */
  checkpointed(at: { readonly index: Index; readonly term: Term }): void;
  /**
   * The machine can no longer serve: the peer leaves the quorum, the application lives. Nothing is applied after it.
   */
  failed(error: Error): void;
}

/**
 * What committed entries change.
 *
 * `apply` is synchronous and deterministic: no clock, no random, no I/O it would wait for. What it must read from a
 * disk is loaded before by `prepare`, which runs while the entry is still being synced.
 *
 * The driver calls, all from one thread: `applied` and `cluster` first, `attach` once, then for each entry in order of
 * index and without a gap either `prepare` (until it says true) and `apply`, or `applyCluster`; `logDurable` at any
 * time between them; at the end nothing, or `close` by whoever opened the machine. A throw out of `apply` stops the
 * node: it is for broken invariants, never for a command that is wrong, whose refusal is a part of the state's answer.
 */
export interface StateMachine {
  /** The last entry whose effects the machine holds, after a restart: of its last durable checkpoint. */
  applied(): { readonly index: Index; readonly term: Term };
  /** The cluster as of `applied()`; undefined on a machine that never held one. */
  cluster(): ClusterState | undefined;
  /** Log time as of the last applied entry, in ms: the largest stamp of an entry with commands. */
  logTimeMs(): number;
  /** Called once, before the first entry. Nothing is told before it. */
  attach(host: StateMachineHost): void;
  /**
   * @returns true when `apply` may run now; otherwise `ready` is called once, later and not from inside, and the driver
   *   asks again. One entry is prepared at a time. A snapshot may be installed meanwhile: then the entry never comes,
   *   and a late `ready` is ignored
   */
  prepare(entry: CommittedEntry, ready: () => void): boolean;
  /**
   * For a machine on a disk: undefined while neither `prepare` nor what keeps it from taking more commands waits for
   * that disk; otherwise a number, another one each time when an operation that is waited for has ended. A driver asks
   * at every tick, and so tells a disk that is slow from one that stands still. Left out: only `ready` counts as
   * movement.
   */
  diskWait?(): number | undefined;
  /**
   * A hint: this entry is on its way into the log and will probably be committed. A machine that reads from a disk may
   * begin to, so that it is done by the time of `prepare`, for which it gets the very same object. The entry may never
   * come, and others may come before it; nothing of what `apply` decides may depend on the hint.
   */
  foresee?(entry: CommittedEntry): void;
  /** The entry's commands are views of bytes that others share: they are not changed, and what is kept is copied. */
  apply(entry: CommittedEntry): void;
  /** A membership change was applied at this entry. */
  applyCluster(at: { readonly index: Index; readonly term: Term }, state: ClusterState): void;
  /**
   * The own log is durable, in its present form, up to here: a checkpoint never gets ahead of it. Goes back when a new
   * leader overwrites entries.
   */
  logDurable(index: Index): void;
  /** Resolves when nothing of it runs any more. Idempotent; the host hears nothing after it. */
  close(): Promise<void>;
}
