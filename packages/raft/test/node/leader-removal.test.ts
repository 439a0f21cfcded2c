import { describe, expect, it } from 'vitest';
import { confOf } from '../core/scripted-cluster.js';
import type { ConfChange, CoreStatus } from '../../src/index.js';
import { successorBefore } from '../../src/node/leader-removal.js';
import { command, DriverWorld } from './driver-world.js';

const without = (id: number): ConfChange => ({ transition: 'auto', steps: [{ op: 'remove', id }] });

describe('a change that removes the leader', () => {
  it('of two waits until the other one leads, and leaves one that works', () => {
    const world = new DriverWorld(2, 30);
    const first = world.leader();
    world.run(500);
    expect(first.node.changeMembership(without(first.id), [])).toEqual({
      ...{ ok: false, reason: 'transferring', leader: first.id },
    });
    const second = world.members.find((member) => member !== first)!;
    world.until('the other one leads', () => second.node.isLeader);
    world.run(500);
    expect(second.node.changeMembership(without(first.id), []).ok).toBe(true);
    // As soon as it is committed the one who left is gone, whatever the other has heard.
    world.until('applied', () => second.node.status().conf.voters.length === 1);
    world.kill(first);
    world.run(5000);
    expect(second.node.isLeader).toBe(true);
    expect(second.node.submit([command('alone')]).ok).toBe(true);
    world.until('applied', () => second.machine.commands.includes('alone'));
  });

  const progressOf = (id: number, match: number, recentActive: boolean) => ({ id, match, recentActive });
  const status = (voters: number[], learners: number[] = []): CoreStatus =>
    ({
      ...{ id: 1, role: 'leader', conf: confOf(voters, { learners }) },
      progress: [progressOf(1, 9, true), progressOf(2, 8, false), progressOf(3, 6, true), progressOf(4, 7, true)],
    }) as unknown as CoreStatus;

  it('is made by the voter who stays, is there, and has the most', () => {
    const of = (change: ConfChange['steps'], voters: number[], learners: number[] = []) =>
      successorBefore({ transition: 'auto', steps: change }, status(voters, learners));
    expect(of([{ op: 'remove', id: 1 }], [1, 2, 3, 4])).toBe(4);
    expect(of([{ op: 'remove', id: 1 }], [1, 2, 3], [4])).toBe(3);
    expect(of([{ op: 'addLearner', id: 1 }], [1, 2])).toBe(2);
    expect(
      of(
        [
          { op: 'remove', id: 1 },
          { op: 'remove', id: 4 },
        ],
        [1, 2, 3, 4],
      ),
    ).toBe(3);
  });

  it('may be the end of a joint configuration', () => {
    const leave: ConfChange = { transition: 'auto', steps: [] };
    const of = (voters: number[], votersOutgoing: number[]) =>
      successorBefore(leave, { ...status(voters), conf: confOf(voters, { votersOutgoing }) });
    expect(of([2, 3, 4], [1, 2, 3])).toBe(4);
    expect(of([1, 3], [1, 2, 3])).toBeUndefined();
  });

  it('is none where the leader stays, or nobody who stays votes yet', () => {
    const of = (steps: ConfChange['steps'], voters: number[], learners: number[] = []) =>
      successorBefore({ transition: 'auto', steps }, status(voters, learners));
    expect(of([{ op: 'remove', id: 2 }], [1, 2, 3])).toBeUndefined();
    expect(of([{ op: 'remove', id: 1 }], [1])).toBeUndefined();
    expect(
      of(
        [
          { op: 'addVoter', id: 2 },
          { op: 'remove', id: 1 },
        ],
        [1],
        [2],
      ),
    ).toBeUndefined();
  });
});
