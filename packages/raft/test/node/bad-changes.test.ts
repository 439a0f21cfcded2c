import { describe, expect, it } from 'vitest';
import { defaultCoreConfig, RaftCore, type ConfChange } from '../../src/index.js';
import { command, DriverWorld } from './driver-world.js';

const record = new Uint8Array([1]);
const learner = { op: 'addLearner', id: 0 } as const;

describe('a membership change that makes no sense', () => {
  const bad: [string, ConfChange, readonly (Uint8Array | undefined)[]][] = [
    ['a step of an unknown kind', { transition: 'auto', steps: [{ op: 'promote' as 'addVoter', id: 2 }] }, []],
    ['an id below zero', { transition: 'auto', steps: [{ op: 'addVoter', id: -1 }] }, []],
    ['an unknown transition', { transition: 'slow' as 'auto', steps: [learner] }, [record]],
    ['more records than steps', { transition: 'auto', steps: [learner] }, [record, record]],
    ['two members of one id', { transition: 'auto', steps: [learner, learner] }, [record, record]],
  ];

  for (const [what, change, records] of bad) {
    it(`is refused with an error, and stops nobody: ${what}`, () => {
      const world = new DriverWorld(3, 71);
      const leader = world.leader();
      world.run(500);
      expect(() => leader.node.changeMembership(change, records)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
      );
      world.run(500);
      expect(leader.node.submit([command('after')]).ok).toBe(true);
      world.until('applied by all', () => world.members.every((each) => each.machine.commands.includes('after')));
      expect(world.members.flatMap((each) => each.events).filter((event) => event.type === 'failed')).toEqual([]);
    });
  }
});

it('a member that has stopped says so', () => {
  const world = new DriverWorld(3, 72);
  const leader = world.leader();
  leader.node.stop();
  expect(leader.node.stopped).toBe(true);
  expect(leader.node.changeMembership({ transition: 'auto', steps: [learner] }, [record])).toEqual({
    ok: false,
    reason: 'closed',
  });
  expect(leader.node.transferLeadership(0)).toBe(false);
});

it('a change for the core is bytes', () => {
  const core = new RaftCore({
    id: 1,
    config: defaultCoreConfig,
    random: { nextInt: () => 0 },
    hardState: { term: 0, vote: 0, commit: 0 },
    conf: { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
    start: { index: 0, term: 0 },
    entries: [],
    applied: 0,
  });
  for (const data of [undefined, 'addVoter', [1, 0], { transition: 'auto', steps: [] }, new Uint16Array(4)]) {
    expect(() => core.proposeConfChange(data as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', argument: 'data' }),
    );
  }
});
