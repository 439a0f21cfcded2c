import { describe, expect, test } from 'vitest';
import { emptyConf } from '../../src/core/membership.js';
import type { Message, NodeId } from '../../src/core/messages.js';
import { bytes, confOf, initOf, logOf, ScriptedCluster } from './scripted-cluster.js';

/** Ticks of everybody but those who are gone. */
function tickAlive(cluster: ScriptedCluster, times: number, ...gone: NodeId[]): void {
  for (let i = 0; i < times; i++) {
    for (const [id, core] of cluster.cores) if (!gone.includes(id)) core.tick();
    cluster.pump();
  }
}

const leadersOf = (cluster: ScriptedCluster, ...ids: NodeId[]): NodeId[] =>
  ids.filter((id) => cluster.core(id).isLeader);

/** Three members behind a snapshot at index 1, and others who know nothing yet. */
function founded(others: readonly NodeId[] = []): ScriptedCluster {
  const start = { start: { index: 1, term: 1 }, hardState: { term: 1, vote: 0, commit: 1 }, applied: 1 };
  return new ScriptedCluster(
    ...[1, 2, 3].map((id) => initOf(id, confOf([1, 2, 3]), start)),
    ...others.map((id) => initOf(id, emptyConf)),
  );
}

describe('elections that get stuck', () => {
  test('a learner that has not heard of its promotion gives the vote that the others need', () => {
    const conf = confOf([1, 2], { learners: [3] });
    const cluster = new ScriptedCluster(...[1, 2, 3].map((id) => initOf(id, conf)));
    cluster.elect(1);
    cluster.isolate(3);
    cluster.change(1, [{ op: 'addVoter', id: 3 }]);
    cluster.pump();
    expect(cluster.core(2).conf.voters).toEqual([1, 2, 3]);
    expect(cluster.core(3).conf.learners).toEqual([3]);
    // 1 dies for good: 2 is a majority only with 3.
    cluster.heal();
    cluster.isolate(1);
    tickAlive(cluster, 40, 1);
    expect(cluster.core(2).isLeader).toBe(true);
    expect(cluster.core(3).conf.voters).toEqual([1, 2, 3]);
  });

  test('a voter that does not know the candidate yet votes for it', () => {
    const conf = confOf([1, 2]);
    const cluster = new ScriptedCluster(initOf(1, conf), initOf(2, conf), initOf(3, confOf([1, 2, 3])));
    cluster.isolate(1);
    cluster.core(3).campaign();
    cluster.pump();
    expect(cluster.core(3).isLeader).toBe(true);
  });

  test('whoever asks for pre-votes forgets its leader, and a yes that comes late starts nothing', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.core(2).campaign();
    expect([cluster.core(2).role, cluster.core(2).leader]).toEqual(['preCandidate', 0]);
    cluster.dropAll();
    cluster.isolate(1);
    tickAlive(cluster, 40, 1);
    const [next] = leadersOf(cluster, 2, 3);
    expect(next).toBeDefined();
    const before = cluster.core(next as NodeId).status();
    for (const from of [1, 2, 3].filter((id) => id !== next))
      for (const term of [before.term, before.term + 1])
        cluster.core(next as NodeId).step({
          ...{ type: 'preVoteResponse', group: 0, from, to: next as NodeId, term, reject: false },
        });
    expect(cluster.core(next as NodeId).status()).toEqual(before);
  });

  test('a second round of pre-votes counts its own answers only', () => {
    const cluster = ScriptedCluster.of(5);
    const answer = (from: NodeId, reject: boolean): Message => ({
      ...{ type: 'preVoteResponse', group: 0, from, to: 1, term: reject ? 0 : 1, reject },
    });
    cluster.core(1).campaign();
    cluster.dropAll();
    for (const from of [2, 3]) cluster.core(1).step(answer(from, true));
    expect(cluster.core(1).role).toBe('preCandidate');
    cluster.core(1).campaign();
    cluster.dropAll();
    for (const from of [2, 3]) cluster.core(1).step(answer(from, false));
    expect(cluster.core(1).role).toBe('candidate');
  });

  test('a member that gives pre-votes to others still campaigns when its own time has come', () => {
    const cluster = ScriptedCluster.of(3);
    for (let i = 0; i < 40; i++) {
      cluster.core(2).tick();
      // 3 asks all the time and can never win: its log is the older one.
      cluster.core(2).step({
        ...{ type: 'preVote', group: 0, from: 3, to: 2, term: 1, lastIndex: 0, lastTerm: 0 },
      });
    }
    expect(cluster.core(2).role).toBe('preCandidate');
  });

  test('a leader that only a bridge hears does not hold back those whom the bridge reaches', () => {
    // 5 is dead; 1 is joined to 2 alone, and 2 to everybody.
    const cluster = ScriptedCluster.of(5);
    cluster.elect(1);
    cluster.isolate(5);
    cluster.cut([1], [3, 4]);
    tickAlive(cluster, 80, 5);
    expect(leadersOf(cluster, 1, 2, 3, 4)).toHaveLength(1);
    expect(cluster.core(1).isLeader).toBe(false);
    const [leader] = leadersOf(cluster, 2, 3, 4);
    const index = cluster.propose(leader as NodeId);
    tickAlive(cluster, 3, 5);
    expect(cluster.core(leader as NodeId).commit).toBe(index);
  });

  test('a member that may not campaign does not go on holding others back in the name of a dead leader', () => {
    const cluster = founded();
    cluster.elect(1);
    cluster.holdApply(2);
    cluster.change(1, [{ op: 'addLearner', id: 4 }]);
    cluster.pump();
    cluster.isolate(1);
    // 2 has a committed change that it does not get to apply; 3 has everything.
    tickAlive(cluster, 60, 1);
    expect(cluster.core(3).isLeader).toBe(true);
  });
});

