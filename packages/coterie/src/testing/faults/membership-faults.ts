import type { ConfChange, CoreStatus, RaftNode } from '@coterie/raft';
import type { SimMember } from '../sim-member.js';
import { FaultFamily, shuffled } from './fault-family.js';

const mendEveryMs = 500;
/** How long after a joint change was proposed its leader may still die of it. */
const interruptWithinMs = 2000;

/**
 * The cluster changes under load: members demoted, promoted and removed, one at a time and several in a joint change,
 * leadership handed to anybody. A removed member runs on until it notices; then its disk is wiped and it joins anew.
 */
export class MembershipFaults extends FaultFamily {
  override readonly counts = [
    ...['leadership transfer asked', 'member demoted', 'member promoted', 'member removed', 'several members changed'],
    'leader died in a joint change',
    ...[
      'joint change left by hand',
      'removed member stopped',
      'removed member restarted',
      'removed member joined anew',
    ],
  ];
  /** Nobody is let in and no joint change is left while the cluster must bear what it has. */
  #frozen = false;

  override start(): void {
    if (this.world.names.length < 2) return;
    const random = this.random;
    const transferMs = random.pick([0, 2000, 10_000]);
    if (transferMs > 0) this.strikes(transferMs, () => this.#transfer());
    const changeMs = random.pick([0, 0, 1000, 5000, 15_000]);
    if (changeMs === 0) return;
    const kinds = this.#kinds().filter(() => random.chance(0.7));
    if (kinds.length > 0) this.strikes(changeMs, () => this.#change(random.pick(kinds)));
    this.#mend();
  }

  override freeze(): void {
    this.stopped = true;
    this.#frozen = true;
  }

  /** Who was removed joins again, and joint changes are left: this goes on until the end of the run. */
  override stop(): void {
    super.stop();
    this.#frozen = false;
  }

  #transfer(): void {
    const node = this.#leader();
    if (node === undefined) return;
    // To learners and to those far behind, too: a refusal or a deadline is the answer.
    const { voters, learners } = node.status().conf;
    const taken = node.transferLeadership(this.random.pick([...voters, ...learners]));
    if (taken) this.world.counts.add('leadership transfer asked');
  }

  #kinds(): ((node: RaftNode, status: CoreStatus) => void)[] {
    return [
      (node, { conf }) => this.#step(node, 'addLearner', conf.voters, 'member demoted'),
      (node, { progress }) => this.#step(node, 'addVoter', caughtUp(progress), 'member promoted'),
      (node, { conf }) => this.#step(node, 'remove', [...conf.voters, ...conf.learners], 'member removed'),
      (node, { conf }) => this.#several(node, conf.voters),
      (node, { conf, progress }) => this.#replace(node, conf.voters, caughtUp(progress)),
    ];
  }

  #change(kind: (node: RaftNode, status: CoreStatus) => void): void {
    const node = this.#leader();
    if (node === undefined) return;
    const status = node.status();
    // Nobody takes a member away while the disk of another one is lost and not replaced: that may cost the majority.
    const intact = new Set(this.world.enrolled.values());
    if (!status.conf.voters.every((id) => intact.has(id)) || !this.world.atlas.isUnharmed(status.conf)) return;
    // Two of them at least stay: a cluster of one has nobody to bring it back.
    if (status.conf.voters.length > 2 || status.conf.learners.length > 0) kind(node, status);
  }

  #step(node: RaftNode, op: 'addLearner' | 'addVoter' | 'remove', ids: readonly number[], what: string): void {
    if (ids.length === 0) return;
    this.#propose(node, [{ op, id: this.random.pick(ids) }], what);
  }

  #several(node: RaftNode, voters: readonly number[]): void {
    if (voters.length < 4) return;
    const [removed, demoted] = shuffled(this.random, voters);
    const steps = [
      { op: 'remove', id: removed! },
      { op: 'addLearner', id: demoted! },
    ] as const;
    this.#propose(node, steps, 'several members changed');
  }

  /** A voter becomes a learner and a learner takes its place, at once. */
  #replace(node: RaftNode, voters: readonly number[], learners: readonly number[]): void {
    if (learners.length === 0) return;
    const steps = [
      { op: 'addVoter', id: this.random.pick(learners) },
      { op: 'addLearner', id: this.random.pick(voters) },
    ] as const;
    this.#propose(node, steps, 'several members changed');
  }

  #propose(node: RaftNode, steps: ConfChange['steps'], what: string): void {
    const transition = this.random.pick(['auto', 'auto', 'implicit', 'explicit'] as const);
    if (!node.changeMembership({ transition, steps }, []).ok) return;
    this.world.counts.add(what);
    this.world.confChanges++;
    if (steps.length > 1 && this.random.chance(0.4)) this.#interrupt(this.world.time.now + interruptWithinMs);
  }

  /** The leader dies as soon as the joint configuration is in force: whoever comes next has to leave it. */
  #interrupt(untilMs: number): void {
    this.world.time.schedule(1 + this.random.nextInt(10), () => {
      const { leader, time } = this.world;
      if (this.stopped || time.now >= untilMs) return;
      if (leader === undefined || nodeOf(leader).status().conf.votersOutgoing.length === 0) {
        this.#interrupt(untilMs);
        return;
      }
      this.world.counts.add('leader died in a joint change');
      this.world.die(leader.name, this.random.chance(0.5) ? 'power' : 'kill');
      this.bootLater(leader.name, [3000]);
    });
  }

  // ------------------------------------------------------------------------------------------------------- afterwards

  /** What an operator does after changes: leaves a joint one, brings back who was removed. */
  #mend(): void {
    this.world.time.schedule(mendEveryMs, () => {
      if (!this.#frozen) {
        this.#leaveJoint();
        for (const member of this.world.alive) if (member.removed) this.#bringBack(member);
      }
      this.#mend();
    });
  }

  #leaveJoint(): void {
    const node = this.#leader();
    const conf = node?.status().conf;
    if (conf === undefined || conf.votersOutgoing.length === 0 || conf.autoLeave) return;
    if (!this.stopped && this.random.chance(0.7)) return;
    if (node!.changeMembership({ transition: 'auto', steps: [] }, []).ok) {
      this.world.counts.add('joint change left by hand');
    }
  }

  #bringBack(member: SimMember): void {
    const { counts, time } = this.world;
    counts.add('removed member stopped');
    // On its old disk first, sometimes: it must find out again, and never vote in between.
    const again = !this.stopped && this.random.chance(0.3);
    this.world.die(member.name, again ? 'kill' : 'wipe');
    counts.add(again ? 'removed member restarted' : 'removed member joined anew');
    time.schedule(this.random.nextInt(2000), () => {
      if (!this.#frozen && !this.world.running.has(member.name)) this.world.boot(member.name);
    });
  }

  #leader(): RaftNode | undefined {
    return this.world.leader?.engine.replica?.node;
  }
}

function nodeOf(member: SimMember): RaftNode {
  return member.engine.replica!.node;
}

/** A learner that has answered: one that is gone would cost a small cluster its quorum, and no operator promotes it. */
function caughtUp(progress: CoreStatus['progress']): readonly number[] {
  return progress
    .filter(({ learner, recentActive, match }) => learner && recentActive && match > 0)
    .map(({ id }) => id);
}
