import { invariant } from '@coterie/errors';
import { Durability } from './durability.js';
import { RaftLog } from './log.js';
import { Members } from './members.js';
import type { Index, Message, NodeId, Term } from './messages.js';
import { Outbox } from './outbox.js';
import { ReadIndexState } from './read-index.js';
import { trace, traceMessage, type Trace } from './trace.js';
import type { CoreConfig, CoreInit, Random, Role } from './ready.js';

/** Everything a core knows. The modules beside this one are functions over it, one concern each. */
export class CoreState {
  readonly id: NodeId;
  readonly config: CoreConfig;
  readonly random: Random;
  readonly trace: Trace | undefined;

  term: Term;
  vote: NodeId;
  role: Role = 'follower';
  leader: NodeId = 0;

  readonly log: RaftLog;
  readonly durability: Durability;
  readonly members: Members;
  readonly outbox: Outbox;
  readonly reads: ReadIndexState;

  /** Ticks since the leader was heard of, or on a leader since it last checked its quorum. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  /**
   * Ticks without a leader before this member campaigns: drawn anew for every term from [electionTicks, 2
   * electionTicks).
   */
  electionTimeout = 0;

  /** The entry that made `members.conf`: earlier changes are in it. */
  confIndex: Index;
  /** On a leader: no membership change is taken before the state machine is here (etcd's pendingConfIndex). */
  pendingConfIndex: Index = 0;
  /** On a leader: the first entry of its term. It commits by counting copies from here on only (Raft §5.4.2). */
  termStart: Index = 0;
  /** On a leader: bytes proposed in this term and not yet applied. */
  uncommittedBytes = 0;
  /** On a leader: the member that is to take over; 0 for none. */
  transferee: NodeId = 0;
  /** Ticks since the transfer to `transferee` began. */
  transferElapsed = 0;
  /** On a leader: somebody was told in this term to campaign past everybody's stickiness. See lease.ts. */
  toldToCampaign = false;
  /** On a leader: election timeouts until it may hand over to a preferred member, and what the next wait is. */
  preferenceWait = 0;
  preferenceBackoff = 0;

  /** Whether the state machine would serve a leader. One that is unfit does not campaign, not even when told to. */
  fit = true;

  /** Ticks since this member last promised to help no other leader; Infinity when it never did. See lease.ts. */
  promiseElapsed: number;

  constructor(init: CoreInit) {
    this.id = init.id;
    this.config = init.config;
    this.random = init.random;
    this.trace = init.trace;
    const commit = Math.max(init.hardState.commit, init.start.index);
    this.log = new RaftLog(init.start, init.entries, commit, init.applied);
    this.term = init.hardState.term;
    this.vote = init.hardState.vote;
    this.durability = new Durability(this.log.lastIndex, this.term, this.vote);
    this.members = new Members(init.config);
    this.members.switchTo(init.conf, this.log.lastIndex);
    this.confIndex = init.applied;
    this.outbox = new Outbox({ term: this.term, vote: this.vote, commit: this.log.commit });
    // Contexts of an earlier life must not be answered to this one: see ReadIndexState.
    this.reads = new ReadIndexState(init.random);
    // An earlier life may have promised something just before it ended.
    this.promiseElapsed = this.takesLeases ? 0 : Infinity;
    this.drawElectionTimeout();
    trace(this, 'InitState');
  }

  /** Lease reads are on: this member promises as a follower and takes leases as a leader. */
  get takesLeases(): boolean {
    return (this.config.leasePromiseMs ?? 0) > 0;
  }

  drawElectionTimeout(): void {
    const drawn = this.random.nextInt(this.config.electionTicks);
    invariant(Number.isInteger(drawn) && drawn >= 0 && drawn < this.config.electionTicks, 'Random keeps its range', {
      drawn,
    });
    this.electionTimeout = this.config.electionTicks + drawn;
  }

  /** A member can lead if it votes, its log is all there, and its state machine keeps up. */
  get promotable(): boolean {
    const self = this.members.get(this.id);
    return self !== undefined && !self.learner && !this.outbox.snapshotPending && this.fit;
  }

  send(message: Message): void {
    if (this.trace !== undefined) traceMessage(this, 'Send', message);
    this.outbox.send.push(message);
  }

  /**
   * For messages that promise something about this member's disk: they leave once all of what they speak of is durable.
   */
  sendAfterDurable(message: Message): void {
    if (this.trace !== undefined) traceMessage(this, 'Send', message);
    this.outbox.after.push(message);
  }
}
