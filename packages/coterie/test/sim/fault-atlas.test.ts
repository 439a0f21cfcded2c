import { describe, expect, it } from 'vitest';
import { FaultAtlas } from '../../src/testing/fault-atlas.js';
import type { SimMember } from '../../src/testing/sim-member.js';

/** All members run and agree. */
function membersOf(voters: readonly number[], learners: readonly number[]): readonly SimMember[] {
  const conf = { voters, votersOutgoing: [], learners, learnersNext: [], autoLeave: false };
  return [...voters, ...learners].map((id) => {
    const status = { id, term: 1, leader: voters[0], applied: 9, lastIndex: 9, conf };
    return { name: `m${id}`, dead: false, engine: { replica: { node: { status: () => status } } } };
  }) as unknown as readonly SimMember[];
}

function losable(voters: readonly number[], learners: readonly number[], lost: readonly number[] = []): number[] {
  const alive = membersOf(voters, learners);
  const atlas = new FaultAtlas({ alive, names: alive.map(({ name }) => name) });
  const idOf = (member: SimMember): number => member.engine.replica!.node.status().id;
  for (const member of alive) if (lost.includes(idOf(member))) atlas.lose(member);
  return alive.filter((member) => atlas.mayLose(member)).map(idOf);
}

describe('what may be lost', () => {
  it('is a minority of the voters', () => {
    expect(losable([1, 2, 3], [])).toEqual([1, 2, 3]);
    expect(losable([1, 2, 3], [], [1])).toEqual([]);
    expect(losable([1, 2, 3, 4, 5], [], [1])).toEqual([2, 3, 4, 5]);
  });

  // It was heard of a moment ago, so the leader may still make a voter of it.
  it('is no learner whose promotion would then cost the majority', () => {
    expect(losable([3], [1, 2])).toEqual([]);
    expect(losable([1, 2], [3])).toEqual([3]);
    expect(losable([1, 2, 3], [4, 5])).toEqual([1, 2, 3, 4, 5]);
    expect(losable([1, 2, 3], [4, 5], [4])).toEqual([5]);
  });
});
