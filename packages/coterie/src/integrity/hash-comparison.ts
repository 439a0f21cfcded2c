import type { StateHash } from '@coterie/mvcc';
import type { ConfState, NodeId } from '@coterie/raft';
import type { HashTriple } from '../membership/control-message.js';

/** What the comparison of all that is known comes to. */
export type HashVerdict =
  | { readonly kind: 'agree' }
  /** A majority of the voters holds another state at this index than this member does. */
  | { readonly kind: 'minority'; readonly index: number }
  /** Voters differ at this index, and no majority of them agrees. */
  | { readonly kind: 'split'; readonly index: number };

/** Members whose reports are kept: far more than a cluster has. */
const membersMax = 64;

/**
 * Compares the state hashes of members at equal index.
 *
 * Every member decides for itself from what all say, so that it needs nobody's word for who is wrong, and a leader is
 * judged like the others. A majority is one of all voters, not of those that have reported: two of five that agree show
 * nothing. Who is silent (down, behind, just restarted or restored from a snapshot, or of a build that does not send)
 * is in nobody's favour and raises no alarm by itself.
 */
export class HashComparison {
  readonly #self: NodeId;
  readonly #reports = new Map<NodeId, ReadonlyMap<number, string>>();

  constructor(self: NodeId) {
    this.#self = self;
  }

  /** What a member says of the last indexes at which hashes are kept; it replaces what it said before. */
  report(member: NodeId, hashes: readonly HashTriple[]): void {
    if (!this.#reports.has(member) && this.#reports.size >= membersMax) return;
    this.#reports.set(member, new Map(hashes.map(([index, chain, content]) => [index, `${chain}/${content}`])));
  }

  /** @param own the hashes of this member, oldest first */
  verdict(own: readonly StateHash[], conf: ConfState): HashVerdict {
    const halves = [conf.voters, conf.votersOutgoing].filter((voters) => voters.length > 0);
    const everybody = new Set([...conf.voters, ...conf.votersOutgoing]);
    for (const member of this.#reports.keys()) if (!everybody.has(member)) this.#reports.delete(member);
    for (const { index, chain, content } of own.toReversed()) {
      const mine = `${chain}/${content}`;
      const said = (member: NodeId): string | undefined =>
        member === this.#self ? mine : this.#reports.get(member)?.get(index);
      const agreed = halves.map((voters) => majorityOf(voters, said));
      const [first] = agreed;
      if (first !== undefined && agreed.every((value) => value === first)) {
        if (first !== mine) return { kind: 'minority', index };
      } else if (new Set([...everybody].flatMap((member) => said(member) ?? [])).size > 1) {
        return { kind: 'split', index };
      }
    }
    return { kind: 'agree' };
  }
}

/** What more than half of the voters say. */
function majorityOf(voters: readonly NodeId[], said: (member: NodeId) => string | undefined): string | undefined {
  const counts = new Map<string, number>();
  for (const voter of voters) {
    const value = said(voter);
    if (value === undefined) continue;
    const count = (counts.get(value) ?? 0) + 1;
    if (count * 2 > voters.length) return value;
    counts.set(value, count);
  }
  return undefined;
}
