import { CoterieError } from '@coterie/errors';
import type { Member } from '../membership/member-record.js';
import type { Deadlines } from './deadlines.js';
import type { Clock, NodeId, RaftNode } from '@coterie/raft';

interface Timing {
  readonly ports: { readonly clock: Clock };
  readonly options: { readonly electionTimeoutMs: number };
}

/** How often it is looked whether another one leads. */
const pollMs = 5;

/**
 * The newest member of a name: a wiped disk's earlier id may stand beside it for a while.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT
 */
export function memberNamed(members: readonly Member[], name: string): NodeId {
  const id = members.findLast((member) => member.name === name)?.id;
  if (id !== undefined) return id;
  const message = `'${name}' is no member (${members.map((member) => member.name).join(', ')})`;
  throw new CoterieError('ERR_INVALID_ARGUMENT', { message, argument: 'to' });
}

/**
 * Moves leadership to a voter that is caught up, the best prepared one unless told (thesis §3.10). A follower asks its
 * leader, and asks again after every election timeout in which nothing came of it: the wish may have been lost.
 *
 * @param to 0: whoever is best prepared
 * @returns what stops waiting
 */
export function handOver(
  node: RaftNode,
  { ports: { clock }, options: { electionTimeoutMs } }: Timing,
  to: NodeId,
  resolve: (value: undefined) => void,
  reject: (error: Error) => void,
): (() => void) | undefined {
  const from = node.leader;
  if (to !== 0 && to === from) {
    resolve(undefined);
    return undefined;
  }
  const asked = node.isLeader;
  if (!node.transferLeadership(to)) {
    reject(new CoterieError('ERR_NO_LEADER', { message: whyNot(from) }));
    return undefined;
  }
  let askedMs = clock.now();
  const stop = (): void => clock.clearInterval(timer);
  const timer = clock.setInterval(() => {
    const { leader } = node;
    if (leader !== 0 && (to === 0 ? leader !== from : leader === to)) {
      stop();
      resolve(undefined);
    } else if (asked && node.isLeader && node.status().transferee === 0) {
      stop();
      reject(new CoterieError('ERR_TIMEOUT', { message: 'the voter did not take over within an election timeout' }));
    } else if (asked && leader !== 0 && leader !== from) {
      // Another one than was meant won; it is not ours to depose.
      stop();
      resolve(undefined);
    } else if (!asked && clock.now() - askedMs > electionTimeoutMs) {
      askedMs = clock.now();
      node.transferLeadership(to);
    }
  }, pollMs);
  return stop;
}

function whyNot(leader: NodeId): string {
  if (leader === 0) return 'there is no leader that could hand leadership over';
  return 'there is no such voter to hand leadership to';
}

/**
 * Once, and whatever comes of it. The deadline is its own, because that takes the poll's timer away when nobody takes
 * over.
 */
export async function tryHandOver(
  node: RaftNode,
  timing: Timing,
  deadlines: Deadlines,
  timeoutMs: number,
): Promise<void> {
  await deadlines
    .run<undefined>('the hand-over', {}, timeoutMs, (resolve, reject) => handOver(node, timing, 0, resolve, reject))
    .catch(() => undefined);
}
