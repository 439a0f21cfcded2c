import { describe, expect, test } from 'vitest';
import { RaftCore } from '../../src/core/core.js';
import type { Entry, Message, Term } from '../../src/core/messages.js';
import type { Role } from '../../src/core/ready.js';
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from '../../src/core/roles.js';
import { CoreState } from '../../src/core/state.js';
import { allRoles, memberInRole, roleTerm } from './member-in-role.js';
import { bytes, confOf, initOf, logOf, ScriptedCluster } from './scripted-cluster.js';

const head = { group: 0, from: 2, to: 1 } as const;

const heartbeat = (term: Term, from = 2): Message => {
  return { ...head, from, type: 'heartbeat', term, commit: 0, context: 0 };
};
const entryOf = (term: Term, index: number): Entry => ({
  term,
  index,
  kind: 'normal',
  data: bytes(`${term}/${index}`),
});
const append = (term: Term, prevIndex: number, prevTerm: Term, entries: Entry[] = [], commit = 0): Message => {
  return { ...head, type: 'append', term, prevIndex, prevTerm, commit, entries };
};

/** Whatever can come in a term, each made so that it would change something in its own. */
const messagesOf = (term: Term): readonly Message[] => [
  append(term, 0, 0, [entryOf(term, 1), entryOf(term, 2), entryOf(term, 3)], 3),
  heartbeat(term),
  { ...head, type: 'vote', term, lastIndex: 9, lastTerm: roleTerm },
  { ...head, type: 'vote', term, lastIndex: 9, lastTerm: roleTerm, transfer: true },
  { ...head, type: 'preVote', term, lastIndex: 9, lastTerm: roleTerm },
  { ...head, type: 'voteResponse', term, reject: false },
  { ...head, type: 'voteResponse', term, reject: true },
  { ...head, type: 'preVoteResponse', term, reject: false },
  { ...head, type: 'preVoteResponse', term, reject: true },
  { ...head, type: 'appendResponse', term, index: 2, reject: false },
  { ...head, type: 'appendResponse', term, index: 1, reject: true, rejectHint: 0, logTerm: 0 },
  { ...head, type: 'heartbeatResponse', term, context: 1 },
  { ...head, type: 'readIndexResponse', term, context: 0, index: 1 },
  { ...head, type: 'timeoutNow', term },
];

describe('a later term', () => {
  test('makes a follower forget its vote and follow', () => {
    const cluster = memberInRole('follower');
    const core = cluster.core(1);
    core.step({ ...head, type: 'vote', term: 4, lastIndex: 9, lastTerm: 3 });
    core.step(heartbeat(9, 3));
    cluster.drain();
    expect([core.role, core.term, core.leader]).toEqual(['follower', 9, 3]);
    expect(cluster.of(1).hardState).toEqual({ term: 9, vote: 0, commit: 0 });
  });

  test('ends a candidacy', () => {
    const cluster = memberInRole('candidate');
    const core = cluster.core(1);
    core.step(heartbeat(9, 3));
    cluster.drain();
    expect([core.role, core.term, core.leader]).toEqual(['follower', 9, 3]);
    expect(cluster.of(1).hardState).toEqual({ term: 9, vote: 0, commit: 0 });
    // Votes for the candidacy come too late.
    for (const from of [2, 3]) core.step({ ...head, from, type: 'voteResponse', term: roleTerm, reject: false });
    expect(core.role).toBe('follower');
  });

  test('ends a leadership', () => {
    const core = memberInRole('leader').core(1);
    core.step(heartbeat(9, 3));
    expect([core.role, core.term, core.leader]).toEqual(['follower', 9, 3]);
    expect(core.propose([bytes('x')])).toEqual({ ok: false, reason: 'notLeader', leader: 3 });
  });

  test('comes with a vote, an append or a heartbeat, and each makes a follower of every role', () => {
    const later = [
      { message: { ...head, type: 'vote', term: 5, lastIndex: 9, lastTerm: 4 } as const, leader: 0, vote: 2 },
      { message: append(5, 0, 0, [entryOf(5, 1)]), leader: 2, vote: 0 },
      { message: heartbeat(5), leader: 2, vote: 0 },
    ];
    for (const role of allRoles) {
      for (const { message, leader, vote } of later) {
        const cluster = memberInRole(role);
        cluster.core(1).step(message);
        const after = { role: 'follower', term: 5, leader, vote };
        expect(cluster.core(1).status(), `${message.type} at a ${role}`).toMatchObject(after);
      }
    }
  });
});

