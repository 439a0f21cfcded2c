import type { ConfState } from '@coterie/raft';

/** Whether those for whom `has` holds are a quorum: a majority of each half. Written for clearness, not for speed. */
export function isQuorum(conf: ConfState, has: (id: number) => boolean): boolean {
  return [conf.voters, conf.votersOutgoing].every(
    (half) => half.length === 0 || 2 * half.filter((id) => has(id)).length > half.length,
  );
}

/** More voters than this in two configurations together are not compared: every subset is tried. */
const comparedMax = 14;

/** Whether every quorum of one configuration meets every quorum of the other. */
export function quorumsMeet(one: ConfState, other: ConfState): boolean {
  const ids = [...new Set([one, other].flatMap(({ voters, votersOutgoing }) => [...voters, ...votersOutgoing]))];
  if (ids.length > comparedMax) return true;
  for (let subset = 0; subset < 1 << ids.length; subset++) {
    const inside = (id: number): boolean => (subset & (1 << ids.indexOf(id))) !== 0;
    if (isQuorum(one, inside) && isQuorum(other, (id) => !inside(id))) return false;
  }
  return true;
}
