import type { SettingRequest } from '../command/operation.js';
import type { CommandOutcome } from '../command/refusal.js';
import { replicatedLimits } from '../limits.js';
import type { BinaryKey, KeyRange } from '../store/types.js';
import { decodeCluster } from './cluster-codec.js';
import type { ReplicatedState } from './replicated-state.js';

/** Applies what a command says about the settings of the cluster. */
export function applySetting(request: SettingRequest, state: ReplicatedState): CommandOutcome {
  const done = { kind: request.kind, revision: state.revision } as const;
  const { quotas, chain } = state;
  switch (request.kind) {
    case 'setQuota': {
      const uncounted = quotas.set(request.prefix, request.bytes);
      if (uncounted === 'full') return { kind: 'refused', code: 'ERR_TOO_MANY_OPS', limit: replicatedLimits.quotas };
      chain.mixNumber(request.bytes);
      chain.mixText(request.prefix);
      // A quota that is set again while it is counted goes on where it was, by the commands that count it.
      if (uncounted?.start === request.range.start) count(request.prefix, request.range, state);
      return done;
    }
    case 'removeQuota':
      quotas.remove(request.prefix);
      chain.mixText(request.prefix);
      return done;
    case 'countQuota':
      // Only the count that is due: a second one from the same key, or of a quota that was removed, changes nothing.
      if (quotas.counts(request.prefix, request.range.start)) count(request.prefix, request.range, state);
      return done;
    case 'raiseLevel':
      if (request.level > state.featureLevel && areAll(request.members, state)) state.raiseLevel(request.level);
      return done;
  }
}

function count(prefix: BinaryKey, range: KeyRange, state: ReplicatedState): void {
  const allowed = replicatedLimits.quotaCountEntries;
  const found = state.scan(range, allowed + 1);
  state.quotas.count(prefix, found.slice(0, allowed), found.length <= allowed);
}

/** Whether nobody, voter or learner, is in the cluster of this entry but these. A store of one process has none. */
function areAll(members: readonly number[], state: ReplicatedState): boolean {
  const cluster = decodeCluster(state.cluster);
  if (cluster === undefined) return true;
  const { voters, votersOutgoing, learners, learnersNext } = cluster.conf;
  const present = [...voters, ...votersOutgoing, ...learners, ...learnersNext];
  return present.every((id) => members.includes(id));
}
