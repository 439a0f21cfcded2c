import type { Index } from './messages.js';

/** How an election, or any question put to a quorum, stands. */
export type VoteResult = 'won' | 'lost' | 'pending';

/**
 * The highest index that a majority has reached.
 *
 * Sorts the first `count` numbers in place by insertion: configurations have at most a handful of voters, where this
 * beats every general sort and allocates nothing. An empty majority has reached everything, so that it never holds back
 * the other half of a joint configuration.
 *
 * @param matches what each voter has acknowledged; 0 for one that is not heard of yet
 */
export function majorityIndex(matches: number[], count: number): Index {
  if (count === 0) return Number.POSITIVE_INFINITY;
  for (let i = 1; i < count; i++) {
    const value = matches[i] as number;
    let at = i;
    for (; at > 0 && (matches[at - 1] as number) > value; at--) matches[at] = matches[at - 1] as number;
    matches[at] = value;
  }
  return matches[count - (count >> 1) - 1] as number;
}

/**
 * How a majority of `total` voters has decided when `granted` said yes and `rejected` said no. An empty one has always
 * won.
 */
export function majorityVote(granted: number, rejected: number, total: number): VoteResult {
  if (total === 0) return 'won';
  const quorum = (total >> 1) + 1;
  if (granted >= quorum) return 'won';
  return total - rejected < quorum ? 'lost' : 'pending';
}

/**
 * A joint configuration decides only when both of its halves do, and refuses as soon as one of them refuses (thesis
 * §4.3).
 */
export function jointVote(incoming: VoteResult, outgoing: VoteResult): VoteResult {
  if (incoming === outgoing) return incoming;
  return incoming === 'lost' || outgoing === 'lost' ? 'lost' : 'pending';
}
