import { describe, expect, test } from 'vitest';
import { RaftCore } from '../../src/core/core.js';
import type { Message, Term } from '../../src/core/messages.js';
import { bytes, confOf, initOf, logOf, ScriptedCluster, testConfig } from './scripted-cluster.js';

const plain = { ...testConfig, preVote: false, checkQuorum: false };

function voteRequest(term: Term, more: Partial<Message & { type: 'vote' }> = {}): Message {
  return { type: 'vote', group: 0, from: 2, to: 1, term, lastIndex: 0, lastTerm: 0, ...more };
}

describe('elections (Raft §5.2)', () => {
  test('a member begins as a follower of nobody', () => {
    const { role, term, leader } = new RaftCore(initOf(1, confOf([1, 2, 3])));
    expect([role, term, leader]).toEqual(['follower', 0, 0]);
  });

  test('a follower that hears no leader campaigns in the next term, votes for itself and asks everybody', () => {
    const cluster = new ScriptedCluster(initOf(1, confOf([1, 2, 3]), { config: plain }));
    cluster.tick(1, 10);
    expect(cluster.core(1).role).toBe('follower');
    cluster.tick(1);
    cluster.pump();
    expect([cluster.core(1).role, cluster.core(1).term]).toEqual(['candidate', 1]);
    expect(cluster.of(1).hardState).toEqual({ term: 1, vote: 1, commit: 0 });
    expect(cluster.sentOf('vote').map((message) => [message.to, message.term])).toEqual([
      [2, 1],
      [3, 1],
    ]);
  });

  test('a candidate that is not answered begins another term', () => {
    const cluster = new ScriptedCluster(initOf(1, confOf([1, 2, 3]), { config: plain }));
    cluster.tick(1, 11);
    cluster.pump();
    cluster.tick(1, 11);
    cluster.pump();
    expect([cluster.core(1).role, cluster.core(1).term]).toEqual(['candidate', 2]);
  });

  test.each([1, 2, 3, 4, 5])('a cluster of %i elects with its first majority', (size) => {
    const cluster = ScriptedCluster.of(size);
    const majority = (size >> 1) + 1;
    for (let id = majority + 1; id <= size; id++) cluster.isolate(id);
    cluster.elect(1);
    expect(cluster.core(1).term).toBe(1);
    if (size > 1) {
      const smaller = ScriptedCluster.of(size);
      for (let id = majority; id <= size; id++) smaller.isolate(id);
      smaller.core(1).campaign();
      smaller.pump();
      expect(smaller.core(1).isLeader).toBe(false);
    }
  });

  test('the timeout is drawn from [T, 2T), anew for every term', () => {
    const seen = new Set<number>();
    let drawn = 0;
    const random = { nextInt: (n: number) => drawn++ % n };
    const cluster = new ScriptedCluster(initOf(1, confOf([1, 2]), { config: plain, random }));
    for (let term = 0; term < 30; term++) {
      let ticks = 0;
      for (const before = cluster.core(1).term; cluster.core(1).term === before; ticks++) {
        cluster.tick(1);
        cluster.pump();
      }
      seen.add(ticks);
    }
    expect([Math.min(...seen), Math.max(...seen)]).toEqual([10, 19]);
  });

  test('one vote a term, first come first served, and again for the same candidate', () => {
    const cluster = new ScriptedCluster(initOf(1, confOf([1, 2, 3]), { config: plain }));
    const core = cluster.core(1);
    core.step(voteRequest(1));
    core.step(voteRequest(1, { from: 3 }));
    core.step(voteRequest(1));
    cluster.pump();
    expect(cluster.sentOf('voteResponse').map((message) => [message.to, message.reject])).toEqual([
      [2, false],
      [3, true],
      [2, false],
    ]);
  });

  test.each([
    { ours: [1, 2], lastTerm: 1, lastIndex: 9, granted: false },
    { ours: [1, 2], lastTerm: 2, lastIndex: 1, granted: false },
    { ours: [1, 2], lastTerm: 2, lastIndex: 2, granted: true },
    { ours: [1, 2], lastTerm: 3, lastIndex: 1, granted: true },
    { ours: [], lastTerm: 0, lastIndex: 0, granted: true },
  ])('a voter with terms $ours answers ($lastTerm, $lastIndex): $granted', ({ ours, lastTerm, lastIndex, granted }) => {
    for (const type of ['vote', 'preVote'] as const) {
      const cluster = new ScriptedCluster(initOf(1, confOf([1, 2, 3]), { config: plain, entries: logOf(...ours) }));
      cluster.core(1).step({ ...voteRequest(5, { lastTerm, lastIndex }), type } as Message);
      cluster.pump();
      expect([...cluster.sentOf('voteResponse'), ...cluster.sentOf('preVoteResponse')].map((m) => m.reject)).toEqual([
        !granted,
      ]);
    }
  });

  test('learners vote when they are asked, and never campaign', () => {
    const conf = confOf([2, 3], { learners: [1] });
    const cluster = new ScriptedCluster(initOf(1, conf, { config: plain }));
    cluster.core(1).step(voteRequest(1));
    cluster.pump();
    expect(cluster.sentOf('voteResponse')[0]?.reject).toBe(false);
    cluster.tick(1, 100);
    cluster.core(1).campaign();
    cluster.core(1).step({ type: 'timeoutNow', group: 0, from: 2, to: 1, term: 1 });
    expect([cluster.core(1).role, cluster.core(1).term]).toEqual(['follower', 1]);
  });

  test('a member that is in no configuration does not campaign', () => {
    const cluster = new ScriptedCluster(initOf(1, confOf([])));
    cluster.tick(1, 100);
    cluster.core(1).campaign();
    expect(cluster.core(1).role).toBe('follower');
  });

  test('a voter keeps its promise over a restart', () => {
    const core = new RaftCore(initOf(1, confOf([1, 2, 3]), { hardState: { term: 4, vote: 3, commit: 0 } }));
    core.step(voteRequest(4));
    const [answer] = core.ready().send as (Message & { type: 'voteResponse' })[];
    expect(answer?.reject).toBe(true);
  });
});

