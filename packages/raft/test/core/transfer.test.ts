import { describe, expect, test } from 'vitest';
import { bytes, confOf, initOf, ScriptedCluster, testConfig } from './scripted-cluster.js';

describe('leadership transfer (thesis §3.10)', () => {
  test('to a member that has everything: at once, without a pre-vote, and past stickiness', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    expect(cluster.core(1).transferLeadership(3)).toBe(true);
    const before = cluster.sent.length;
    cluster.pump();
    expect([cluster.core(3).isLeader, cluster.core(1).role, cluster.core(3).term]).toEqual([true, 'follower', 2]);
    expect(cluster.sentOf('preVote', before)).toEqual([]);
    expect(cluster.sentOf('vote', before).every((message) => message.transfer === true)).toBe(true);
    // And back.
    expect(cluster.core(3).transferLeadership(1)).toBe(true);
    cluster.pump();
    expect(cluster.core(1).isLeader).toBe(true);
  });

  test('to a slow member: once it has caught up', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.isolate(3);
    for (let i = 0; i < 5; i++) cluster.propose(1);
    cluster.pump();
    cluster.heal();
    cluster.core(1).reportUnreachable(3);
    cluster.core(1).transferLeadership(3);
    cluster.drain();
    expect(cluster.sentOf('timeoutNow')).toEqual([]);
    cluster.pump();
    expect(cluster.core(3).isLeader).toBe(true);
  });

  test('to a member that needs a snapshot: once it has that, and what is behind it', () => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    cluster.isolate(3);
    for (let i = 0; i < 5; i++) cluster.propose(1);
    cluster.pump();
    core.compact(4);
    cluster.heal();
    core.reportUnreachable(3);
    expect(core.transferLeadership(3)).toBe(true);
    cluster.pump();
    expect([core.isLeader, cluster.of(1).snapshotsTo, cluster.sentOf('timeoutNow')]).toEqual([true, [3], []]);
    cluster.core(3).restoreSnapshot({ index: 4, term: 1, conf: confOf([1, 2, 3]), size: 0 }, 1);
    core.reportSnapshot(3, true);
    cluster.pump();
    expect([cluster.core(3).isLeader, cluster.core(3).lastIndex]).toEqual([true, 7]);
    const [told] = cluster.sentOf('timeoutNow');
    const sentBefore = cluster.sent.slice(0, told === undefined ? 0 : cluster.sent.indexOf(told));
    expect(sentBefore.filter((message) => message.type === 'appendResponse').at(-1)).toMatchObject({
      ...{ from: 3, index: 6, reject: false },
    });
  });

  test('not before the target’s disk has everything', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.stallDisk(3);
    cluster.propose(1);
    cluster.pump();
    cluster.core(1).transferLeadership(3);
    cluster.pump();
    expect(cluster.core(1).isLeader).toBe(true);
    cluster.resumeDisk(3);
    cluster.pump();
    expect(cluster.core(3).isLeader).toBe(true);
  });

  test('to itself, to learners, to strangers: no', () => {
    const conf = confOf([1, 2], { learners: [3] });
    const cluster = new ScriptedCluster(...[1, 2, 3].map((id) => initOf(id, conf)));
    cluster.elect(1);
    for (const to of [1, 3, 9]) expect(cluster.core(1).transferLeadership(to)).toBe(false);
    expect(cluster.core(2).transferLeadership(1)).toBe(false);
    expect(cluster.core(1).propose([bytes('x')]).ok).toBe(true);
  });

  test('nothing is proposed meanwhile; after an election timeout the leader goes on', () => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    cluster.isolate(3);
    core.transferLeadership(3);
    expect(core.propose([bytes('x')])).toEqual({ ok: false, reason: 'transferring', leader: 1 });
    expect(cluster.change(1, [{ op: 'addLearner', id: 9 }])).toMatchObject({ ok: false, reason: 'transferring' });
    cluster.tickAll(5);
    // Asking again does not buy time.
    expect(core.transferLeadership(3)).toBe(true);
    cluster.tickAll(5);
    expect(core.status().transferee).toBe(0);
    expect(core.propose([bytes('x')]).ok).toBe(true);
  });

  test('meanwhile nothing gets into the log: no proposal, no change, nothing that others forward', () => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    cluster.isolate(3);
    core.transferLeadership(3);
    const { lastIndex } = core;
    const transferring = { ok: false, reason: 'transferring', leader: 1 };
    expect(core.propose([bytes('x')])).toEqual(transferring);
    expect(core.propose([bytes('')])).toEqual(transferring);
    expect(cluster.change(1, [{ op: 'addLearner', id: 9 }])).toEqual(transferring);
    const entries = [{ term: 0, index: 0, kind: 'normal', data: bytes('x') } as const];
    core.step({ type: 'propose', group: 0, from: 2, to: 1, term: 1, entries });
    cluster.pump();
    expect(core.lastIndex).toBe(lastIndex);
  });

  test('a second target takes the place of the first, the same one again buys no time, and the first may get it back', () => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    cluster.isolate(3);
    expect(core.transferLeadership(3)).toBe(true);
    for (let i = 0; i < 9; i++) {
      cluster.tickAll(1);
      expect(core.transferLeadership(3)).toBe(true);
    }
    expect(core.status().transferee).toBe(3);
    cluster.tickAll(1);
    expect(core.status().transferee).toBe(0);
    // Begun anew it has its full time again, and so has another target.
    cluster.only((message) => message.type !== 'timeoutNow');
    for (const to of [3, 2, 3]) {
      expect(core.transferLeadership(to)).toBe(true);
      cluster.tickAll(to === 3 ? 9 : 5);
      expect(core.status().transferee).toBe(to);
    }
    cluster.only(() => true);
    expect(core.transferLeadership(2)).toBe(true);
    expect(core.status().transferee).toBe(2);
    cluster.pump();
    expect(cluster.core(2).isLeader).toBe(true);
    expect(cluster.core(2).transferLeadership(1)).toBe(true);
    cluster.pump();
    expect([core.isLeader, core.term, core.status().transferee]).toEqual([true, 3, 0]);
    expect(core.propose([bytes('x')]).ok).toBe(true);
  });

  test('dies with the leadership', () => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    cluster.isolate(3);
    core.transferLeadership(3);
    core.step({ type: 'heartbeat', group: 0, from: 2, to: 1, term: 5, commit: 0, context: 0 });
    expect(core.status().transferee).toBe(0);
    cluster.tick(1, 10);
    cluster.tick(2, 10);
    cluster.elect(1);
    expect(core.propose([bytes('x')]).ok).toBe(true);
  });

  test('is over when a candidate of a later term asks for a vote, or its target votes no longer', () => {
    const begun = (before: (cluster: ScriptedCluster) => void) => {
      const cluster = ScriptedCluster.of(3);
      const core = cluster.elect(1);
      cluster.isolate(3);
      before(cluster);
      expect(core.transferLeadership(3)).toBe(true);
      expect(core.status().transferee).toBe(3);
      return { cluster, core };
    };
    const voted = begun(() => undefined);
    const request = { type: 'vote', group: 0, from: 2, to: 1, term: 9, lastIndex: 9, lastTerm: 8 } as const;
    voted.core.step({ ...request, transfer: true });
    expect([voted.core.role, voted.core.status().transferee]).toEqual(['follower', 0]);
    for (const id of [1, 2]) voted.cluster.tick(id, 10);
    voted.cluster.elect(1);
    expect(voted.core.propose([bytes('x')]).ok).toBe(true);

    for (const op of ['remove', 'addLearner'] as const) {
      // Once it has begun nothing new is proposed, so the change was on its way before.
      const { cluster, core } = begun((each) => each.change(1, [{ op, id: 3 }]));
      cluster.pump();
      expect([core.isLeader, core.status().transferee]).toEqual([true, 0]);
      expect(core.propose([bytes('x')]).ok).toBe(true);
    }
  });

  test('a removed member that is told to campaign does not', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.change(1, [{ op: 'remove', id: 3 }]);
    cluster.pump();
    cluster.core(3).step({ type: 'timeoutNow', group: 0, from: 1, to: 3, term: 1 });
    expect([cluster.core(3).role, cluster.core(3).term]).toEqual(['follower', 1]);
  });

  test('asked of a follower: it asks the leader', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    expect(cluster.core(2).transferLeadership(3)).toBe(true);
    cluster.pump();
    expect(cluster.core(3).isLeader).toBe(true);
    expect(cluster.core(2).transferLeadership(2)).toBe(true);
    cluster.pump();
    expect(cluster.core(2).isLeader).toBe(true);
  });

  test('asked of a follower: what it can know to be no target is refused, and so is asking nobody', () => {
    const conf = confOf([1, 2], { learners: [3] });
    const cluster = new ScriptedCluster(...[1, 2, 3].map((id) => initOf(id, conf)));
    expect(cluster.core(2).transferLeadership(2)).toBe(false);
    cluster.elect(1);
    for (const to of [1, 3, 9]) expect(cluster.core(2).transferLeadership(to)).toBe(false);
    // A learner may ask, and the leader of another term is not asked.
    expect(cluster.core(3).transferLeadership(2)).toBe(true);
    cluster.only((message) => message.type !== 'transferLeader');
    cluster.pump();
    cluster.core(1).step({ type: 'transferLeader', group: 0, from: 3, to: 1, term: 0, target: 2 });
    cluster.core(1).step({ type: 'transferLeader', group: 0, from: 8, to: 1, term: 1, target: 2 });
    cluster.core(2).step({ type: 'transferLeader', group: 0, from: 3, to: 2, term: 1, target: 2 });
    cluster.pump();
    expect([cluster.core(1).isLeader, cluster.core(1).status().transferee]).toEqual([true, 0]);
  });

  test('to nobody in particular: the one that is alive, then caught up, then preferred', () => {
    const ids = [1, 2, 3, 4];
    const init = (id: number) => {
      const config = { ...testConfig, leaderPriority: id === 3 ? 5 : 0 };
      return initOf(id, confOf(ids), { config });
    };
    const cluster = new ScriptedCluster(...ids.map(init));
    cluster.elect(1);
    cluster.tickAll(1);
    cluster.core(2).transferLeadership(0);
    cluster.pump();
    expect(cluster.core(3).isLeader).toBe(true);
    cluster.isolate(4);
    cluster.propose(3);
    cluster.pump();
    expect(cluster.core(3).transferLeadership(0)).toBe(true);
    cluster.pump();
    expect([1, 2].some((id) => cluster.core(id).isLeader)).toBe(true);
    const alone = ScriptedCluster.of(1);
    alone.elect(1);
    expect(alone.core(1).transferLeadership(0)).toBe(false);
  });

  test('asking for one target after the other does not put off the check of the quorum', () => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    cluster.cut([1], [2, 3]);
    for (let i = 0; i < 20 && core.isLeader; i++) {
      core.transferLeadership(2 + (i % 2));
      cluster.tick(1);
      cluster.pump();
    }
    expect(core.isLeader).toBe(false);
  });
});
