import { defaultCoreConfig } from '../core/config.js';
import { RaftCore } from '../core/core.js';
import { emptyConf } from '../core/membership.js';
import type { CoreConfig } from '../core/ready.js';
import { promiseMs } from './leader-lease.js';
import type { NodeParts } from './node-parts.js';
import { electionTicks } from './options.js';

/** The core's configuration: a tick is a heartbeat interval. */
export function coreConfig({ options, core }: NodeParts): CoreConfig {
  const { leaderPriority, leaseReads, heartbeatMs } = options;
  const timing = { electionTicks: electionTicks(options), heartbeatTicks: 1 };
  const config = { ...defaultCoreConfig, ...timing, leaderPriority, ...core };
  return { ...config, leasePromiseMs: leaseReads ? promiseMs(config.electionTicks, heartbeatMs) : 0 };
}

/** A core that goes on where log and state machine stand. @throws CoterieError ERR_CORRUPT, ERR_INVALID_ARGUMENT */
export function startCore(parts: NodeParts, config: CoreConfig): RaftCore {
  const { loaded, machine } = parts;
  const applied = machine.applied();
  return new RaftCore({
    id: parts.id,
    config,
    random: parts.random,
    // The commit index is not synced by itself, so after a crash it may be behind what the checkpoint has applied.
    hardState: { ...loaded.hardState, commit: Math.max(loaded.hardState.commit, applied.index) },
    conf: machine.cluster()?.conf ?? loaded.conf ?? emptyConf,
    start: loaded.start,
    entries: loaded.entries,
    applied: applied.index,
    ...(parts.trace === undefined ? {} : { trace: parts.trace }),
  });
}
