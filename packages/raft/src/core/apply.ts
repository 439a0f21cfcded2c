import { invariant } from '@coterie/errors';
import { nextConf } from './membership.js';
import type { ConfState, Index } from './messages.js';
import { maybeProposeLeave, releaseQuota } from './proposals.js';
import { maybeFinishReadRound } from './read-index.js';
import type { ConfChange } from './ready.js';
import { broadcastAppend, maybeCommit, sendAppend } from './replication.js';
import { becomeFollower } from './roles.js';
import type { CoreState } from './state.js';
import { traceConf } from './trace.js';
import { abortTransferToNonVoter } from './transfer.js';

/** The state machine has applied everything up to `index`. Late news of entries before a snapshot are no news. */
export function applied(s: CoreState, index: Index): void {
  const { log } = s;
  invariant(index <= log.handed, 'only what was handed out is applied', { index, handed: log.handed });
  if (index > log.applied) {
    releaseQuota(s, log.applied + 1, index);
    log.applied = index;
  }
  maybeProposeLeave(s);
}

/**
 * Puts a committed membership change in force.
 *
 * It must come to the same on every member and can never be refused any more, so a change that makes no sense on top of
 * the present configuration changes nothing. One at or before `confIndex` is in force already, by the snapshot that
 * this member started from.
 */
export function applyConfChange(s: CoreState, change: ConfChange, at: Index): ConfState {
  const { members } = s;
  if (at <= s.confIndex) return members.conf;
  s.confIndex = at;
  const next = nextConf(members.conf, change);
  if (!next.ok) return members.conf;
  members.switchTo(next.conf, s.log.lastIndex);
  traceConf(s, change, next.conf);
  if (s.role === 'leader') leadOn(s);
  return members.conf;
}

/** What a leader does about a new configuration. */
function leadOn(s: CoreState): void {
  const self = s.members.get(s.id);
  if (self === undefined || self.learner) {
    // It may still commit with the votes of others; without the option it does so until it is deposed.
    if (s.config.stepDownOnRemoval) becomeFollower(s, s.term, 0);
    return;
  }
  if (maybeCommit(s)) {
    // Fewer voters may make entries committed at once.
    broadcastAppend(s);
  } else {
    // New members need not wait for the next heartbeat.
    for (const progress of s.members.all) if (progress.id !== s.id) sendAppend(s, progress, false);
  }
  maybeFinishReadRound(s);
  abortTransferToNonVoter(s);
}
