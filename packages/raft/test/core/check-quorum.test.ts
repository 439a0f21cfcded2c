import { describe, expect, test } from 'vitest';
import type { Message } from '../../src/core/messages.js';
import { confOf, initOf, ScriptedCluster, testConfig } from './scripted-cluster.js';

function voteRequest(from: number, to: number, term: number): Message {
  return { type: 'vote', group: 0, from, to, term, lastIndex: 9, lastTerm: term };
}

describe('a leader that checks its quorum (thesis §6.2)', () => {
  test('stays as long as a majority answers, if only its heartbeats', () => {
    const cluster = ScriptedCluster.of(5);
    cluster.elect(1);
    cluster.cut([1, 2, 3], [4, 5]);
    cluster.tickAll(60);
    expect([cluster.core(1).role, cluster.core(1).term]).toEqual(['leader', 1]);
  });

  test('steps down in its own term when no majority does, and is silent', () => {
    const cluster = ScriptedCluster.of(5);
    cluster.elect(1);
    cluster.cut([1, 2], [3, 4, 5]);
    for (let i = 0; i < 25; i++) {
      cluster.tick(1);
      cluster.pump();
    }
    expect([cluster.core(1).role, cluster.core(1).term, cluster.core(1).leader]).toEqual(['follower', 1, 0]);
    const before = cluster.sent.length;
    cluster.tick(1);
    cluster.pump();
    expect(cluster.sentOf('heartbeat', before)).toEqual([]);
  });

  test('does not step down for a member that was added and is not heard of yet, until the next check', () => {
    const cluster = new ScriptedCluster(initOf(1, confOf([1])));
    const core = cluster.elect(1);
    cluster.tick(1, 9);
    cluster.change(1, [{ op: 'addVoter', id: 2 }]);
    cluster.pump();
    expect(core.conf.voters).toEqual([1, 2]);
    // The check comes with this tick.
    cluster.tick(1, 1);
    expect(core.isLeader).toBe(true);
    cluster.tick(1, 9);
    expect(core.isLeader).toBe(true);
    cluster.tick(1, 1);
    expect(core.isLeader).toBe(false);
  });
});

describe('a follower that hears its leader (thesis §4.2.3)', () => {
  test('ignores candidates for an election timeout, and votes after it', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.isolate(1);
    for (const type of ['vote', 'preVote'] as const) {
      const before = cluster.sent.length;
      cluster.core(2).step({ ...voteRequest(3, 2, 9), type } as Message);
      cluster.drain();
      expect([cluster.core(2).term, cluster.sent.length]).toEqual([1, before]);
    }
    cluster.tick(2, 9);
    cluster.core(2).step(voteRequest(3, 2, 9));
    expect(cluster.core(2).status()).toMatchObject({ term: 1, leader: 1 });
    cluster.tick(2, 1);
    cluster.core(2).step(voteRequest(3, 2, 9));
    expect(cluster.core(2).status()).toMatchObject({ term: 9, vote: 3 });
  });

  test('lets one be elected that the leader has asked to take over', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    // Without the leader's wish nobody would have it.
    cluster.core(3).campaign();
    cluster.pump();
    expect([cluster.core(3).isLeader, cluster.core(1).isLeader]).toEqual([false, true]);
    cluster.core(3).step({ type: 'heartbeat', group: 0, from: 1, to: 3, term: 1, commit: 1, context: 0 });
    expect(cluster.core(1).transferLeadership(3)).toBe(true);
    cluster.pump();
    expect([1, 2, 3].map((id) => [cluster.core(id).leader, cluster.core(id).term])).toEqual([
      [3, 2],
      [3, 2],
      [3, 2],
    ]);
  });

  test('is free again when it is told to forget the leader', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.core(2).campaign();
    cluster.pump();
    expect(cluster.core(2).isLeader).toBe(false);
    cluster.core(3).forgetLeader();
    cluster.core(2).campaign();
    cluster.pump();
    expect(cluster.core(2).isLeader).toBe(true);
  });

  test('does not stop the others from electing a leader once this one is silent', () => {
    const cluster = ScriptedCluster.of(5);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.tickAll(40);
    expect([2, 3, 4, 5].filter((id) => cluster.core(id).isLeader).length).toBe(1);
    expect(cluster.core(1).isLeader).toBe(false);
  });
});

