import type { Progress } from './progress.js';
import type { CoreState } from './state.js';

/**
 * Leases (thesis §6.4.1): while a quorum has promised to help no other leader, the leader may answer reads without a
 * round. The core has no clock: it counts who has confirmed which *position*, and the driver knows when that position
 * was sent. A lease counts from there, which is before any promise that answers it began.
 *
 * A promise holds for one election timeout of ticks and outlives what the follower knows of its leader: a later term
 * from a stray answer, an unreachable leader or a restart must not end it, because the leader counts on it. Only its
 * own wish does (a transfer), so it takes no lease while it may be handing over.
 *
 * It is enough to ask the quorum of the configuration that the leader has applied. Others are ahead of it by one change
 * at most, since none is proposed before the last is applied, and the quorums of neighbouring configurations meet.
 */
export function leasePosition(s: CoreState): number {
  if (s.role !== 'leader' || !s.takesLeases) return 0;
  // Without an entry of our own term the commit index may lag behind what was acknowledged (Raft §8).
  if (s.log.commit < s.termStart) return 0;
  // A member that was told to campaign may be slow to do so, or get the message late; until the term ends a lease could
  // overlap with its election, whatever has been confirmed since.
  if (s.transferee !== 0 || s.toldToCampaign) return 0;
  return s.members.promisedPosition();
}

/** Begins a promise to the leader just heard of. @returns what the answer says of it */
export function promise(s: CoreState): { readonly promiseMs?: number } {
  const { leasePromiseMs = 0 } = s.config;
  if (leasePromiseMs === 0) return {};
  s.promiseElapsed = 0;
  return { promiseMs: leasePromiseMs };
}

/** Whether this member stands by a promise, or may have forgotten one that it made before it was started. */
export function isPromised(s: CoreState): boolean {
  return s.promiseElapsed < s.config.electionTicks;
}

/**
 * A member has confirmed the position in its `readAck`. It counts for the lease if it promised for as long as the lease
 * may last: one with lease reads off, or with a shorter election timeout, does not.
 */
export function countPromise(s: CoreState, progress: Progress, promiseMs: number | undefined): void {
  if (s.takesLeases && promiseMs !== undefined && promiseMs >= (s.config.leasePromiseMs ?? 0)) {
    progress.promiseAck = progress.readAck;
  }
}
