import { expect, test } from 'vitest';
import { Admission } from '../../src/membership/admission.js';
import { LinkDirectory } from '../../src/membership/link-directory.js';
import { encodeControl, type ControlMessage } from '../../src/membership/control-message.js';

const nobody = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

/** What a member named a says of itself. */
function iam(says: Pick<ControlMessage & { readonly type: 'iam' }, 'members' | 'appliedIndex'>): Uint8Array {
  const sender = { name: 'a', incarnation: 'a1', state: 'member', uid: 7, names: ['a', 'b', 'c'] } as const;
  return encodeControl({ ...sender, type: 'iam', url: 'm://a', memberId: 1, founders: [], ...says });
}

const voter = (id: number, name: string) => ({ id, name, incarnation: `${name}1`, voter: true });

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
    now: () => 0,
    supportedLevel: 1,
    featureLevel: () => 1,
    raiseLevel: () => undefined,
  });
  return { admission, removals: () => removed };
}

test('a member that has applied its own removal goes on until another one has applied it too', () => {
  const conf = { ...nobody, voters: [1, 2] };
  const { admission, removals } = admissionOf({ applied: 60, conf });
  admission.tick();
  expect(removals()).toBe(0);
  admission.onControl(1, iam({ members: [voter(1, 'a')], appliedIndex: 59 }));
  expect(removals()).toBe(0);
  admission.onControl(1, iam({ members: [voter(1, 'a')], appliedIndex: 60 }));
  expect(removals()).toBe(1);
});

test('a member that has just joined is not told it was removed by one that has not applied its joining yet', () => {
  const { admission, removals } = admissionOf({});
  admission.tick();
  admission.onControl(1, iam({ members: [voter(1, 'a'), voter(2, 'b'), voter(3, 'c')], appliedIndex: 50 }));
  expect(removals()).toBe(0);
});

test('a peer that loses its disk again and again leaves one learner behind, and a voter stays until it is replaced', () => {
  const changes: unknown[] = [];
  const names = ['a', 'b', 'c'];
  const member = (id: number, name: string) => ({ id, name, url: `m://${name}`, incarnation: `${name}${id}` });
  const admission = new Admission({
    directory: new LinkDirectory('a', { a: 'm://a', b: 'm://b', c: 'm://c' }),
    identity: { format: 1, clusterId: 'x', name: 'a', incarnation: 'a1', uid: 7, memberId: 1, founders: [] },
    url: 'm://a',
    status: () =>
      ({
        ...{ id: 1, role: 'leader', leader: 1, applied: 60, commit: 60, progress: [] },
        conf: { voters: [1, 2, 3], votersOutgoing: [], learners: [41, 57], learnersNext: [], autoLeave: false },
      }) as never,
    members: () => [member(1, 'a'), member(2, 'b'), member(3, 'c'), member(41, 'c'), member(57, 'b')],
    change: (change, records) => {
      changes.push([change.steps, records.length]);
      return { ok: false, reason: 'pending' };
    },
    send: () => undefined,
    removed: () => undefined,
    problem: () => undefined,
    now: () => 0,
    supportedLevel: 1,
    featureLevel: () => 1,
    raiseLevel: () => undefined,
  });
  const directory = new LinkDirectory('a', { a: 'm://a', b: 'm://b', c: 'm://c' });
  const link = directory.others.find((other) => other.name === 'c')!.id;
  admission.onControl(
    link,
    encodeControl({ type: 'join', name: 'c', incarnation: 'c-new', state: 'empty', names, url: 'm://c' }),
  );
  expect(changes).toEqual([
    [
      [
        { op: 'addLearner', id: 0 },
        { op: 'remove', id: 41 },
      ],
      1,
    ],
  ]);
});
