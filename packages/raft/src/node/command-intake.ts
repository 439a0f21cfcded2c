import { invariant } from '@coterie/errors';
import type { RaftCore } from '../core/core.js';
import type { NodeId } from '../core/messages.js';
import type { RefusalReason } from '../core/ready.js';
import type { WallClock } from '../ports/clock.js';
import type { CommandFilter } from '../ports/command-filter.js';
import type { Observer } from '../ports/observer.js';
import type { Transport } from '../ports/transport.js';
import { decodeCommandList, encodeCommandList, encodeEntryBatch } from './entry-batch.js';
import type { LogTime } from './log-time.js';
import type { NodeOptions } from './options.js';
import { ProposalQueue } from './proposals.js';

/**
 * Why commands were not taken. Besides the core's own reasons: `overloaded`, the log, the state machine or the queue of
 * commands does not keep up; `closed`, the member has stopped.
 *
 * `quota` and `transferring` are of a leader whose queue has filled up while the core takes nothing for that reason.
 */
export type SubmitRefusal =
  Extract<RefusalReason, 'noLeader' | 'transferring' | 'quota' | 'removed'> | 'overloaded' | 'closed';

/** Whether commands were taken; taken is not proposed, and proposed is not committed. */
export type SubmitResult =
  { readonly ok: true } | { readonly ok: false; readonly reason: SubmitRefusal; readonly leader?: NodeId };

/**
 * Entries that a leader appends ahead of what is committed. It makes one a turn, so that many are the mark of a leader
 * that gets nothing through, while members send their open commands again and again; and whoever leads next has to
 * bring all of them to a quorum before it commits anything.
 */
const uncommittedEntriesMax = 1_024;

const taken: SubmitResult = Object.freeze({ ok: true });

/** What the intake needs of its node. */
export interface IntakeHost {
  readonly core: RaftCore;
  readonly logTime: LogTime;
  readonly wall: WallClock;
  readonly transport: Transport;
  readonly observer: Observer;
  readonly options: NodeOptions;
  readonly filter: CommandFilter | undefined;
  overloaded(): boolean;
  /** Something waits for the end of the turn. */
  scheduleTurn(): void;
}

/**
 * Commands on their way into the log: a leader makes one entry of what has gathered in a turn, a follower sends it on.
 *
 * What the core does not take now (`quota`, `transferring`) stays in front of the queue and is proposed when that is
 * over; with another leader or term everything that waits is dropped, and whoever submitted sends it again.
 */
export class CommandIntake {
  readonly #host: IntakeHost;
  readonly #queue: ProposalQueue;
  /** Why the core takes nothing at present, as far as was tried. */
  #refused: RefusalReason | undefined;

  constructor(host: IntakeHost) {
    this.#host = host;
    this.#queue = new ProposalQueue(host.options, host.options.queueBytes);
  }

  get full(): boolean {
    return this.#queue.full;
  }

  submit(commands: readonly Uint8Array[]): SubmitResult {
    const { core } = this.#host;
    if (core.leader === 0) return this.#refuse('noLeader');
    if (this.#refused === 'removed') return this.#refuse('removed');
    if (this.#host.overloaded()) return this.#refuse('overloaded');
    if (!this.#push(commands)) {
      return this.#refuse(this.#refused === 'quota' || this.#refused === 'transferring' ? this.#refused : 'overloaded');
    }
    this.#host.scheduleTurn();
    return taken;
  }

  /** Commands that another member sent on. Dropped where this member does not lead: the sender asks the next leader. */
  receiveForwarded(bytes: Uint8Array): void {
    if (!this.#host.core.isLeader || this.#host.overloaded()) return;
    let commands: readonly Uint8Array[];
    try {
      commands = decodeCommandList(bytes);
    } catch {
      return;
    }
    if (this.#push(commands)) this.#host.scheduleTurn();
  }

  /** The end of a turn. */
  flush(): void {
    if (this.#queue.length === 0) return;
    if (this.#host.core.isLeader) this.#propose();
    else this.#forward();
  }

  /**
   * Something may have changed for commands that wait: an entry was applied, a transfer has ended, stamps are there.
   */
  retry(): void {
    if (this.#queue.length > 0) this.#host.scheduleTurn();
  }

  /**
   * Another leader, role or term. Forwarding a part of what waits now could only let later commands overtake earlier
   * ones; their sessions send them again in order.
   */
  clear(): void {
    this.#drop();
    this.#refused = undefined;
  }

  /** What a leader has already is not taken once more; a follower sends everything on, for a frame may be lost. */
  #push(commands: readonly Uint8Array[]): boolean {
    const { core, filter } = this.#host;
    return this.#queue.push(commands, core.isLeader ? filter : undefined);
  }

  #drop(): void {
    this.#queue.clear();
    this.#host.filter?.forget();
  }

  #propose(): void {
    const { core, logTime, wall, observer } = this.#host;
    if (!logTime.ready(core.term)) return;
    const stampMs = logTime.now();
    if (stampMs === undefined) return;
    const refusal =
      core.whyNotPropose(this.#queue.nextBytes) ??
      (core.lastIndex - core.commit >= uncommittedEntriesMax ? 'quota' : undefined);
    if (refusal !== undefined) {
      if (refusal !== this.#refused) observer({ type: 'refused', reason: refusal, commands: this.#queue.length });
      this.#refused = refusal;
      // A leader that was removed will never propose again, so nothing that waits could go through it.
      if (refusal === 'removed') this.#drop();
      return;
    }
    this.#refused = undefined;
    const commands = this.#queue.takeEntry();
    const result = core.propose([encodeEntryBatch({ stampMs, wallMs: wall.wallMs(), commands })]);
    invariant(result.ok, 'what the core said it would take it takes', { bytes: this.#queue.nextBytes });
    if (this.#queue.length > 0) this.#host.scheduleTurn();
  }

  #forward(): void {
    const { core, transport } = this.#host;
    if (core.leader === 0) {
      this.#queue.clear();
      return;
    }
    while (this.#queue.length > 0) transport.sendBytes(core.leader, encodeCommandList(this.#queue.takeForwarded()));
  }

  #refuse(reason: SubmitRefusal): SubmitResult {
    const { leader } = this.#host.core;
    return leader === 0 ? { ok: false, reason } : { ok: false, reason, leader };
  }
}