describe('votes and the disk', () => {
  test('a vote leaves only when it is durable', () => {
    const cluster = new ScriptedCluster(initOf(1, confOf([1, 2, 3]), { config: plain }));
    cluster.stallDisk(1);
    cluster.core(1).step(voteRequest(1));
    cluster.pump();
    expect(cluster.sent).toEqual([]);
    cluster.resumeDisk(1);
    cluster.pump();
    expect(cluster.sentOf('voteResponse').length).toBe(1);
  });

  test('the own vote counts only when it is durable', () => {
    const cluster = ScriptedCluster.of(1);
    cluster.stallDisk(1);
    cluster.core(1).campaign();
    cluster.pump();
    expect(cluster.core(1).role).toBe('candidate');
    cluster.resumeDisk(1);
    cluster.pump();
    expect(cluster.core(1).isLeader).toBe(true);
  });

  test('an older write does not make the own vote durable', () => {
    const cluster = ScriptedCluster.of(3, { preVote: false });
    const core = cluster.core(1);
    core.step(voteRequest(1, { from: 3 }));
    const first = core.ready().append;
    core.campaign();
    core.step({ type: 'voteResponse', group: 0, from: 2, to: 1, term: 2, reject: false });
    const second = core.ready().append;
    core.appendDurable(first?.seq ?? 0);
    expect(core.role).toBe('candidate');
    core.appendDurable(second?.seq ?? 0);
    expect(core.role).toBe('leader');
  });

  test('a candidate that has lost is not revived by its late own vote', () => {
    const cluster = ScriptedCluster.of(3, { preVote: false });
    cluster.stallDisk(1);
    cluster.core(1).campaign();
    cluster.drain();
    for (const from of [2, 3]) {
      cluster.core(1).step({ type: 'voteResponse', group: 0, from, to: 1, term: 1, reject: true });
    }
    expect(cluster.core(1).role).toBe('follower');
    cluster.resumeDisk(1);
    expect(cluster.core(1).role).toBe('follower');
  });
});