describe('members that are gone', () => {
  test('one that does not know it and campaigns disturbs nobody, however often', () => {
    const cluster = founded();
    cluster.elect(1);
    cluster.isolate(3);
    cluster.change(1, [{ op: 'remove', id: 3 }]);
    cluster.pump();
    cluster.heal();
    // It hears nothing from its former leader and goes on asking.
    for (let i = 0; i < 10; i++) {
      cluster.core(3).campaign();
      cluster.tickAll(5);
    }
    expect([cluster.core(1).isLeader, cluster.core(1).term, cluster.core(2).term]).toEqual([true, 2, 2]);
    // Nor by a vote in a later term, as one without pre-vote asks for.
    const vote = { type: 'vote', group: 0, from: 3, term: 99, lastIndex: 99, lastTerm: 98 } as const;
    for (const to of [1, 2]) cluster.core(to).step({ ...vote, to });
    cluster.tickAll(5);
    expect([cluster.core(1).isLeader, cluster.core(1).term, cluster.core(2).term]).toEqual([true, 2, 2]);
  });

  test('of two members the leader leaves behind one that can lead, once it has handed over', () => {
    const conf = confOf([1, 2]);
    const cluster = new ScriptedCluster(initOf(1, conf), initOf(2, conf));
    cluster.elect(1);
    cluster.core(1).transferLeadership(2);
    cluster.pump();
    expect(cluster.change(2, [{ op: 'remove', id: 1 }]).ok).toBe(true);
    cluster.pump();
    cluster.isolate(1);
    tickAlive(cluster, 30, 1);
    const index = cluster.propose(2);
    cluster.pump();
    expect([cluster.core(2).conf.voters, cluster.core(2).commit]).toEqual([[2], index]);
  });
});

describe('what a joint configuration needs to end', () => {
  test('the leader proposes to leave once, whatever is applied meanwhile', () => {
    const cluster = founded();
    const core = cluster.elect(1);
    cluster.holdApply(1);
    cluster.change(1, [{ op: 'addLearner', id: 9 }], 'implicit');
    cluster.propose(1);
    cluster.pump();
    cluster.isolate(1);
    const before = core.lastIndex;
    cluster.resumeApply(1);
    cluster.tick(1, 9);
    cluster.drain();
    // Nothing commits, so it stays the only one.
    expect(core.lastIndex).toBe(before + 1);
    for (let i = 0; i < 3; i++) {
      core.propose([bytes('x')]);
      core.applied(before);
    }
    expect(core.lastIndex).toBe(before + 4);
    cluster.heal();
    cluster.tickAll(3);
    expect(core.conf).toEqual(confOf([1, 2, 3], { learners: [9] }));
    expect(cluster.of(1).applied.filter((entry) => entry.kind === 'conf')).toHaveLength(2);
  });
});

