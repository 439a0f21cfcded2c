import type { Index, NodeId } from './messages.js';
import type { Random, ReadState } from './ready.js';
import type { CoreState } from './state.js';

/** More reads than this may not wait at once on one member, forwarded ones included; beyond it they are refused. */
export const pendingReadsMax = 65_536;

/**
 * A new life of a process starts its contexts at a random multiple of this, so that answers to an earlier one do not
 * match.
 */
const contextSpan = 2 ** 32;
const contextLives = 2 ** 20;

/** Somebody who waits for a read index: ourselves (`to` 0) with a token, or a member with its context. */
interface Waiter {
  readonly to: NodeId;
  readonly token: number;
}

/**
 * Reads without the log (thesis §6.4), batched in rounds.
 *
 * A leader proves with one round of heartbeats that it still leads, for all reads that came before the round began. The
 * context of a round is a *position* that the leader makes, and that only grows: an answer to an earlier round can
 * never confirm a later read (the bug of etcd #20418 came from the reader's own token as context). A read never joins a
 * round that is already sent. Nothing is answered before an entry of the leader's own term is committed, because only
 * then is its commit index current (etcd #7331).
 */
export class ReadIndexState {
  /** Reads for the next round. */
  waiting: Waiter[] = [];
  /** Reads of the round in flight, and what its commit index was when it began. */
  inRound: Waiter[] = [];
  roundIndex: Index = 0;
  roundPosition = 0;
  /** The newest position given to heartbeats. */
  position = 0;

  /** Reads that this follower sent to its leader: context to token, in two generations to age them out. */
  forwarded = new Map<number, number>();
  forwardedBefore = new Map<number, number>();
  forwardedElapsed = 0;
  private nextContext: number;

  constructor(random: Random) {
    this.nextContext = random.nextInt(contextLives) * contextSpan;
  }

  get count(): number {
    return this.waiting.length + this.inRound.length + this.forwarded.size + this.forwardedBefore.size;
  }

  makeContext(): number {
    return this.nextContext++;
  }
}

function refused(token: number): ReadState {
  return { token };
}

/** Takes a read of this process. The answer comes with a Ready; one without an index is a refusal. */
export function readIndex(s: CoreState, token: number): void {
  const { reads, outbox } = s;
  if (reads.count >= pendingReadsMax) {
    outbox.reads.push(refused(token));
  } else if (s.role === 'leader') {
    reads.waiting.push({ to: 0, token });
  } else if (s.role === 'follower' && s.leader !== 0) {
    const context = reads.makeContext();
    reads.forwarded.set(context, token);
    s.send({ type: 'readIndex', group: s.config.group, from: s.id, to: s.leader, term: s.term, context });
  } else {
    outbox.reads.push(refused(token));
  }
}

/** A member asks for a read index. Its term does not matter: what counts is that we lead now. */
export function onReadIndex(s: CoreState, from: NodeId, context: number): void {
  if (s.role === 'leader' && s.reads.count < pendingReadsMax) s.reads.waiting.push({ to: from, token: context });
  else respond(s, from, context, undefined);
}

/**
 * The leader's answer. Only one from the leader of our present term counts, and only to what was asked in this term:
 * `dropReads` refuses everything that was forwarded as soon as the term or the leader changes.
 */
export function onReadIndexResponse(s: CoreState, from: NodeId, context: number, index: Index | undefined): void {
  if (from !== s.leader || s.role !== 'follower') return;
  const { reads } = s;
  const token = reads.forwarded.get(context) ?? reads.forwardedBefore.get(context);
  if (token === undefined) return;
  reads.forwarded.delete(context);
  reads.forwardedBefore.delete(context);
  s.outbox.reads.push(index === undefined ? refused(token) : { token, index });
}

/** Whether a round can begin: called when a turn is drained, so that all reads of the turn share one. */
export function readRoundDue(s: CoreState): boolean {
  const { reads } = s;
  return reads.waiting.length > 0 && reads.inRound.length === 0 && s.role === 'leader' && s.log.commit >= s.termStart;
}

/** Begins the next round. The caller sends heartbeats with the returned position. */
export function beginReadRound(s: CoreState): number {
  const { reads } = s;
  reads.inRound = reads.waiting;
  reads.waiting = [];
  reads.roundIndex = s.log.commit;
  reads.roundPosition = nextPosition(s);
  return reads.roundPosition;
}

/**
 * What the heartbeats of a tick carry. They repeat the position of the round in flight, so that a lost one delays its
 * reads and never loses them. A lease is renewed by each tick, and needs a new position for that: its answer confirms
 * the round too, since it was sent later.
 */
export function heartbeatContext(s: CoreState): number {
  if (s.takesLeases) return nextPosition(s);
  return s.reads.inRound.length > 0 ? s.reads.roundPosition : 0;
}

function nextPosition(s: CoreState): number {
  const { reads, outbox } = s;
  reads.position++;
  outbox.position = reads.position;
  const self = s.members.get(s.id);
  if (self !== undefined) {
    self.readAck = reads.position;
    self.promiseAck = reads.position;
  }
  return reads.position;
}

/** Answers the round in flight if a quorum has confirmed it. */
export function maybeFinishReadRound(s: CoreState): void {
  const { reads } = s;
  if (reads.inRound.length === 0 || !s.members.readConfirmed(reads.roundPosition)) return;
  const index = reads.roundIndex;
  for (const { to, token } of reads.inRound) {
    if (to === 0) s.outbox.reads.push({ token, index });
    else respond(s, to, token, index);
  }
  reads.inRound = [];
}

/**
 * Refuses every read that waits: the leader or the term they rely on is gone. Members that asked us find out by
 * themselves.
 */
export function dropReads(s: CoreState): void {
  const { reads, outbox } = s;
  for (const { to, token } of reads.inRound) if (to === 0) outbox.reads.push(refused(token));
  for (const { to, token } of reads.waiting) if (to === 0) outbox.reads.push(refused(token));
  reads.inRound = [];
  reads.waiting = [];
  refuseAll(s, reads.forwardedBefore);
  refuseAll(s, reads.forwarded);
  reads.forwardedElapsed = 0;
}

/** A request or its answer can be lost. What a leader has not answered for an election timeout or two is refused. */
export function tickForwardedReads(s: CoreState): void {
  const { reads } = s;
  if (reads.forwarded.size === 0 && reads.forwardedBefore.size === 0) return;
  if (++reads.forwardedElapsed < s.config.electionTicks) return;
  reads.forwardedElapsed = 0;
  refuseAll(s, reads.forwardedBefore);
  const emptied = reads.forwardedBefore;
  reads.forwardedBefore = reads.forwarded;
  reads.forwarded = emptied;
}

function refuseAll(s: CoreState, forwarded: Map<number, number>): void {
  for (const token of forwarded.values()) s.outbox.reads.push(refused(token));
  forwarded.clear();
}

function respond(s: CoreState, to: NodeId, context: number, index: Index | undefined): void {
  s.send({
    type: 'readIndexResponse',
    group: s.config.group,
    from: s.id,
    to,
    term: s.term,
    context,
    ...(index === undefined ? {} : { index }),
  });
}
