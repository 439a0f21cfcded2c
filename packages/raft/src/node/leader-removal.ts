import type { RaftCore } from '../core/core.js';
import { nextConf } from '../core/membership.js';
import type { NodeId } from '../core/messages.js';
import type { ConfChange, CoreStatus, ProposeResult } from '../core/ready.js';

/**
 * Proposes a membership change, unless it would take the leadership from this member: then it hands over first, and
 * refuses with `transferring`. Whoever leads next can be asked again.
 *
 * @param data `change` as the entry carries it
 */
export function proposeChange(core: RaftCore, change: ConfChange, data: Uint8Array): ProposeResult {
  const successor = successorBefore(change, core.status());
  if (successor === undefined || !core.transferLeadership(successor)) return core.proposeConfChange(data);
  return { ok: false, reason: 'transferring', leader: core.id };
}

/**
 * Who has to take over before this change may be proposed: the change removes or demotes the leader itself, and this is
 * the member that leads best afterwards.
 *
 * A change takes effect where it is applied, and the one who knows first that it is committed is the leader that
 * leaves. If it then stops, those who stay may still count its vote for a quorum: of two members the other one could
 * never be elected again (etcd issue 10563). A leader that stays tells everybody.
 *
 * @returns undefined when the leader stays, when the change makes no sense, or when nobody who stays votes already
 */
export function successorBefore(change: ConfChange, status: CoreStatus): NodeId | undefined {
  const { id, conf, progress, role } = status;
  const votes = new Set([...conf.voters, ...conf.votersOutgoing]);
  if (role !== 'leader' || !votes.has(id)) return undefined;
  const next = nextConf(conf, change);
  if (!next.ok || next.conf.voters.includes(id)) return undefined;
  const stay = progress.filter((each) => next.conf.voters.includes(each.id) && votes.has(each.id));
  const [best] = stay.sort((a, b) => Number(b.recentActive) - Number(a.recentActive) || b.match - a.match);
  return best?.id;
}