describe('promises of a disk', () => {
  test('a leader counts itself for what its disk has finished, not for what is on its way', () => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    cluster.isolate(3);
    cluster.stallDisk(1);
    const first = cluster.propose(1);
    const write = core.ready().append;
    const second = cluster.propose(1);
    core.ready();
    core.step({ type: 'appendResponse', group: 0, from: 2, to: 1, term: 1, index: second, reject: false });
    core.appendDurable(write?.seq ?? 0);
    expect(core.commit).toBe(first);
  });

  test('what a newer leader has cut off is no longer acknowledged, though it once was durable', () => {
    const cluster = new ScriptedCluster(
      initOf(1, confOf([1, 2, 3]), { entries: logOf(1, 1, 1), hardState: { term: 1, vote: 0, commit: 1 } }),
    );
    const core = cluster.core(1);
    cluster.stallDisk(1);
    const head = { type: 'append', group: 0, from: 2, to: 1, term: 2, commit: 1 } as const;
    core.step({ ...head, prevIndex: 1, prevTerm: 1, entries: logOf(1, 2).slice(1) });
    cluster.pump();
    expect([core.durableIndex, cluster.sentOf('appendResponse')]).toEqual([1, []]);
    cluster.resumeDisk(1);
    cluster.pump();
    expect(core.durableIndex).toBe(2);
    expect(cluster.sentOf('appendResponse')).toMatchObject([{ index: 2, reject: false, term: 2 }]);
  });

  test('a member acknowledges nothing of an append whose beginning it cannot compare, not even an empty one', () => {
    const cluster = new ScriptedCluster(initOf(1, confOf([1, 2, 3])));
    // Term 0 is what a sender says that does not know the term: it is no term of ours either.
    const head = { type: 'append', group: 0, from: 2, to: 1, term: 2, entries: [] } as const;
    cluster.core(1).step({ ...head, prevIndex: 5, prevTerm: 0, commit: 5 });
    cluster.pump();
    expect(cluster.sentOf('appendResponse')).toMatchObject([{ index: 5, reject: true, rejectHint: 0 }]);
    expect(cluster.core(1).commit).toBe(0);
  });
});

describe('a member that gets nothing more', () => {
  test('a leader without a log finds out what a member lacks, though nothing is written', () => {
    const cluster = new ScriptedCluster(initOf(1, confOf([1])), initOf(2, emptyConf));
    const core = cluster.elect(1);
    for (let i = 0; i < 5; i++) cluster.propose(1);
    expect(cluster.change(1, [{ op: 'addLearner', id: 2 }]).ok).toBe(true);
    cluster.isolate(2);
    cluster.pump();
    core.compact(core.commit);
    expect(core.firstIndex).toBe(core.lastIndex + 1);
    cluster.heal();
    cluster.tickAll(3);
    expect(cluster.of(1).snapshotsTo).toEqual([2]);
    // It catches up by the snapshot alone, and that is known, also when the word of its arrival is lost.
    const { conf, commit } = core;
    cluster.only((message) => message.type !== 'appendResponse');
    cluster.core(2).restoreSnapshot({ index: commit, term: 1, conf, size: 0 }, 1);
    cluster.pump();
    cluster.heal();
    core.reportSnapshot(2, true);
    cluster.tickAll(3);
    expect(core.status().progress[1]).toMatchObject({ state: 'replicate', match: commit });
  });

  test('a snapshot older than the one that was promised is as good, once the log goes on from it', () => {
    const cluster = new ScriptedCluster(initOf(1, confOf([1])), initOf(2, emptyConf));
    const core = cluster.elect(1);
    for (let i = 0; i < 8; i++) cluster.propose(1);
    cluster.isolate(2);
    cluster.change(1, [{ op: 'addLearner', id: 2 }]);
    cluster.pump();
    core.compact(4);
    cluster.heal();
    cluster.tickAll(3);
    expect(core.status().progress[1]).toMatchObject({ state: 'snapshot', pendingSnapshot: core.commit });
    cluster.core(2).restoreSnapshot({ index: 4, term: 1, conf: core.conf, size: 0 }, 1);
    cluster.pump();
    // Its arrival is never reported.
    expect(core.status().progress[1]).toMatchObject({ state: 'replicate', match: core.lastIndex });
  });

  test('heartbeats alone bring replication back after everything in flight was lost without a word', () => {
    const cluster = ScriptedCluster.of(3, { maxInflightMessages: 4 });
    const core = cluster.elect(1);
    cluster.only((message) => message.type !== 'append' || message.to !== 3);
    for (let i = 0; i < 10; i++) {
      cluster.propose(1);
      cluster.pump();
    }
    cluster.tickAll(30);
    // Heard of all the time, and yet nowhere: match is what counts.
    expect(core.status().progress[2]).toMatchObject({ recentActive: true, match: 1 });
    cluster.heal();
    cluster.tickAll(3);
    expect(core.status().progress[2]).toMatchObject({ match: core.lastIndex, state: 'replicate' });
  });

  test('a new term starts its window empty', () => {
    const cluster = ScriptedCluster.of(3, { maxInflightBytes: 50 });
    const core = cluster.elect(1);
    cluster.isolate(3);
    for (let i = 0; i < 3; i++) cluster.propose(1, 'x'.repeat(40));
    cluster.pump();
    expect(core.status().progress[2]).toMatchObject({ inflightFull: true, inflightBytes: 80 });
    core.reportUnreachable(3);
    expect(core.status().progress[2]).toMatchObject({ inflightFull: false, inflightBytes: 0, inflightMessages: 0 });
  });
});
