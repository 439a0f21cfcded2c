import type { ConfState, NodeId } from '@coterie/raft';

/** A member's word is believed for so long: it may be started again with an earlier build. */
const freshMs = 3000;

/** What each member said of the feature levels that it knows, on the member that leads. */
export class SupportedLevels {
  readonly #heard = new Map<NodeId, { readonly level: number; readonly atMs: number }>();

  /** A member that does not say knows the first level only. */
  heard(member: NodeId, level: number | undefined, nowMs: number): void {
    this.#heard.set(member, { level: level ?? 1, atMs: nowMs });
  }

  /**
   * The highest level that all members, learners too, know, and who they are: apply raises only if nobody else is a
   * member by then. Undefined while one of them has not been heard of lately.
   */
  common(conf: ConfState, nowMs: number): { readonly level: number; readonly members: readonly NodeId[] } | undefined {
    const members = [...new Set([...conf.voters, ...conf.votersOutgoing, ...conf.learners, ...conf.learnersNext])];
    for (const known of this.#heard.keys()) if (!members.includes(known)) this.#heard.delete(known);
    let level = Infinity;
    for (const member of members) {
      const heard = this.#heard.get(member);
      if (heard === undefined || nowMs - heard.atMs > freshMs) return undefined;
      level = Math.min(level, heard.level);
    }
    return members.length === 0 ? undefined : { level, members };
  }
}
