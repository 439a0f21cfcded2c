import { emptyConf, memberIds, nextConf } from '../core/membership.js';
import type { Entry, NodeId } from '../core/messages.js';
import type { AppendBatch } from '../core/ready.js';
import type { LoadedLog } from '../ports/log-storage.js';
import type { ClusterState } from '../ports/state-machine.js';
import { decodeMemberChange, encodeMemberChange, nextMembers } from './member-records.js';

/**
 * The cluster as it stands when everything of a log is applied, on top of what the state machine holds.
 *
 * @param applied the machine's: changes up to there are in its cluster already
 * @throws CoterieError ERR_CORRUPT for a membership change that cannot be read
 */
export function clusterAtEnd(loaded: LoadedLog, cluster: ClusterState | undefined, applied: number): ClusterState {
  let state: ClusterState = cluster ?? { conf: loaded.conf ?? emptyConf, members: [] };
  for (const entry of loaded.entries) {
    if (entry.kind !== 'conf' || entry.index <= applied) continue;
    const { change, context } = decodeMemberChange(entry);
    const next = nextConf(state.conf, change);
    // As in apply: a change that makes no sense on top of the configuration changes nothing.
    const conf = next.ok ? next.conf : state.conf;
    state = { conf, members: nextMembers(state.members, change, context, conf) };
  }
  return state;
}

/** Everybody in a configuration, voters and learners, ascending. */
export function everybodyIn(cluster: ClusterState): readonly NodeId[] {
  return memberIds(cluster.conf);
}

/**
 * What ends a log that is recovered by force: a later term, everything before committed, and a configuration of one.
 *
 * Committing the whole tail is safe and loses nothing: an entry that this log knows not to be committed may have been
 * acknowledged by the majority that is lost, and one that was not had an unknown outcome. (hashicorp/raft's
 * RecoverCluster decides likewise; etcd's force-new-cluster drops the tail.)
 */
export function forcedBatch(loaded: LoadedLog, survivor: NodeId): AppendBatch & { readonly entries: readonly [Entry] } {
  const index = (loaded.entries.at(-1)?.index ?? loaded.start.index) + 1;
  const term = loaded.hardState.term + 1;
  const change = { transition: 'forced', steps: [{ op: 'addVoter', id: survivor }] } as const;
  const entry: Entry = { term, index, kind: 'conf', data: encodeMemberChange(change, []) };
  return { seq: 0, entries: [entry], hardState: { term, vote: survivor, commit: index }, mustSync: true };
}
