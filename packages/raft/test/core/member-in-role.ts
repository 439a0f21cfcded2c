import { confOf, initOf, ScriptedCluster, testConfig } from './scripted-cluster.js';
import type { CoreConfig, Role } from '../../src/core/ready.js';

export const allRoles: readonly Role[] = ['follower', 'preCandidate', 'candidate', 'leader'];

/** The term in which `memberInRole` leaves everybody. */
export const roleTerm = 3;

/**
 * Three members of whom 1 is in this role in term 3: as a follower it follows 2, as a leader it has opened its term
 * with entry 1 on all of them. Nothing is on its way, and nothing is sticky unless `config` says so.
 */
export function memberInRole(role: Role, config: Partial<CoreConfig> = {}): ScriptedCluster {
  const all = { ...testConfig, checkQuorum: false, preVote: role === 'preCandidate', ...config };
  const hardState = { term: roleTerm - 1, vote: 0, commit: 0 };
  const ids = [1, 2, 3];
  const cluster = new ScriptedCluster(...ids.map((id) => initOf(id, confOf(ids), { config: all, hardState })));
  const core = cluster.core(1);
  if (role === 'leader') {
    cluster.elect(1);
  } else {
    if (role !== 'candidate') {
      core.step({ type: 'heartbeat', group: 0, from: 2, to: 1, term: roleTerm, commit: 0, context: 0 });
    }
    if (role !== 'follower') core.campaign();
  }
  cluster.dropAll();
  if (core.role !== role || core.term !== roleTerm) throw new Error(`${core.role} in term ${core.term}, not ${role}`);
  return cluster;
}