describe('a member whose term is ahead of its leader’s', () => {
  test('gets free by its answer to what the leader sends, though nobody listens to its candidacy', () => {
    for (const message of ['append', 'heartbeat'] as const) {
      const cluster = ScriptedCluster.of(3, { preVote: false });
      cluster.elect(1);
      cluster.isolate(3);
      for (let i = 0; i < 3; i++) {
        cluster.core(3).campaign();
        cluster.dropAll();
      }
      cluster.heal();
      cluster.core(3).campaign();
      cluster.pump();
      expect([1, 2, 3].map((id) => cluster.core(id).term)).toEqual([1, 1, 5]);
      expect(cluster.core(1).isLeader).toBe(true);
      if (message === 'append') cluster.propose(1);
      else cluster.tick(1);
      cluster.pump();
      expect([cluster.core(1).role, cluster.core(1).term]).toEqual(['follower', 5]);
      cluster.tickAll(60);
      const [leader] = [...cluster.cores.values()].filter((core) => core.isLeader);
      expect([1, 2, 3].map((id) => cluster.core(id).leader)).toEqual([leader?.id, leader?.id, leader?.id]);
    }
  });

  test('costs the others a term without pre-vote', () => {
    const cluster = ScriptedCluster.of(3, { preVote: false });
    cluster.elect(1);
    // Cut off for no longer than its own timeout, with a log as good as the others'.
    cluster.isolate(3);
    cluster.tick(3, 13);
    cluster.drain();
    expect([cluster.core(3).role, cluster.core(3).term]).toEqual(['candidate', 2]);
    cluster.heal();
    cluster.tick(1);
    cluster.pump();
    expect([1, 3].map((id) => [cluster.core(id).isLeader, cluster.core(id).term])).toEqual([
      [false, 2],
      [false, 2],
    ]);
  });

  test('costs them nothing with pre-vote: there it does not come about', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.isolate(3);
    cluster.propose(1);
    cluster.tickAll(60);
    expect([cluster.core(3).role, cluster.core(3).term]).toEqual(['preCandidate', 1]);
    cluster.heal();
    cluster.tickAll(30);
    expect(cluster.core(1).isLeader).toBe(true);
    expect([1, 2, 3].map((id) => [cluster.core(id).term, cluster.core(id).leader])).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ]);
    expect(cluster.core(3).commit).toBe(2);
  });
});

test('a voter votes though its own configuration does not name it', () => {
  const config = { ...testConfig, preVote: false };
  // 2 is a voter since an entry that it has not applied.
  const cluster = new ScriptedCluster(initOf(1, confOf([1, 2]), { config }), initOf(2, confOf([1]), { config }));
  cluster.tick(1, 11);
  cluster.pump();
  expect([cluster.core(1).isLeader, cluster.core(2).leader]).toEqual([true, 1]);
  // It hears its leader, and so it is as sticky as any other.
  cluster.core(2).step(voteRequest(3, 2, 9));
  expect(cluster.core(2).term).toBe(1);
  cluster.tick(2, 100);
  expect(cluster.core(2).role).toBe('follower');
});

describe('a member that may not lead', () => {
  test('takes a leader that has been silent for an election timeout for gone, and does not campaign', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.change(1, [{ op: 'addLearner', id: 3 }]);
    cluster.tickAll(5);
    expect([cluster.core(3).leader, cluster.core(3).role]).toEqual([1, 'follower']);
    cluster.isolate(3);
    cluster.tickAll(3 * testConfig.electionTicks);
    expect([cluster.core(3).leader, cluster.core(3).role, cluster.core(3).term]).toEqual([0, 'follower', 1]);
    cluster.heal();
    cluster.tickAll(5);
    expect(cluster.core(3).leader).toBe(1);
  });
});
