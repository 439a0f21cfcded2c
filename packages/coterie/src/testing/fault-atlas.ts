import type { ConfState, CoreStatus, NodeId } from '@coterie/raft';
import type { SimMember } from './sim-member.js';

/** What the atlas looks at: the members that run. */
export interface AtlasWorld {
  readonly alive: readonly SimMember[];
  readonly names: readonly string[];
}

/**
 * What may be damaged or lost so that the cluster must still recover.
 *
 * A member whose disk is damaged is to stop and never to vote again under its id, so for Raft it is a member that has
 * failed for good: as long as a majority of every configuration in force has never been struck, whatever was committed
 * is on a disk of that majority, and a leader that has it can be elected (Raft §5.4.1: a candidate needs the votes of
 * the whole undamaged majority or of a part of it that holds every committed entry). Members that merely crash come
 * back and do not count.
 *
 * What is struck is remembered by member id, so that a new disk under a new id is a new voter and the old one's failure
 * ends when its id leaves the configuration.
 */
export class FaultAtlas {
  readonly #world: AtlasWorld;
  readonly #lost = new Set<NodeId>();

  constructor(world: AtlasWorld) {
    this.#world = world;
  }

  /**
   * Whether this member's disk may be damaged or lost now.
   *
   * Refused while anybody is down, or they do not agree on term, leader, configuration and log: a change of the members
   * may then be on its way to which this disk matters more.
   */
  mayLose(member: SimMember): boolean {
    const own = member.engine.replica?.node.status();
    if (own === undefined || member.dead || this.#lost.has(own.id)) return false;
    const { alive, names } = this.#world;
    if (alive.length < names.length || own.leader === 0 || own.conf.votersOutgoing.length > 0) return false;
    const seen = alive.flatMap(({ engine }) => engine.replica?.node.status() ?? []);
    if (seen.some((status) => !agree(own, status))) return false;
    const { conf } = own;
    const running = new Set(seen.map(({ id }) => id));
    if (!isMajority(conf.voters, (id) => running.has(id))) return false;
    // A learner may be a voter before long, one that is struck before those that are not.
    const struck = (id: NodeId): boolean => id === own.id || this.#lost.has(id);
    return isMajority([...conf.voters, ...conf.learners.filter(struck)], (id) => !struck(id));
  }

  /** Whether nobody in a configuration was struck: only then may somebody be taken out of it. */
  isUnharmed({ voters, votersOutgoing, learners }: ConfState): boolean {
    return [...voters, ...votersOutgoing, ...learners].every((id) => !this.#lost.has(id));
  }

  /** This member's disk is damaged or lost, or may be any moment. @returns its id, for {@link spare} */
  lose(member: SimMember): NodeId | undefined {
    const id = member.engine.replica?.node.status().id;
    if (id !== undefined) this.#lost.add(id);
    return id;
  }

  /** The damage that was to come did not. */
  spare(id: NodeId | undefined): void {
    if (id !== undefined) this.#lost.delete(id);
  }
}

function agree(a: CoreStatus, b: CoreStatus): boolean {
  const same = a.term === b.term && a.leader === b.leader && a.applied === b.applied;
  return same && b.applied === b.lastIndex && b.conf.votersOutgoing.length === 0 && sameMembers(a.conf, b.conf);
}

function sameMembers(a: ConfState, b: ConfState): boolean {
  return a.voters.join() === b.voters.join() && a.learners.join() === b.learners.join();
}

function isMajority(voters: readonly NodeId[], counts: (id: NodeId) => boolean): boolean {
  return voters.filter(counts).length * 2 > voters.length;
}