describe('terms', () => {
  test.each(['follower', 'candidate', 'leader'] as const)('a %s yields to a later term', (role) => {
    const cluster = ScriptedCluster.of(3, { preVote: false, checkQuorum: false });
    if (role === 'leader') cluster.elect(1);
    if (role === 'candidate') {
      cluster.core(1).campaign();
      cluster.dropAll();
    }
    expect(cluster.core(1).role).toBe(role);
    cluster.core(1).step({ type: 'heartbeat', group: 0, from: 3, to: 1, term: 9, commit: 0, context: 0 });
    expect([cluster.core(1).role, cluster.core(1).term, cluster.core(1).leader]).toEqual(['follower', 9, 3]);
  });

  test('a candidate yields to the leader of its own term', () => {
    const cluster = ScriptedCluster.of(3, { preVote: false });
    cluster.core(1).campaign();
    cluster.dropAll();
    const append = { type: 'append', group: 0, from: 2, to: 1, term: 1, prevIndex: 0, prevTerm: 0 } as const;
    cluster.core(1).step({ ...append, commit: 0, entries: [] });
    expect([cluster.core(1).role, cluster.core(1).leader]).toEqual(['follower', 2]);
  });

  test('a later term in an answer is no vote', () => {
    const cluster = ScriptedCluster.of(3, { preVote: false });
    cluster.core(1).campaign();
    cluster.dropAll();
    cluster.core(1).step({ type: 'voteResponse', group: 0, from: 2, to: 1, term: 7, reject: false });
    expect([cluster.core(1).role, cluster.core(1).term, cluster.core(1).status().vote]).toEqual(['follower', 7, 0]);
  });

  test('messages of an earlier term change nothing', () => {
    const cluster = ScriptedCluster.of(3, { checkQuorum: false });
    cluster.elect(1);
    cluster.elect(2);
    const before = cluster.core(3).status();
    const entry = { term: 1, index: 4, kind: 'normal', data: bytes('old') } as const;
    const head = { group: 0, from: 1, to: 3, term: 1 };
    cluster.core(3).step({ ...head, type: 'append', prevIndex: 3, prevTerm: 2, commit: 4, entries: [entry] });
    cluster.core(3).step({ ...head, type: 'heartbeat', commit: 9, context: 0 });
    cluster.core(3).step({ ...head, type: 'vote', lastIndex: 9, lastTerm: 9 });
    cluster.core(3).step({ ...head, type: 'timeoutNow' });
    expect(cluster.core(3).status()).toEqual(before);
  });
});

