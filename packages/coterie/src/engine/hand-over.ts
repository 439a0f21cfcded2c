import { CoterieError } from '@coterie/errors';
import type { Member } from '../membership/member-record.js';
import type { Deadlines } from './deadlines.js';
import type { Clock, CoreStatus, NodeId, RaftNode } from '@coterie/raft';

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
 * Moves leadership to a voter that is caught up, the furthest one unless told (thesis §3.10).
 *
 * @returns what stops waiting
 */
export function handOver(
  node: RaftNode,
  clock: Clock,
  to: NodeId | undefined,
  resolve: (value: undefined) => void,
  reject: (error: Error) => void,
): (() => void) | undefined {
  const status = node.status();
  if (to === status.leader && to !== 0) {
    resolve(undefined);
    return undefined;
  }
  if (status.role !== 'leader') {
    reject(
      new CoterieError('ERR_NO_LEADER', {
        message: 'only the leader can hand leadership over, and this member does not lead',
      }),
    );
    return undefined;
  }
  const target = to ?? furthestVoter(status);
  if (target === undefined || !node.transferLeadership(target)) {
    reject(new CoterieError('ERR_NO_LEADER', { message: 'there is no other voter to hand leadership to' }));
    return undefined;
  }
  const stop = (): void => clock.clearInterval(timer);
  const timer = clock.setInterval(() => {
    const now = node.status();
    if (now.role === 'leader' && now.transferee !== 0) return;
    if (now.role !== 'leader' && now.leader === 0) return;
    stop();
    if (now.role !== 'leader') resolve(undefined);
    else reject(new CoterieError('ERR_TIMEOUT', { message: 'the voter did not take over within an election timeout' }));
  }, pollMs);
  return stop;
}

/**
 * Once, and whatever comes of it. The deadline is its own, because that takes the poll's timer away when nobody takes
 * over.
 */
export async function tryHandOver(
  node: RaftNode,
  clock: Clock,
  deadlines: Deadlines,
  timeoutMs: number,
): Promise<void> {
  await deadlines
    .run<undefined>('the hand-over', {}, timeoutMs, (resolve, reject) =>
      handOver(node, clock, undefined, resolve, reject),
    )
    .catch(() => undefined);
}

function furthestVoter(status: CoreStatus): NodeId | undefined {
  let best: { readonly id: NodeId; readonly match: number } | undefined;
  for (const { id, match, learner, recentActive } of status.progress) {
    if (id === status.id || learner || !recentActive) continue;
    if (best === undefined || match > best.match) best = { id, match };
  }
  return best?.id;
}
