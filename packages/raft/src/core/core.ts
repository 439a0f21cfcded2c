import { CoterieError } from '@coterie/errors';
import { applied, applyConfChange } from './apply.js';
import { validateCoreConfig } from './config.js';
import { drain, hasEffects, onDurable } from './drain.js';
import { hup } from './election.js';
import { reportSnapshot, reportUnreachable } from './leader.js';
import { forgetLeader } from './follower.js';
import { leasePosition } from './lease.js';
import type { ConfState, Index, Message, NodeId, SnapshotMeta, Term } from './messages.js';
import { propose, proposeConfChange, whyNotPropose } from './proposals.js';
import { readIndex } from './read-index.js';
import type {
  ConfChange,
  CoreInit,
  CoreStatus,
  ProgressStatus,
  ProposeResult,
  Ready,
  RefusalReason,
  Role,
} from './ready.js';
import { becomeFollower } from './roles.js';
import { restoreSnapshot } from './snapshots.js';
import { CoreState } from './state.js';
import { step, tick } from './step.js';
import { transferLeadership } from './transfer.js';

/**
 * Raft as a function of its inputs: no clock, no timer, no promise, no I/O, no chance but the one that is passed in.
 *
 * A driver feeds it messages, ticks, proposals and the news that a write is durable or an entry applied, and after each
 * turn drains
 * `ready()` and does what it says. Storage is asynchronous, always: entries leave for other members while they are
 * still on their way to the own disk, and a promise about the own disk (a vote, an acknowledgement) leaves only after
 * `appendDurable`.
 *
 * Same inputs, same outputs: a simulator that owns the inputs owns every interleaving.
 */
export class RaftCore {
  private readonly state: CoreState;

  /**
   * @param init what was durable when the process ended, or an empty beginning
   * @throws CoterieError ERR_INVALID_ARGUMENT for a configuration or an id that makes no sense; ERR_CORRUPT for durable
   *   state that does not fit together (a gap in the log, a commit index beyond its end, an entry of a term that the
   *   hard state does not know)
   */
  constructor(init: CoreInit) {
    validateCoreConfig(init.config);
    if (!Number.isSafeInteger(init.id) || init.id <= 0) {
      throw new CoterieError('ERR_INVALID_ARGUMENT', { message: `no member id: ${String(init.id)}`, argument: 'id' });
    }
    this.state = new CoreState(init);
    const lastTerm = init.entries.at(-1)?.term ?? 0;
    if (lastTerm > init.hardState.term) {
      // Term and log share one ordered stream, so this cannot come from a crash.
      const message = `the log ends in term ${lastTerm}, the hard state knows ${init.hardState.term}`;
      throw new CoterieError('ERR_CORRUPT', { message });
    }
  }

  get id(): NodeId {
    return this.state.id;
  }

  get role(): Role {
    return this.state.role;
  }

  get term(): Term {
    return this.state.term;
  }

  /** The leader of the present term; 0 when it is not known. */
  get leader(): NodeId {
    return this.state.leader;
  }

  get isLeader(): boolean {
    return this.state.role === 'leader';
  }

  /**
   * The newest position (see `Ready.position`) on which a lease may stand: a quorum of the configuration in force has
   * confirmed it in this term and promised to help nobody else. 0 where no lease may stand. It can go back.
   */
  get leasePosition(): number {
    return leasePosition(this.state);
  }

  get commit(): Index {
    return this.state.log.commit;
  }

  /** Up to where the own disk holds the log in its present form. Goes back when a new leader overwrites entries. */
  get durableIndex(): Index {
    return this.state.durability.index;
  }

  get firstIndex(): Index {
    return this.state.log.firstIndex;
  }

  get lastIndex(): Index {
    return this.state.log.lastIndex;
  }

  /** The member that a leader hands over to; 0 for none. */
  get transferee(): NodeId {
    return this.state.transferee;
  }

  /** On a leader: up to where a member's log is known to agree; undefined elsewhere and for others. */
  matchOf(id: NodeId): Index | undefined {
    return this.isLeader ? this.state.members.get(id)?.match : undefined;
  }

  /** On a leader: calls `visit` for each member with how it is sent entries, without making anything. */
  visitProgress(visit: (id: NodeId, state: ProgressStatus['state'], match: Index) => void): void {
    if (!this.isLeader) return;
    for (const { id, state, match } of this.state.members.all) visit(id, state, match);
  }

  /** Why a proposal of so many bytes would not be taken now; undefined: it would. */
  whyNotPropose(bytes: number): RefusalReason | undefined {
    return whyNotPropose(this.state, bytes);
  }

  /** The lowest index behind which at most `entries` entries up to `through` remain, and at most `bytes` of them. */
  windowBefore(through: Index, entries: number, bytes: number): Index {
    return this.state.log.windowBefore(through, entries, bytes);
  }

  /** Bytes of data of the entries in memory. */
  get entriesBytes(): number {
    return this.state.log.bytes;
  }

