import type { ConfState, NodeId } from './messages.js';
import type { ConfChange, ConfChangeStep } from './ready.js';

/** Why a change cannot be made on top of a configuration. */
export type ConfProblem =
  'noVoters' | 'severalVoters' | 'alreadyJoint' | 'nothingToLeave' | 'simpleInJoint' | 'jointFromNothing';

/** The configuration after a change, or why there is none. */
export type ConfResult =
  { readonly ok: true; readonly conf: ConfState } | { readonly ok: false; readonly problem: ConfProblem };

/** A configuration of nobody: what a new member starts from. */
export const emptyConf: ConfState = Object.freeze({
  voters: Object.freeze([]),
  votersOutgoing: Object.freeze([]),
  learners: Object.freeze([]),
  learnersNext: Object.freeze([]),
  autoLeave: false,
});

export function isJoint(conf: ConfState): boolean {
  return conf.votersOutgoing.length > 0;
}

/** Everybody in a configuration, ascending. */
export function memberIds(conf: ConfState): NodeId[] {
  return sorted(new Set([...conf.voters, ...conf.votersOutgoing, ...conf.learners]));
}

function sorted(ids: Iterable<NodeId>): NodeId[] {
  return [...ids].sort((a, b) => a - b);
}

/** A configuration taken apart into sets, while steps are made on it. */
class Draft {
  readonly voters: Set<NodeId>;
  readonly outgoing: Set<NodeId>;
  readonly learners: Set<NodeId>;
  readonly learnersNext: Set<NodeId>;

  constructor(
    conf: ConfState,
    private readonly autoLeave: boolean,
  ) {
    this.voters = new Set(conf.voters);
    this.outgoing = new Set(conf.votersOutgoing);
    this.learners = new Set(conf.learners);
    this.learnersNext = new Set(conf.learnersNext);
  }

  make(steps: readonly ConfChangeStep[]): void {
    for (const { op, id } of steps) {
      // Id 0 is nobody; a step whose placeholder nobody resolved must not add one.
      if (id === 0) continue;
      if (op === 'addVoter') this.addVoter(id);
      else if (op === 'addLearner') this.addLearner(id);
      else this.remove(id);
    }
  }

  freeze(): ConfState {
    return {
      voters: sorted(this.voters),
      votersOutgoing: sorted(this.outgoing),
      learners: sorted(this.learners),
      learnersNext: sorted(this.learnersNext),
      autoLeave: this.autoLeave,
    };
  }

  private addVoter(id: NodeId): void {
    this.remove(id);
    this.voters.add(id);
  }

  private addLearner(id: NodeId): void {
    this.remove(id);
    // As long as the outgoing half counts its vote it is no learner: a member is never both.
    if (this.outgoing.has(id)) this.learnersNext.add(id);
    else this.learners.add(id);
  }

  private remove(id: NodeId): void {
    this.voters.delete(id);
    this.learners.delete(id);
    this.learnersNext.delete(id);
  }
}

/** How many members are a voter in one of the two and not in the other. */
function votersMoved(before: readonly NodeId[], after: readonly NodeId[]): number {
  const old = new Set(before);
  let kept = 0;
  for (const id of after) if (old.has(id)) kept++;
  return before.length + after.length - 2 * kept;
}

/**
 * Makes the steps at once. Safe without a joint configuration only while at most one voter moves: old and new
 * majorities meet.
 */
export function changeSimple(conf: ConfState, steps: readonly ConfChangeStep[]): ConfResult {
  if (isJoint(conf)) return { ok: false, problem: 'simpleInJoint' };
  const draft = new Draft(conf, false);
  draft.make(steps);
  if (draft.voters.size === 0) return { ok: false, problem: 'noVoters' };
  const after = draft.freeze();
  if (votersMoved(conf.voters, after.voters) > 1) return { ok: false, problem: 'severalVoters' };
  return { ok: true, conf: after };
}

/** Enters the joint configuration of the present one and the one that the steps make (thesis §4.3). */
export function enterJoint(conf: ConfState, steps: readonly ConfChangeStep[], autoLeave: boolean): ConfResult {
  if (isJoint(conf)) return { ok: false, problem: 'alreadyJoint' };
  if (conf.voters.length === 0) return { ok: false, problem: 'jointFromNothing' };
  const draft = new Draft({ ...conf, votersOutgoing: conf.voters }, autoLeave);
  draft.make(steps);
  if (draft.voters.size === 0) return { ok: false, problem: 'noVoters' };
  return { ok: true, conf: draft.freeze() };
}

/** Leaves a joint configuration: the outgoing half is gone, and its demoted voters are learners from now on. */
export function leaveJoint(conf: ConfState): ConfResult {
  if (!isJoint(conf)) return { ok: false, problem: 'nothingToLeave' };
  const draft = new Draft(conf, false);
  draft.outgoing.clear();
  for (const id of draft.learnersNext) draft.learners.add(id);
  draft.learnersNext.clear();
  return { ok: true, conf: draft.freeze() };
}

/**
 * The voters that the steps add, alone. What the old configuration was plays no part: its quorum is lost, and whoever
 * of it comes back is kept out by the cluster's new identity.
 */
function forceConf(steps: readonly ConfChangeStep[]): ConfResult {
  const draft = new Draft(emptyConf, false);
  draft.make(steps);
  return draft.voters.size === 0 ? { ok: false, problem: 'noVoters' } : { ok: true, conf: draft.freeze() };
}

/** The configuration after `change`. Depends on nothing but its arguments, so every member comes to the same one. */
export function nextConf(conf: ConfState, change: ConfChange): ConfResult {
  if (change.transition === 'forced') return forceConf(change.steps);
  if (change.steps.length === 0) return leaveJoint(conf);
  if (change.transition !== 'auto') return enterJoint(conf, change.steps, change.transition === 'implicit');
  const simple = changeSimple(conf, change.steps);
  return !simple.ok && simple.problem === 'severalVoters' ? enterJoint(conf, change.steps, true) : simple;
}
