import { expect, test } from 'vitest';
import { Admission } from '../../src/membership/admission.js';
import { LinkDirectory } from '../../src/membership/link-directory.js';
import { encodeControl } from '../../src/membership/control-message.js';

test('a member that has just joined is not told it was removed by one that has not applied its joining yet', () => {
  const peers = { a: 'm://a', b: 'm://b', c: 'm://c' };
  let removed = 0;
  const admission = new Admission({
    directory: new LinkDirectory('c', peers),
    identity: { format: 1, clusterId: 'x', name: 'c', incarnation: 'c2', uid: 7, memberId: 57, founders: [] },
    url: 'm://c',
    status: () =>
      ({
        id: 57,
        role: 'follower',
        leader: 0,
        applied: 0,
        commit: 0,
        conf: { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
        progress: [],
      }) as never,
    members: () => [],
    change: () => ({ ok: false, reason: 'notLeader' }),
    send: () => undefined,
    removed: () => removed++,
    problem: () => undefined,
  });
  admission.tick();
  admission.onControl(
    1,
    encodeControl({
      type: 'iam',
      name: 'a',
      incarnation: 'a1',
      state: 'member',
      uid: 7,
      names: ['a', 'b', 'c'],
      url: 'm://a',
      memberId: 1,
      founders: [],
      members: [
        { id: 1, name: 'a', incarnation: 'a1', voter: true },
        { id: 2, name: 'b', incarnation: 'b1', voter: true },
        { id: 3, name: 'c', incarnation: 'c1', voter: true },
      ],
      appliedIndex: 50,
    }),
  );
  expect(removed).toBe(0);
});
