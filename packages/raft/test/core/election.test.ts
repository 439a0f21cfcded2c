import { describe, expect, test } from 'vitest';
import { RaftCore } from '../../src/core/core.js';
import type { Message, Term } from '../../src/core/messages.js';
import type { Role } from '../../src/core/ready.js';
import { allRoles, memberInRole } from './member-in-role.js';
import { confOf, initOf, logOf, ScriptedCluster, testConfig } from './scripted-cluster.js';

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
    expect(cluster.sentOf('vote').map((message) => [message.to, message.term])).toEqual([
      [2, 1],
      [3, 1],
      [2, 2],
      [3, 2],
    ]);
  });

  test('an election is won, lost or open by who has answered, and the first answer of each holds', () => {
    const table = [
      { size: 1, answers: '', role: 'leader' },
      { size: 2, answers: '', role: 'candidate' },
      { size: 2, answers: '2+', role: 'leader' },
      { size: 2, answers: '2-', role: 'follower' },
      { size: 3, answers: '', role: 'candidate' },
      { size: 3, answers: '2+', role: 'leader' },
      { size: 3, answers: '2-', role: 'candidate' },
      { size: 3, answers: '2- 3+', role: 'leader' },
      { size: 3, answers: '2- 3-', role: 'follower' },
      { size: 4, answers: '2+', role: 'candidate' },
      { size: 4, answers: '2+ 3+', role: 'leader' },
      { size: 4, answers: '2-', role: 'candidate' },
      { size: 4, answers: '2- 3-', role: 'follower' },
      { size: 5, answers: '2+', role: 'candidate' },
      { size: 5, answers: '2+ 3+', role: 'leader' },
      { size: 5, answers: '2- 3-', role: 'candidate' },
      { size: 5, answers: '2- 3- 4+', role: 'candidate' },
      { size: 5, answers: '2- 3- 4-', role: 'follower' },
      // Answers that come twice, and one of a member that nobody asked.
      { size: 5, answers: '2+ 2+ 2+', role: 'candidate' },
      { size: 5, answers: '2- 2- 2-', role: 'candidate' },
      { size: 5, answers: '2- 2+ 3+', role: 'candidate' },
      { size: 5, answers: '2+ 2- 3- 4-', role: 'candidate' },
      { size: 3, answers: '9+', role: 'candidate' },
    ];
    for (const { size, answers, role } of table) {
      const cluster = ScriptedCluster.of(size, plain);
      cluster.core(1).campaign();
      cluster.dropAll();
      for (const answer of answers.split(' ').filter((each) => each !== '')) {
        const head = { group: 0, from: Number(answer[0]), to: 1, term: 1 };
        cluster.core(1).step({ ...head, type: 'voteResponse', reject: answer[1] === '-' });
      }
      expect([cluster.core(1).role, cluster.core(1).term], `${size}: ${answers}`).toEqual([role, 1]);
    }
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

  test('a request tells how far the candidate’s log goes', () => {
    const behindSnapshot = { start: { index: 5, term: 2 }, applied: 5, hardState: { term: 4, vote: 0, commit: 5 } };
    const [sixth] = logOf(1, 1, 1, 1, 1, 4).slice(5);
    const table = [
      { init: {}, last: [0, 0] },
      { init: { entries: logOf(1) }, last: [1, 1] },
      { init: { entries: logOf(1, 1, 2), hardState: { term: 6, vote: 0, commit: 1 } }, last: [3, 2] },
      { init: behindSnapshot, last: [5, 2] },
      { init: { ...behindSnapshot, entries: sixth === undefined ? [] : [sixth] }, last: [6, 4] },
    ];
    for (const { init, last } of table) {
      for (const config of [plain, testConfig]) {
        const cluster = new ScriptedCluster(initOf(1, confOf([1, 2, 3]), { ...init, config }));
        cluster.core(1).campaign();
        cluster.drain();
        const asked = [...cluster.sentOf('vote'), ...cluster.sentOf('preVote')];
        expect(asked.map(({ to, lastIndex, lastTerm }) => [to, lastIndex, lastTerm])).toEqual([
          [2, ...last],
          [3, ...last],
        ]);
      }
    }
  });

  test('a voter refuses a log that ends before its own, by term first and then by length', () => {
    const table = [
      { ours: [1, 2], lastTerm: 1, lastIndex: 1, granted: false },
      { ours: [1, 2], lastTerm: 1, lastIndex: 2, granted: false },
      { ours: [1, 2], lastTerm: 1, lastIndex: 9, granted: false },
      { ours: [1, 2], lastTerm: 2, lastIndex: 1, granted: false },
      { ours: [1, 2], lastTerm: 2, lastIndex: 2, granted: true },
      { ours: [1, 2], lastTerm: 2, lastIndex: 3, granted: true },
      { ours: [1, 2], lastTerm: 3, lastIndex: 1, granted: true },
      { ours: [1], lastTerm: 0, lastIndex: 0, granted: false },
      { ours: [], lastTerm: 0, lastIndex: 0, granted: true },
    ];
    for (const { ours, lastTerm, lastIndex, granted } of table) {
      for (const type of ['vote', 'preVote'] as const) {
        const cluster = new ScriptedCluster(initOf(1, confOf([1, 2, 3]), { config: plain, entries: logOf(...ours) }));
        cluster.core(1).step({ ...voteRequest(5, { lastTerm, lastIndex }), type } as Message);
        cluster.pump();
        const answers = [...cluster.sentOf('voteResponse'), ...cluster.sentOf('preVoteResponse')];
        expect(
          answers.map(({ reject }) => reject),
          `[${ours.join()}] asked for ${lastTerm}/${lastIndex}`,
        ).toEqual([!granted]);
      }
    }
  });

  test('who has voted, leads or follows a leader votes for nobody else in that term, and in a later one again', () => {
    const ask = (role: Role, type: 'vote' | 'preVote', term: Term, lastIndex: number, lastTerm: Term) => {
      const cluster = memberInRole(role);
      const before = cluster.sent.length;
      cluster.core(1).step({ ...voteRequest(term, { from: 3, lastIndex, lastTerm }), type } as Message);
      cluster.drain();
      const [answer] = [...cluster.sentOf('voteResponse', before), ...cluster.sentOf('preVoteResponse', before)];
      return answer?.reject === false;
    };
    for (const role of allRoles) {
      // A pre-candidate has given no vote and knows no leader in its term.
      expect(ask(role, 'vote', 3, 9, 3), `${role}, same term`).toBe(role === 'preCandidate');
      expect(ask(role, 'preVote', 3, 9, 3), `${role}, same term`).toBe(role === 'preCandidate');
      for (const type of ['vote', 'preVote'] as const) {
        expect(ask(role, type, 4, 9, 3), `${role}, ${type} of a later term`).toBe(true);
        // The leader's own log ends in (1, 3), the others' are empty.
        expect(ask(role, type, 4, 0, 0), `${role}, ${type} for a shorter log`).toBe(role !== 'leader');
      }
    }
  });

  test('a member that is all of its cluster elects itself when its timeout is over', () => {
    for (const config of [plain, testConfig]) {
      const cluster = new ScriptedCluster(initOf(1, confOf([1]), { config, entries: logOf(1, 2) }));
      cluster.tickAll(10);
      expect(cluster.core(1).role).toBe('follower');
      cluster.tickAll(1);
      expect(cluster.core(1).status()).toMatchObject({ role: 'leader', term: 3, leader: 1, commit: 3 });
      expect(cluster.sent).toEqual([]);
    }
  });

  test('who gives its vote waits a whole timeout for what comes of it; who refuses does not', () => {
    for (const granted of [true, false]) {
      const hardState = { term: 2, vote: 0, commit: 0 };
      const init = initOf(1, confOf([1, 2, 3]), { config: plain, entries: logOf(2), hardState });
      const core = new RaftCore(init);
      for (let tick = 0; tick < 10; tick++) core.tick();
      core.step(voteRequest(2, { lastIndex: granted ? 1 : 0, lastTerm: granted ? 2 : 0 }));
      core.tick();
      expect(core.role).toBe(granted ? 'follower' : 'candidate');
    }
  });

  test('learners are not asked, the voters of both halves are', () => {
    const conf = confOf([1, 2], { votersOutgoing: [1, 3], learners: [4], learnersNext: [3] });
    for (const config of [plain, testConfig]) {
      const cluster = new ScriptedCluster(initOf(1, conf, { config }));
      cluster.core(1).campaign();
      cluster.drain();
      expect([...cluster.sentOf('vote'), ...cluster.sentOf('preVote')].map(({ to }) => to)).toEqual([2, 3]);
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
    // Nor one whose own vote is all it needs: others know a configuration that it has not applied.
    const alone = new ScriptedCluster(initOf(1, confOf([1]), { config: plain }));
    alone.stallDisk(1);
    alone.core(1).campaign();
    alone.drain();
    alone.core(1).step({ type: 'heartbeat', group: 0, from: 2, to: 1, term: 1, commit: 0, context: 0 });
    alone.resumeDisk(1);
    expect([alone.core(1).role, alone.core(1).leader]).toEqual(['follower', 2]);
  });

  test('a pre-candidate that has yielded is revived by nobody’s late yes, nor by its disk', () => {
    const cluster = memberInRole('preCandidate');
    const core = cluster.core(1);
    cluster.stallDisk(1);
    core.step({
      type: 'append',
      group: 0,
      from: 2,
      to: 1,
      term: 3,
      prevIndex: 0,
      prevTerm: 0,
      commit: 0,
      entries: logOf(3),
    });
    cluster.drain();
    for (const from of [2, 3]) core.step({ type: 'preVoteResponse', group: 0, from, to: 1, term: 4, reject: false });
    cluster.resumeDisk(1);
    expect([core.role, core.term, core.leader]).toEqual(['follower', 3, 2]);
  });

  test('a pre-candidate’s yes to itself is no vote in the election that follows', () => {
    const cluster = memberInRole('preCandidate');
    const core = cluster.core(1);
    cluster.stallDisk(1);
    core.step({ type: 'preVoteResponse', group: 0, from: 2, to: 1, term: 4, reject: false });
    cluster.drain();
    expect([core.role, core.term]).toEqual(['candidate', 4]);
    core.step({ type: 'voteResponse', group: 0, from: 2, to: 1, term: 4, reject: false });
    expect(core.role).toBe('candidate');
    cluster.resumeDisk(1);
    expect(core.role).toBe('leader');
  });
});

describe('who must not campaign', () => {
  /** What ticks, applications and a leader that hands over can do to make a member campaign. */
  function urge(cluster: ScriptedCluster, id: number): void {
    cluster.core(id).campaign();
    cluster
      .core(id)
      .step({ type: 'timeoutNow', group: 0, from: id === 1 ? 2 : 1, to: id, term: cluster.core(id).term });
    cluster.drain();
  }

  test('a leader does not', () => {
    const cluster = memberInRole('leader');
    const before = cluster.core(1).status();
    urge(cluster, 1);
    expect(cluster.core(1).status()).toEqual(before);
    expect(cluster.sentOf('vote').filter(({ term }) => term > 3)).toEqual([]);
  });

  test('a leader does not ask for pre-votes either', () => {
    const cluster = memberInRole('leader', { preVote: true });
    const before = cluster.core(1).status();
    urge(cluster, 1);
    expect(cluster.core(1).status()).toEqual(before);
    expect(cluster.sentOf('preVote').filter(({ term }) => term > 3)).toEqual([]);
  });

  test('a member with a committed joint change that it has not applied does not, though other entries follow', () => {
    const cluster = ScriptedCluster.of(3, plain);
    cluster.elect(1);
    cluster.holdApply(2);
    const steps = [
      { op: 'addLearner', id: 3 },
      { op: 'addVoter', id: 4 },
    ] as const;
    expect(cluster.change(1, steps, 'explicit').ok).toBe(true);
    cluster.propose(1);
    cluster.pump();
    expect([cluster.core(2).commit, cluster.core(1).conf.votersOutgoing]).toEqual([3, [1, 2, 3]]);
    urge(cluster, 2);
    cluster.tick(2, 50);
    expect([cluster.core(2).role, cluster.core(2).term]).toEqual(['follower', 1]);
    cluster.resumeApply(2);
    cluster.core(2).campaign();
    expect(cluster.core(2).role).toBe('candidate');
  });

  test('a member with a snapshot that is not durable does not, until it is', () => {
    for (const config of [plain, testConfig]) {
      const cluster = new ScriptedCluster(initOf(1, confOf([1, 2, 3]), { config }));
      const core = cluster.core(1);
      core.step({ type: 'heartbeat', group: 0, from: 2, to: 1, term: 1, commit: 0, context: 0 });
      cluster.drain();
      cluster.stallDisk(1);
      core.restoreSnapshot({ index: 10, term: 1, conf: confOf([1, 2, 3]), size: 1 }, 2);
      cluster.drain();
      urge(cluster, 1);
      cluster.tick(1, 50);
      expect([core.role, core.term]).toEqual(['follower', 1]);
      cluster.resumeDisk(1);
      core.campaign();
      expect(core.role).toBe(config.preVote ? 'preCandidate' : 'candidate');
    }
  });
});
