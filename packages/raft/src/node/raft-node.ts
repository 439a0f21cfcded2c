import { CoterieError } from '@coterie/errors';
import type { Index, Message, NodeId, SnapshotMeta } from '../core/messages.js';
import type { ConfChange, CoreStatus, ProposeResult } from '../core/ready.js';
import type { SnapshotSink } from '../ports/snapshot-store.js';
import type { ClusterState } from '../ports/state-machine.js';
import type { UnreachableReason } from '../ports/transport.js';
import { proposeChange } from './leader-removal.js';
import type { SubmitResult } from './command-intake.js';
import { encodeMemberChange } from './member-records.js';
import type { NodeParts } from './node-parts.js';
import type { ReadPolicy, ReadWaiter } from './reads.js';
import { TurnLoop } from './turn-loop.js';

/** What became of a membership change that a {@link RaftNode} was asked for; `closed`: the member has stopped. */
export type ChangeResult = ProposeResult | { readonly ok: false; readonly reason: 'closed'; readonly leader?: never };

/**
 * One member of a Raft group: what its application, its transport and its operator may ask of it. The work is done by a
 * turn loop, one event after the other; a fault in it stops this member (`failed` of the observer) and never reaches
 * whoever called.
 */
export class RaftNode {
  readonly #loop: TurnLoop;

  /** @throws CoterieError ERR_CORRUPT for durable state that does not fit together, ERR_INVALID_ARGUMENT */
  constructor(parts: NodeParts) {
    this.#loop = new TurnLoop(parts);
  }

  // ---------------------------------------------------------------------------------------------------------- commands

  /**
   * Takes commands for the log. The leader puts everything of this turn into one entry; a follower forwards it.
   *
   * Best effort: a command that was taken may still be lost with a connection or a leader. Whoever submits tells
   * retries apart by what is in the command (a session and its sequence), and sees the outcome when its own replica
   * applies it.
   *
   * A leader that may propose nothing at present (`maxUncommittedBytes`, a transfer) keeps them, in order, until it may
   * or no longer leads; `RaftEvent` `refused` tells.
   *
   * @returns whether they were taken, or why not: then nothing of them was sent or kept
   */
  submit(commands: readonly Uint8Array[]): SubmitResult {
    return this.#loop.stopped ? { ok: false, reason: 'closed' } : this.#loop.intake.submit(commands);
  }

  /**
   * Commands that another member forwarded. Dropped where this member does not lead: the sender asks the next leader.
   */
  receiveForwarded(bytes: Uint8Array): void {
    if (!this.#loop.stopped) this.#loop.intake.receiveForwarded(bytes);
  }

  /**
   * Waits until a read of the own state machine is linearizable. `settle` is called once.
   *
   * @param policy `index`, the default: the leader confirms with a round of heartbeats that it leads (thesis §6.4).
   *   `lease`: a leader whose lease stands needs no round, and `settle` may be called before this returns; everybody
   *   else does as with `index`
   */
  read(waiter: ReadWaiter, policy: ReadPolicy = 'index'): void {
    if (this.#loop.stopped) {
      waiter.settle(new CoterieError('ERR_CLOSED', { message: 'the member has stopped' }), 0);
      return;
    }
    // The lease stands at this very moment, so nobody else has committed anything: our commit index is the newest.
    if (policy === 'lease' && this.leaseHeld) {
      this.#loop.reads.addConfirmed(waiter, this.#loop.core.commit, this.#loop.applier.applied);
      return;
    }
    this.#loop.reads.add(waiter);
    this.#loop.scheduleTurn();
  }

  /** Whether this member could serve a read by lease at this moment. */
  get leaseHeld(): boolean {
    return !this.#loop.stopped && this.#loop.lease.holds() && !this.#loop.writer.stalled;
  }

  /**
   * Proposes a membership change; it takes effect when it is applied. A step with id 0 adds a member under the index of
   * the entry. One that removes or demotes this leader is refused with `transferring`: it hands over first.
   *
   * @param records for each step the record of the member that it adds
   * @returns term and index of the entry, or why nothing was proposed: `closed` once this member has stopped
   * @throws CoterieError ERR_INVALID_ARGUMENT for a change that cannot be made anywhere; nothing was proposed
   */
  changeMembership(change: ConfChange, records: readonly (Uint8Array | undefined)[]): ChangeResult {
    // What a fault in the event leaves: the member has stopped by then.
    let result: ChangeResult = { ok: false, reason: 'closed' };
    // Outside of the event: what a caller got wrong is the caller's error and stops nobody.
    const data = encodeMemberChange(change, records);
    this.#loop.event(() => {
      result = proposeChange(this.#loop.core, change, data);
    });
    return result;
  }

