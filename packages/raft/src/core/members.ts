import { Progress } from './progress.js';
import { jointVote, majorityIndex, majorityVote, type VoteResult } from './quorum.js';
import { emptyConf, isJoint, memberIds } from './membership.js';
import type { ConfState, Index, NodeId } from './messages.js';
import type { CoreConfig } from './ready.js';

/** The configuration in force, with what is known of each member. */
export class Members {
  conf: ConfState = emptyConf;
  /** Everybody, ascending by id: the order in which messages go out. */
  all: readonly Progress[] = [];
  private readonly byId = new Map<NodeId, Progress>();
  private incoming: readonly Progress[] = [];
  private outgoing: readonly Progress[] = [];
  private readonly scratch: number[] = [];

  constructor(private readonly config: CoreConfig) {}

  get(id: NodeId): Progress | undefined {
    return this.byId.get(id);
  }

  get joint(): boolean {
    return isJoint(this.conf);
  }

  isVoter(id: NodeId): boolean {
    const progress = this.byId.get(id);
    return progress !== undefined && (this.incoming.includes(progress) || this.outgoing.includes(progress));
  }

  /**
   * Puts another configuration in force. What is known of members that stay is kept.
   *
   * @param next where to start with new members
   */
  switchTo(conf: ConfState, next: Index): void {
    const all: Progress[] = [];
    const stay = new Set<NodeId>();
    for (const id of memberIds(conf)) {
      stay.add(id);
      let progress = this.byId.get(id);
      if (progress === undefined) {
        progress = new Progress(id, this.config);
        progress.reset(0, Math.max(next, 1));
        // As if just heard of, so that adding a member never makes a leader miss its quorum at once.
        progress.recentActive = true;
        this.byId.set(id, progress);
      }
      all.push(progress);
    }
    for (const id of [...this.byId.keys()]) if (!stay.has(id)) this.byId.delete(id);
    for (const progress of all) progress.learner = conf.learners.includes(progress.id);
    const pick = (ids: readonly NodeId[]): Progress[] => all.filter((progress) => ids.includes(progress.id));
    this.conf = conf;
    this.all = all;
    this.incoming = pick(conf.voters);
    this.outgoing = pick(conf.votersOutgoing);
  }

  /** The highest index that a quorum holds durably. */
  quorumIndex(): Index {
    const incoming = this.majorityMatch(this.incoming);
    return this.outgoing.length === 0 ? incoming : Math.min(incoming, this.majorityMatch(this.outgoing));
  }

  voteResult(): VoteResult {
    return this.ask((progress) => progress.vote);
  }

  /** Whether a quorum has been heard of since the last check. */
  quorumActive(): boolean {
    return this.ask((progress) => (progress.recentActive ? 1 : 0)) === 'won';
  }

  /** Whether a quorum has confirmed read `position`. */
  readConfirmed(position: number): boolean {
    return this.ask((progress) => (progress.readAck >= position ? 1 : 0)) === 'won';
  }

  /** The highest position that a quorum has confirmed with promises. */
  promisedPosition(): number {
    const incoming = this.majorityPromise(this.incoming);
    return this.outgoing.length === 0 ? incoming : Math.min(incoming, this.majorityPromise(this.outgoing));
  }

  private ask(answer: (progress: Progress) => 0 | 1 | 2): VoteResult {
    const incoming = tally(this.incoming, answer);
    return this.outgoing.length === 0 ? incoming : jointVote(incoming, tally(this.outgoing, answer));
  }

  private majorityMatch(voters: readonly Progress[]): Index {
    for (let i = 0; i < voters.length; i++) this.scratch[i] = (voters[i] as Progress).match;
    return majorityIndex(this.scratch, voters.length);
  }

  private majorityPromise(voters: readonly Progress[]): number {
    for (let i = 0; i < voters.length; i++) this.scratch[i] = (voters[i] as Progress).promiseAck;
    return majorityIndex(this.scratch, voters.length);
  }
}

function tally(voters: readonly Progress[], answer: (progress: Progress) => 0 | 1 | 2): VoteResult {
  let granted = 0;
  let rejected = 0;
  for (const voter of voters) {
    const said = answer(voter);
    if (said === 1) granted++;
    else if (said === 2) rejected++;
  }
  return majorityVote(granted, rejected, voters.length);
}
