import { invariant } from '@coterie/errors';
import { Inflights } from './inflights.js';
import type { Index, NodeId } from './messages.js';
import type { CoreConfig, ProgressStatus } from './ready.js';

/**
 * What a leader knows of one member's log, and how fast it may send to it.
 *
 * ```
 *            rejected or unreachable
 *        ┌──────────────────────────────┐
 *        v                              │
 *     probe ──── appended ────────> replicate
 *      │  ^                             │
 *      │  └── reported, or appended ──┐ │ next entry is compacted
 *      └──> snapshot <────────────────┴─┘
 *
 *     probe      one append at a time, until it is answered or a heartbeat is
 *     replicate  optimistic: `next` runs ahead of `match`, as far as the window in flight allows
 *     snapshot   nothing is sent
 * ```
 *
 * Invariant: 0 <= match < next.
 */
export class Progress {
  /** The highest entry that the member is known to hold durably, in the form in which we hold it. */
  match: Index = 0;
  /** The next entry to send. */
  next: Index = 1;
  state: 'probe' | 'replicate' | 'snapshot' = 'probe';
  /** Nothing more may be sent until something is heard. */
  private flowPaused = false;
  /** While in `snapshot`: how far the snapshot that is on its way may reach; 0 when there is none. */
  pendingSnapshot: Index = 0;
  /** The highest commit index told. Lowered when what carried it may be lost. */
  private sentCommit: Index = 0;
  /** Something was heard since the last check of the quorum. */
  recentActive = false;
  learner = false;
  /** Its answer to our candidacy: 0 none, 1 granted, 2 rejected. */
  vote: 0 | 1 | 2 = 0;
  /** The highest read position that it confirmed in our term. */
  readAck = 0;
  /** The highest position that it confirmed with a promise long enough for our lease. */
  promiseAck = 0;
  /** How much it is preferred as leader, as far as it has said. */
  priority = 0;
  readonly inflights: Inflights;

  constructor(
    readonly id: NodeId,
    config: CoreConfig,
  ) {
    this.inflights = new Inflights(config.maxInflightMessages, config.maxInflightBytes);
  }

  /** What is known at the beginning of a term: nothing. */
  reset(match: Index, next: Index): void {
    this.become('probe');
    this.match = match;
    this.next = next;
    this.sentCommit = 0;
    this.recentActive = false;
    this.vote = 0;
    this.readAck = 0;
    this.promiseAck = 0;
    this.priority = 0;
  }

  get paused(): boolean {
    return this.state === 'snapshot' || this.flowPaused;
  }

  becomeProbe(): void {
    // After a snapshot its index is the best guess; a wrong one costs a rejection, whose hint puts it right.
    const next = Math.max(this.match, this.pendingSnapshot) + 1;
    this.become('probe');
    this.next = next;
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
  }

  becomeReplicate(): void {
    this.become('replicate');
    this.next = this.match + 1;
    // A snapshot that did not get as far as was promised did not carry the commit index there either.
    this.sentCommit = Math.min(this.sentCommit, this.match);
  }

  becomeSnapshot(index: Index): void {
    this.become('snapshot');
    this.pendingSnapshot = index;
    this.next = Math.max(index, this.match) + 1;
    this.sentCommit = index;
  }

  /** An append with `count` entries of `bytes` and this commit index is on its way. */
  sent(count: number, bytes: number, commit: Index): void {
    invariant(this.state !== 'snapshot', 'nothing is appended while a snapshot is on its way', { id: this.id });
    if (this.state === 'probe') {
      if (count > 0) this.flowPaused = true;
    } else {
      if (count > 0) {
        this.next += count;
        this.inflights.add(this.next - 1, bytes);
      }
      this.flowPaused = this.inflights.full;
    }
    this.sentCommit = commit;
  }

  /** A heartbeat told this commit index. It may be lower than what an append told, when that may be lost. */
  sentHeartbeat(commit: Index): void {
    this.sentCommit = commit;
  }

  /** Whether telling `commit` now may move the member's commit index: nothing told yet covers all that it was sent. */
  canBumpCommit(commit: Index): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /**
   * The member holds everything up to `index`.
   *
   * @returns whether that is news
   */
  maybeUpdate(index: Index): boolean {
    if (index <= this.match) return false;
    this.match = index;
    if (this.next <= index) this.next = index + 1;
    this.flowPaused = false;
    return true;
  }

  /**
   * The member refused an append whose previous entry was `rejected`, and the two logs can agree at most at `hint`.
   *
   * @returns whether `next` went back; false for a refusal that is out of date
   */
  maybeDecrease(rejected: Index, hint: Index): boolean {
    if (this.state === 'replicate') {
      // A refusal at or below what it has acknowledged since was overtaken: `next` never goes back to `match`.
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
    } else {
      // One probe at a time is on its way, so an answer to any other is late.
      if (this.next - 1 !== rejected) return false;
      this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
      this.flowPaused = false;
    }
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
    return true;
  }

  pause(): void {
    this.flowPaused = true;
  }

  resume(): void {
    this.flowPaused = false;
  }

  status(): ProgressStatus {
    return {
      id: this.id,
      state: this.state,
      match: this.match,
      next: this.next,
      recentActive: this.recentActive,
      learner: this.learner,
      paused: this.paused,
      inflightMessages: this.inflights.count,
      inflightBytes: this.inflights.bytes,
      inflightFull: this.inflights.full,
      pendingSnapshot: this.pendingSnapshot,
    };
  }

  private become(state: 'probe' | 'replicate' | 'snapshot'): void {
    this.flowPaused = false;
    this.pendingSnapshot = 0;
    this.state = state;
    this.inflights.reset();
  }
}