  /**
   * Hands leadership to a voter; it first catches up, and has an election timeout for all of it. A follower passes the
   * wish on to its leader, best effort.
   *
   * @param to 0: the voter that is best prepared
   * @returns false when there is no leader, or `to` leads or is no voter, or once this member has stopped (`stopped`)
   */
  transferLeadership(to: NodeId): boolean {
    let taken = false;
    this.#loop.event(() => {
      taken = this.#loop.core.transferLeadership(to);
    });
    return taken;
  }

  // ----------------------------------------------------------------------------------------------------------- network

  /** Messages of other members. What no correct peer sends is dropped; nothing throws. */
  receive(messages: readonly Message[]): void {
    this.#loop.event(() => {
      for (const message of messages) if (isForDriver(message)) this.#loop.core.step(message);
    });
  }

  /**
   * A snapshot begins to come in: where to write it. Rejects while another one is being received, and with what the
   * store says.
   */
  receiveSnapshot(from: NodeId, meta: SnapshotMeta): Promise<SnapshotSink> {
    return this.#loop.snapshots.receive(from, meta);
  }

  /**
   * A member cannot be reached. When it is our leader, its process is likely gone: forget it and ask for votes after a
   * short jitter instead of waiting out the election timeout. Pre-vote keeps that safe: whoever still hears the leader
   * refuses.
   */
  unreachable(id: NodeId, reason?: UnreachableReason): void {
    this.#loop.event(() => {
      this.#loop.core.reportUnreachable(id);
      // Dropped messages or a broken link say nothing of the process behind it; a refused dial does.
      if (reason !== 'refused') return;
      if (id !== this.#loop.core.leader || this.#loop.core.role !== 'follower') return;
      this.#loop.core.forgetLeader();
      this.#loop.campaign.soon();
    });
  }

  // ------------------------------------------------------------------------------------------------------------ status

  /** A picture of the core, for people and metrics. */
  status(): CoreStatus {
    return this.#loop.core.status();
  }

  /** The leader of the present term; 0 when it is not known. */
  get leader(): NodeId {
    return this.#loop.core.leader;
  }

  get term(): number {
    return this.#loop.core.term;
  }

  get isLeader(): boolean {
    return this.#loop.core.isLeader;
  }

  /** The last entry that the state machine holds. */
  get appliedIndex(): Index {
    return this.#loop.applier.applied;
  }

  /** The last entry that is known to be committed. */
  get commitIndex(): Index {
    return this.#loop.core.commit;
  }

  /** Configuration and members as of `appliedIndex`. */
  get cluster(): ClusterState {
    return this.#loop.applier.cluster;
  }

  /** Log time now, in ms, on a leader that may stamp; undefined elsewhere. */
  logTimeMs(): number | undefined {
    return this.#loop.core.isLeader ? this.#loop.logTime.now() : undefined;
  }

  /** Whether commands would be refused because the queue is full. */
  get overloaded(): boolean {
    return this.#loop.intake.full;
  }

  /** Whether it has stopped, by `stop` or by a fault: then it takes and answers nothing any more. */
  get stopped(): boolean {
    return this.#loop.stopped;
  }

  /**
   * Stops at once: no tick, no message, no callback after it. Reads that wait are refused. The parts (storage, machine,
   * transport) are the caller's to close.
   */
  stop(): void {
    this.#loop.stop();
  }
}

/**
 * Drivers forward commands as bytes, which the leader takes apart before it proposes them. An entry that came by the
 * core's own way of forwarding would enter the log unread, and stop every member when it is applied.
 */
function isForDriver(message: Message | null | undefined): boolean {
  return typeof message === 'object' && message !== null && message.type !== 'propose';
}
