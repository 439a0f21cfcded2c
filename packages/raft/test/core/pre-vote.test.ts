import { describe, expect, test } from 'vitest';
import type { Message } from '../../src/core/messages.js';
import { allRoles, memberInRole, roleTerm } from './member-in-role.js';
import { confOf, initOf, logOf, ScriptedCluster, testConfig } from './scripted-cluster.js';

const ids = [1, 2, 3];
const conf = confOf(ids);
const lax = { checkQuorum: false };

function preVote(term: number, from = 2): Message {
  return { type: 'preVote', group: 0, from, to: 1, term, lastIndex: 9, lastTerm: term };
}

describe('an election with pre-vote (thesis §9.6)', () => {
  test('asks a majority about the next term first, and only then begins it', () => {
    for (const size of [2, 3, 4, 5]) {
      const cluster = ScriptedCluster.of(size);
      const majority = (size >> 1) + 1;
      cluster.core(1).campaign();
      cluster.drain();
      expect(cluster.core(1).status()).toMatchObject({ role: 'preCandidate', term: 0, vote: 0 });
      expect(cluster.sentOf('preVote').map(({ to, term }) => [to, term])).toEqual(
        Array.from({ length: size - 1 }, (_, i) => [i + 2, 1]),
      );
      for (let id = 2; id <= majority; id++) {
        expect(cluster.sentOf('vote')).toEqual([]);
        cluster.core(1).step({ type: 'preVoteResponse', group: 0, from: id, to: 1, term: 1, reject: false });
        cluster.drain();
      }
      expect(cluster.core(1).status()).toMatchObject({ role: 'candidate', term: 1, vote: 1 });
      cluster.pump();
      expect(cluster.core(1).isLeader).toBe(true);
    }
  });

  test('is not begun without a majority', () => {
    for (const size of [2, 3, 4, 5]) {
      const cluster = ScriptedCluster.of(size);
      for (let id = (size >> 1) + 1; id <= size; id++) cluster.isolate(id);
      cluster.tickAll(60);
      expect([...cluster.cores.values()].map((core) => core.term)).toEqual(Array.from({ length: size }, () => 0));
      expect(cluster.core(1).role).toBe('preCandidate');
    }
  });

  test('of two pre-candidates the one that loses raises no term', () => {
    const cluster = ScriptedCluster.of(3, lax);
    cluster.cut([1], [3]);
    cluster.elect(1);
    cluster.core(3).campaign();
    cluster.pump();
    expect(ids.map((id) => [cluster.core(id).role, cluster.core(id).term])).toEqual([
      ['leader', 1],
      ['follower', 1],
      ['follower', 1],
    ]);
    cluster.heal();
    cluster.core(3).campaign();
    cluster.pump();
    // Its log is too short, and without the check of the quorum that is all that holds it back.
    expect([cluster.core(3).role, cluster.core(1).isLeader]).toEqual(['follower', true]);
    expect(ids.map((id) => cluster.core(id).term)).toEqual([1, 1, 1]);
  });

  test('that splits the votes is decided in the next round', () => {
    const cluster = ScriptedCluster.of(3, lax);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.core(2).campaign();
    cluster.core(3).campaign();
    cluster.pump();
    // Each asked first and was told yes, then voted for itself.
    expect([2, 3].map((id) => [cluster.core(id).role, cluster.core(id).term])).toEqual([
      ['candidate', 2],
      ['candidate', 2],
    ]);
    cluster.elect(2);
    expect([2, 3].map((id) => [cluster.core(id).role, cluster.core(id).term])).toEqual([
      ['leader', 3],
      ['follower', 3],
    ]);
  });

  test('a member in an earlier term with the longer log finds the term, and wins', () => {
    const cluster = new ScriptedCluster(
      initOf(1, conf, { config: { ...testConfig, ...lax }, hardState: { term: 5, vote: 0, commit: 0 } }),
      initOf(3, conf, { config: { ...testConfig, ...lax }, entries: logOf(1, 1) }),
    );
    // Nobody but 3 can win: 1 lacks entries, 2 is gone.
    cluster.core(1).campaign();
    cluster.pump();
    expect(cluster.core(1).isLeader).toBe(false);
    cluster.core(3).campaign();
    cluster.pump();
    expect([cluster.core(3).role, cluster.core(3).term]).toEqual(['follower', 5]);
    cluster.elect(3);
    expect([cluster.core(3).term, cluster.core(1).leader]).toEqual([6, 3]);
  });
});

describe('whoever is asked', () => {
  test('changes neither term nor vote nor role', () => {
    for (const role of allRoles) {
      for (const from of [2, 3]) {
        const cluster = memberInRole(role);
        const before = cluster.core(1).status();
        const sent = cluster.sent.length;
        cluster.core(1).step(preVote(7, from));
        cluster.drain();
        expect(cluster.core(1).status(), role).toEqual(before);
        expect(cluster.sentOf('preVoteResponse', sent), role).toMatchObject([{ to: from, term: 7, reject: false }]);
      }
    }
  });

  test('does not take the question for a sign of life of its leader', () => {
    const cluster = memberInRole('follower');
    cluster.tick(1, 10);
    cluster.core(1).step(preVote(7, 3));
    cluster.tick(1);
    expect(cluster.core(1).role).toBe('candidate');
  });

  test('forgets a leader it has itself given up, and then says yes to others', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.isolate(1);
    // 3 still holds on to the leader, and so 2 is left waiting.
    cluster.core(2).campaign();
    cluster.pump();
    expect([cluster.core(2).role, cluster.core(3).leader]).toEqual(['preCandidate', 1]);
    cluster.core(3).campaign();
    cluster.pump();
    expect([cluster.core(3).isLeader, cluster.core(2).leader, cluster.core(3).term]).toEqual([true, 3, 2]);
  });
});