describe('pre-vote and check of the quorum (thesis §9.6, §6.2)', () => {
  test('a cut off member does not raise terms, and comes back without disturbing the leader', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.isolate(3);
    cluster.tickAll(60);
    expect([cluster.core(3).role, cluster.core(3).term]).toEqual(['preCandidate', 1]);
    cluster.heal();
    cluster.tickAll(30);
    expect(cluster.core(1).isLeader).toBe(true);
    expect([...cluster.cores.values()].map((core) => core.term)).toEqual([1, 1, 1]);
    expect(cluster.core(3).leader).toBe(1);
  });

  test('a pre-vote changes neither term nor vote of the one who is asked', () => {
    const cluster = new ScriptedCluster(initOf(1, confOf([1, 2, 3])));
    cluster.core(1).step({ ...voteRequest(5), type: 'preVote' } as Message);
    cluster.pump();
    expect(cluster.core(1).status()).toMatchObject({ term: 0, vote: 0 });
    expect(cluster.sentOf('preVoteResponse')[0]).toMatchObject({ term: 5, reject: false });
  });

  test('a refused pre-vote with a later term brings the asker up to it', () => {
    const cluster = new ScriptedCluster(
      initOf(1, confOf([1, 2, 3])),
      initOf(2, confOf([1, 2, 3]), { entries: logOf(1, 4), hardState: { term: 6, vote: 0, commit: 0 } }),
    );
    cluster.core(1).campaign();
    cluster.pump();
    expect([cluster.core(1).role, cluster.core(1).term]).toEqual(['follower', 6]);
    // And the one with the better log wins in the end.
    cluster.elect(2);
  });

  test('a yes to an earlier pre-vote does not count for a later one', () => {
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

  test('a member that hears its leader ignores candidates, and votes once it does not', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.core(2).step(voteRequest(9, { from: 3, to: 2, lastIndex: 9, lastTerm: 9 }));
    expect(cluster.core(2).term).toBe(1);
    cluster.isolate(1);
    cluster.tick(2, 10);
    cluster.core(2).step(voteRequest(9, { from: 3, to: 2, lastIndex: 9, lastTerm: 9 }));
    expect(cluster.core(2).status()).toMatchObject({ term: 9, vote: 3 });
  });

  test('a leader that hears no quorum steps down and is silent; one that does, stays', () => {
    const cluster = ScriptedCluster.of(5);
    cluster.elect(1);
    cluster.cut([1, 2], [3, 4, 5]);
    for (let i = 0; i < 25; i++) {
      cluster.tick(1);
      cluster.pump();
    }
    expect([cluster.core(1).role, cluster.core(1).term, cluster.core(1).leader]).toEqual(['follower', 1, 0]);
    const quiet = cluster.sent.length;
    cluster.tick(1);
    cluster.pump();
    expect(cluster.sentOf('heartbeat', quiet)).toEqual([]);
    const other = ScriptedCluster.of(5);
    other.elect(1);
    other.cut([1, 2, 3], [4, 5]);
    other.tickAll(60);
    expect([other.core(1).role, other.core(1).term]).toEqual(['leader', 1]);
  });

  test('a member ahead of its leader in term gets free by its answer', () => {
    const cluster = ScriptedCluster.of(3, { preVote: false });
    cluster.elect(1);
    cluster.isolate(3);
    for (let i = 0; i < 3; i++) {
      cluster.core(3).campaign();
      cluster.dropAll();
    }
    expect(cluster.core(3).term).toBe(4);
    cluster.heal();
    cluster.tickAll(60);
    const leaders = [...cluster.cores.values()].filter((core) => core.isLeader);
    expect(leaders.length).toBe(1);
    expect(new Set([...cluster.cores.values()].map((core) => core.term)).size).toBe(1);
    expect(leaders[0]?.term).toBeGreaterThanOrEqual(4);
  });

  test('followers that forget their leader elect another at once', () => {
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

  test('a cluster goes over from no pre-vote to pre-vote one member at a time', () => {
    const conf = confOf([1, 2, 3]);
    const cluster = new ScriptedCluster(
      initOf(1, conf, { config: { ...testConfig, preVote: false } }),
      initOf(2, conf, { config: { ...testConfig, preVote: false } }),
      initOf(3, conf),
    );
    cluster.elect(1);
    cluster.isolate(2);
    cluster.core(2).campaign();
    cluster.dropAll();
    cluster.propose(1);
    cluster.pump();
    cluster.heal();
    cluster.isolate(1);
    // 2 is ahead in term and behind in log, 3 the other way round: it takes 3 one attempt to find the term.
    cluster.tick(2, 10);
    cluster.tick(3, 10);
    cluster.core(3).campaign();
    cluster.pump();
    expect([cluster.core(3).isLeader, cluster.core(3).term]).toEqual([false, 2]);
    cluster.elect(3);
  });

  test('members with their leader still in mind do not stop each other from electing one, once it is silent', () => {
    const cluster = ScriptedCluster.of(5);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.tickAll(40);
    expect([2, 3, 4, 5].filter((id) => cluster.core(id).isLeader).length).toBe(1);
    expect(cluster.core(1).isLeader).toBe(false);
  });
});

describe('campaigning by hand', () => {
  test('does nothing on a leader', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.core(1).campaign();
    cluster.pump();
    expect([cluster.core(1).role, cluster.core(1).term]).toEqual(['leader', 1]);
  });

  test('leadership goes round', () => {
    const cluster = ScriptedCluster.of(3, { checkQuorum: false });
    for (const id of [1, 2, 3, 1]) cluster.elect(id);
    expect(cluster.core(1).term).toBe(4);
    expect([...cluster.cores.values()].map((core) => core.commit)).toEqual([4, 4, 4]);
  });
});