describe('an earlier term', () => {
  test('its append takes nothing away and does not put off the election', () => {
    const cluster = memberInRole('follower');
    const core = cluster.core(1);
    core.step(append(roleTerm, 0, 0, [entryOf(3, 1), entryOf(3, 2)]));
    cluster.drain();
    cluster.tick(1, 10);
    core.step(append(2, 0, 0, [entryOf(2, 1)], 1));
    expect([core.lastIndex, core.termAt(1), core.commit]).toEqual([2, 3, 0]);
    cluster.tick(1);
    expect(core.role).toBe('candidate');
  });

  test('no message of it reaches what a role does', () => {
    for (const role of allRoles) {
      for (const message of messagesOf(roleTerm - 1)) {
        const cluster = memberInRole(role);
        const core = cluster.core(1);
        // Something for it to move: an entry that is not acknowledged, and a read that is not answered.
        if (role === 'leader') cluster.propose(1);
        core.readIndex(7);
        cluster.drain();
        const before = { status: core.status(), reads: [...cluster.of(1).reads], votes: cluster.sentOf('vote').length };
        core.step(message);
        cluster.drain();
        const after = { status: core.status(), reads: [...cluster.of(1).reads], votes: cluster.sentOf('vote').length };
        expect(after, `${message.type} at a ${role}`).toEqual(before);
      }
    }
  });

  test('its leader is told the present term where votes alone cannot tell it', () => {
    const answers = (preVote: boolean, checkQuorum: boolean, message: Message) => {
      const cluster = memberInRole('follower', { preVote, checkQuorum });
      const before = cluster.sent.length;
      cluster.core(1).step(message);
      cluster.drain();
      return cluster.sentOf('appendResponse', before).map(({ to, term }) => [to, term]);
    };
    for (const message of [heartbeat(2), append(2, 0, 0)]) {
      expect(answers(true, true, message)).toEqual([[2, roleTerm]]);
      expect(answers(true, false, message)).toEqual([[2, roleTerm]]);
      expect(answers(false, true, message)).toEqual([[2, roleTerm]]);
      expect(answers(false, false, message)).toEqual([]);
    }
  });
});

describe('roles', () => {
  test('a member begins as a follower of nobody, whatever it was before', () => {
    const conf = confOf([1, 2, 3]);
    const led = { entries: logOf(1, 4), hardState: { term: 4, vote: 1, commit: 2 } };
    for (const init of [initOf(1, conf), initOf(1, conf, led), initOf(1, confOf([1])), initOf(1, confOf([]))]) {
      const { role, term, leader } = new RaftCore(init);
      expect([role, term, leader]).toEqual(['follower', init.hardState.term, 0]);
    }
  });

  test('only some follow on each other; the others are mistakes of ours', () => {
    const become: Record<Role, (s: CoreState) => void> = {
      follower: (s) => {
        becomeFollower(s, s.term, 0);
      },
      preCandidate: becomePreCandidate,
      candidate: becomeCandidate,
      leader: becomeLeader,
    };
    const way: Record<Role, Role[]> = {
      follower: [],
      preCandidate: ['preCandidate'],
      candidate: ['candidate'],
      leader: ['candidate', 'leader'],
    };
    const legal: Record<Role, Role[]> = {
      follower: ['follower', 'preCandidate', 'candidate'],
      preCandidate: ['follower', 'preCandidate', 'candidate'],
      candidate: ['follower', 'preCandidate', 'candidate', 'leader'],
      leader: ['follower'],
    };
    for (const from of allRoles) {
      for (const to of allRoles) {
        const s = new CoreState(initOf(1, confOf([1, 2, 3])));
        for (const role of way[from]) become[role](s);
        expect(s.role).toBe(from);
        const { term } = s;
        if (legal[from].includes(to)) {
          become[to](s);
          expect([s.role, s.term]).toEqual([to, to === 'candidate' ? term + 1 : term]);
        } else {
          expect(() => {
            become[to](s);
          }, `${from} to ${to}`).toThrow(/invariant/);
        }
      }
    }
    const s = new CoreState(initOf(1, confOf([1, 2, 3]), { hardState: { term: 4, vote: 0, commit: 0 } }));
    expect(() => {
      becomeFollower(s, 3, 0);
    }).toThrow(/invariant/);
  });

  test('only a follower takes over when it is told to, and only a leader steps down', () => {
    for (const role of allRoles) {
      const cluster = memberInRole(role);
      const before = cluster.core(1).status();
      if (role !== 'follower') cluster.core(1).step({ ...head, type: 'timeoutNow', term: roleTerm });
      if (role !== 'leader') cluster.core(1).stepDown();
      expect(cluster.core(1).status(), role).toEqual(before);
    }
    const follower = memberInRole('follower').core(1);
    follower.step({ ...head, type: 'timeoutNow', term: roleTerm });
    expect([follower.role, follower.term]).toEqual(['candidate', roleTerm + 1]);
    const leader = memberInRole('leader').core(1);
    leader.stepDown();
    expect([leader.role, leader.term, leader.leader]).toEqual(['follower', roleTerm, 0]);
  });

  test('a later term in an answer is no vote', () => {
    const cluster = ScriptedCluster.of(3, { preVote: false });
    cluster.core(1).campaign();
    cluster.dropAll();
    cluster.core(1).step({ type: 'voteResponse', group: 0, from: 2, to: 1, term: 7, reject: false });
    expect([cluster.core(1).role, cluster.core(1).term, cluster.core(1).status().vote]).toEqual(['follower', 7, 0]);
  });
});