describe('answers to a pre-vote', () => {
  test('a no with a later term brings the asker up to it', () => {
    const later = { entries: logOf(1, 4), hardState: { term: 6, vote: 0, commit: 0 } };
    const cluster = new ScriptedCluster(initOf(1, conf), initOf(2, conf, later));
    cluster.core(1).campaign();
    cluster.pump();
    expect([cluster.core(1).role, cluster.core(1).term]).toEqual(['follower', 6]);
    // And the one with the better log wins in the end.
    cluster.elect(2);
  });

  test('a yes to an earlier question does not count for a later one', () => {
    const cluster = ScriptedCluster.of(5);
    cluster.core(1).campaign();
    cluster.dropAll();
    cluster.core(1).step({ type: 'heartbeat', group: 0, from: 3, to: 1, term: 4, commit: 0, context: 0 });
    cluster.core(1).campaign();
    for (const from of [2, 4, 5]) {
      cluster.core(1).step({ type: 'preVoteResponse', group: 0, from, to: 1, term: 1, reject: false });
      cluster.core(1).step({ type: 'preVoteResponse', group: 0, from, to: 1, term: 4, reject: false });
    }
    expect([cluster.core(1).role, cluster.core(1).term]).toEqual(['preCandidate', 4]);
  });

  test('are no word of the leader: they put off nobody’s election', () => {
    for (const reject of [false, true]) {
      const cluster = memberInRole('follower', { checkQuorum: true });
      const core = cluster.core(1);
      cluster.tick(1, 10);
      // It asked before the leader was heard of, and the answers come late.
      for (const from of [2, 3]) {
        core.step({ type: 'preVoteResponse', group: 0, from, to: 1, term: reject ? roleTerm : roleTerm + 1, reject });
      }
      core.step({ ...preVote(7, 3), type: 'vote' } as Message);
      expect(core.status()).toMatchObject({ term: 7, vote: 3 });
      const waiting = memberInRole('preCandidate');
      waiting.tick(1, 10);
      const before = waiting.sent.length;
      waiting.core(1).step({ type: 'preVoteResponse', group: 0, from: 2, to: 1, term: roleTerm, reject: true });
      waiting.tick(1);
      waiting.drain();
      expect(waiting.sentOf('preVote', before).map(({ to }) => to)).toEqual([2, 3]);
    }
  });
});

describe('a cluster whose members go over to pre-vote one by one', () => {
  const without = { ...testConfig, preVote: false };

  test('elects, with some of each kind', () => {
    const cluster = new ScriptedCluster(
      initOf(1, conf, { config: without }),
      initOf(2, conf, { config: without }),
      initOf(3, conf),
    );
    cluster.elect(1);
    cluster.isolate(2);
    for (let term = 2; term <= 3; term++) {
      cluster.core(2).campaign();
      cluster.dropAll();
    }
    cluster.propose(1);
    cluster.pump();
    cluster.heal();
    cluster.isolate(1);
    // 2 is ahead in term and behind in log, 3 the other way round: it takes 3 one attempt to find the term.
    cluster.tick(2, 10);
    cluster.tick(3, 10);
    cluster.core(3).campaign();
    cluster.pump();
    expect([cluster.core(3).isLeader, cluster.core(3).term]).toEqual([false, 3]);
    cluster.elect(3);
    expect([cluster.core(3).term, cluster.core(2).leader]).toEqual([4, 3]);
  });

  test('frees a pre-candidate whose term is ahead and whose log is behind', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.isolate(3);
    cluster.propose(1);
    cluster.pump();
    // Before, 3 had raised its term all by itself; now it asks only, in a term that nobody else has reached.
    cluster.add(initOf(3, conf, { entries: logOf(1), hardState: { term: 5, vote: 3, commit: 1 }, applied: 1 }));
    cluster.core(3).campaign();
    cluster.heal();
    cluster.pump();
    expect([cluster.core(3).role, cluster.core(3).term, cluster.core(1).term]).toEqual(['preCandidate', 5, 1]);
    // The answer to a heartbeat deposes the leader, and with the term that it learns it comes back.
    cluster.tick(1);
    cluster.pump();
    expect([cluster.core(1).role, cluster.core(1).term]).toEqual(['follower', 5]);
    cluster.tick(2, 10);
    cluster.elect(1);
    expect(ids.map((id) => [cluster.core(id).term, cluster.core(id).leader])).toEqual([
      [6, 1],
      [6, 1],
      [6, 1],
    ]);
    cluster.tickAll(2);
    expect(cluster.core(3).commit).toBe(cluster.core(1).commit);
  });
});
