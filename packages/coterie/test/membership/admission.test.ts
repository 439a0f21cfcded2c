import { expect, test } from 'vitest';
import { Admission } from '../../src/membership/admission.js';
import { LinkDirectory } from '../../src/membership/link-directory.js';
import { encodeControl } from '../../src/membership/control-message.js';

const nobody = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

function admissionOf(status: object): { readonly admission: Admission; readonly removals: () => number } {
  const peers = { a: 'm://a', b: 'm://b', c: 'm://c' };
  let removed = 0;
  const admission = new Admission({
    directory: new LinkDirectory('c', peers),
    identity: { format: 1, clusterId: 'x', name: 'c', incarnation: 'c2', uid: 7, memberId: 57, founders: [] },
    url: 'm://c',
    status: () =>
      ({ id: 57, role: 'follower', leader: 0, applied: 0, commit: 0, conf: nobody, progress: [], ...status }) as never,
    members: () => [],
    change: () => ({ ok: false, reason: 'notLeader' }),
    send: () => undefined,
    removed: () => removed++,
    problem: () => undefined,
  });
  return { admission, removals: () => removed };
}

test('a member that has applied its own removal knows it, though it still believes in the leader it had', () => {
  const conf = { ...nobody, voters: [1, 2] };
  const outcome = (status: object): number => {
    const { admission, removals } = admissionOf({ leader: 2, ...status });
    admission.tick();
    return removals();
  };
  expect(outcome({ applied: 60, conf })).toBe(1);
  // Before the entry that added it, its absence says nothing.
  expect(outcome({ applied: 56, conf })).toBe(0);
  for (const half of ['voters', 'votersOutgoing', 'learners', 'learnersNext'] as const) {
    expect(outcome({ applied: 60, conf: { ...conf, [half]: [57] } })).toBe(0);
  }
});

test('a member that has just joined is not told it was removed by one that has not applied its joining yet', () => {
  const { admission, removals } = admissionOf({});
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
  expect(removals()).toBe(0);
});