  /** The configuration in force: of the last applied change or snapshot. */
  get conf(): ConfState {
    return this.state.members.conf;
  }

  /** The term of an entry; undefined when it is compacted or not there. */
  termAt(index: Index): Term | undefined {
    return this.state.log.termAt(index);
  }

  /**
   * A message from the network. One that no correct peer sends, or that is not for us, is dropped; never throws on what
   * it holds.
   */
  step(message: Message): void {
    step(this.state, message);
  }

  /** One unit of logical time. */
  tick(): void {
    tick(this.state);
  }

  /**
   * Proposes one normal entry for each of `data`, all or none.
   *
   * @returns term and index of the first; that it was taken says nothing of its commit
   * @throws CoterieError ERR_INVALID_ARGUMENT for no data
   */
  propose(data: readonly Uint8Array[]): ProposeResult {
    return propose(this.state, data);
  }

  /**
   * Proposes a membership change.
   *
   * @param data from `encodeConfChange`
   * @throws CoterieError ERR_INVALID_ARGUMENT for what is no Uint8Array, ERR_CORRUPT for one that holds no change
   */
  proposeConfChange(data: Uint8Array): ProposeResult {
    return proposeConfChange(this.state, data);
  }

  /**
   * Puts the committed change of entry `at` in force, when that entry is applied and before `applied(at)`. The same
   * change on the same configuration comes to the same on every member; one that makes no sense changes nothing.
   *
   * @param change with the ids that the entry stands for: no 0
   */
  applyConfChange(change: ConfChange, at: Index): ConfState {
    return applyConfChange(this.state, change, at);
  }

  /** Everything up to `index` is applied. */
  applied(index: Index): void {
    applied(this.state, index);
  }

  /**
   * The batch `seq` of `Ready.append`, and every one before it, is durable. For a batch with a snapshot: the state
   * machine has been switched to it too, as the entries behind it are handed out from now on.
   */
  appendDurable(seq: number): void {
    onDurable(this.state, seq);
  }

  /**
   * A snapshot has been received and is durable beside the running state. True: it becomes the start of the log, and
   * the next `Ready.append` carries its mark. False: this member holds as much already. `from` is answered either way.
   */
  restoreSnapshot(meta: SnapshotMeta, from: NodeId): boolean {
    return restoreSnapshot(this.state, meta, from);
  }

  /**
   * Asks from which index on a linearizable read may be served; works on leaders and followers. Answered in
   * `Ready.reads`.
   */
  readIndex(token: number): void {
    readIndex(this.state, token);
  }

  /**
   * Hands the leadership to `to`, or with 0 to the voter that is best prepared. A follower passes the wish on to its
   * leader, best effort: what comes of it shows in `leader`.
   *
   * @returns whether a transfer is under way, or asked for; false for a target that cannot lead, or without a leader
   */
  transferLeadership(to: NodeId): boolean {
    return transferLeadership(this.state, to);
  }

  /**
   * Starts an election now, by way of a pre-vote where that is configured. No effect on a leader or a member that
   * cannot lead.
   */
  campaign(): void {
    hup(this.state);
  }

  /**
   * The application knows the leader to be gone: this follower no longer holds others back from electing another. No
   * effect while it stands by a promise (lease reads).
   */
  forgetLeader(): void {
    forgetLeader(this.state);
  }

  /**
   * Whether this member may campaign; it may at first. One whose state machine stands still votes and acknowledges like
   * any other, and does not ask to lead, nor take over when it is told to. A leader stays one: see `stepDown`.
   */
  setFit(fit: boolean): void {
    this.state.fit = fit;
  }

  /** A leader becomes a follower of nobody in its own term. */
  stepDown(): void {
    const s = this.state;
    if (s.role === 'leader') becomeFollower(s, s.term, 0);
  }

  /** The transport could not deliver to `id`. */
  reportUnreachable(id: NodeId): void {
    reportUnreachable(this.state, id);
  }

  /**
   * The snapshot transfer that `Ready.snapshotsTo` asked for has ended. Every one must be reported, or `id` gets
   * nothing more.
   */
  reportSnapshot(id: NodeId, ok: boolean): void {
    reportSnapshot(this.state, id, ok);
  }

  /** Drops entries up to `through` from memory. They must be applied; `termAt(through)` stays readable. */
  compact(through: Index): void {
    this.state.log.compact(through);
  }

  hasReady(): boolean {
    return hasEffects(this.state);
  }

  /** Everything to be done, handed out once. */
  ready(): Ready {
    return drain(this.state);
  }

  /** A picture for people and metrics. */
  status(): CoreStatus {
    const s = this.state;
    return {
      id: s.id,
      role: s.role,
      term: s.term,
      vote: s.vote,
      leader: s.leader,
      commit: s.log.commit,
      applied: s.log.applied,
      lastIndex: s.log.lastIndex,
      firstIndex: s.log.firstIndex,
      transferee: s.transferee,
      conf: s.members.conf,
      progress: s.role === 'leader' ? s.members.all.map((progress) => progress.status()) : [],
    };
  }
}
