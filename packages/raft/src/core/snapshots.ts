import { acknowledge } from './follower.js';
import type { NodeId, SnapshotMeta } from './messages.js';
import { becomeFollower } from './roles.js';
import type { CoreState } from './state.js';
import { traceSnapshot } from './trace.js';

/**
 * Makes a snapshot that has been received, and is durable beside the running state, the beginning of the log.
 *
 * Nothing behind it is handed out to be applied before its mark is durable: a state machine at the snapshot with a log
 * that does not know of it could not start again (etcd #10219). A snapshot whose configuration does not name this
 * member is taken all the same: its index is that of a checkpoint, and the entry that added us may come after it.
 *
 * @returns false when the log holds as much already
 */
export function restoreSnapshot(s: CoreState, meta: SnapshotMeta, from: NodeId): boolean {
  const { log } = s;
  // What a leader's log holds is never behind anybody's snapshot.
  if (s.role === 'leader') return false;
  if (meta.index <= log.commit) {
    acknowledge(s, from, log.commit);
    return false;
  }
  if (log.matches(meta.index, meta.term)) {
    // The entries are here; only the commit index was behind. Restoring would throw away the tail behind the snapshot.
    log.commitTo(meta.index);
    acknowledge(s, from, log.commit);
    return false;
  }
  if (s.role !== 'follower') becomeFollower(s, s.term, 0);
  s.durability.replaced();
  log.restore(meta.index, meta.term);
  s.outbox.stageSnapshot(meta);
  traceSnapshot(s, 'Receive', from, meta.index);
  acknowledge(s, from, meta.index);
  return true;
}

/**
 * The mark of a snapshot is durable, and the state machine has been switched to it. Only now its configuration is in
 * force: until here the machine may still have applied changes from before the snapshot, on top of the configuration
 * that they belong to.
 */
export function snapshotDurable(s: CoreState, meta: SnapshotMeta): void {
  s.outbox.snapshotDurable();
  s.log.applied = Math.max(s.log.applied, meta.index);
  s.members.switchTo(meta.conf, s.log.lastIndex);
  s.confIndex = meta.index;
}
