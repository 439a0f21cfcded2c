import { describe, expect, test } from 'vitest';
import { encodeConfChange } from '../../src/core/conf-change.js';
import type { ConfState, Entry } from '../../src/core/messages.js';
import type { ConfChangeStep } from '../../src/core/ready.js';
import { confOf, initOf, logOf, ScriptedCluster } from './scripted-cluster.js';

const head = { group: 0, from: 2, to: 1 } as const;

function changeEntry(...steps: ConfChangeStep[]): Entry {
  const data = encodeConfChange({ transition: 'auto', steps }, new Uint8Array(0));
  return { term: 0, index: 0, kind: 'conf', data };
}

function clusterOf(conf: ConfState, ...ids: number[]): ScriptedCluster {
  return new ScriptedCluster(...ids.map((id) => initOf(id, conf)));
}

describe('one change at a time', () => {
  test('a second one is refused until the first is applied; a forwarded one leaves its place empty', () => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    cluster.holdApply(1);
    expect(cluster.change(1, [{ op: 'addLearner', id: 4 }])).toMatchObject({ ok: true, index: 2 });
    expect(cluster.change(1, [{ op: 'addLearner', id: 5 }])).toMatchObject({ ok: false, reason: 'pending' });
    const entries = [changeEntry({ op: 'addLearner', id: 5 }), { ...changeEntry(), kind: 'normal' as const }];
    core.step({ ...head, type: 'propose', term: 0, entries });
    cluster.pump();
    expect(cluster.of(2).applied.map(({ kind, data }) => [kind, data.length > 0])).toEqual([
      ['empty', false],
      ['conf', true],
      ['normal', false],
      ['normal', true],
    ]);
    expect(cluster.core(2).conf.learners).toEqual([4]);
    // Committed is not enough: it is in force where it is applied.
    expect(core.commit).toBe(4);
    expect(cluster.change(1, [{ op: 'addLearner', id: 5 }])).toMatchObject({ ok: false, reason: 'pending' });
    cluster.resumeApply(1);
    core.step({ ...head, type: 'propose', term: 0, entries: entries.slice(0, 1) });
    cluster.pump();
    for (const id of [1, 2, 3]) expect(cluster.core(id).conf.learners).toEqual([4, 5]);
  });

  test('a new leader takes whatever it found in its log for one', () => {
    const conf = confOf([1, 2, 3]);
    // Entry 3, which nobody knows to be committed, is a change.
    const inLog = [...logOf(1, 1), { ...changeEntry({ op: 'addLearner', id: 4 }), term: 1, index: 3 }];
    const durable = { entries: inLog, hardState: { term: 1, vote: 0, commit: 1 }, applied: 1 };
    const cluster = new ScriptedCluster(...[1, 2, 3].map((id) => initOf(id, conf, durable)));
    const another = () => cluster.change(1, [{ op: 'addLearner', id: 5 }]);
    cluster.holdApply(1);
    cluster.only((message) => message.type !== 'append');
    cluster.elect(1);
    expect(another()).toMatchObject({ ok: false, reason: 'notCurrentTerm' });
    cluster.heal();
    cluster.tickAll(2);
    expect(cluster.core(1).commit).toBe(4);
    expect(another()).toMatchObject({ ok: false, reason: 'notCurrentTerm' });
    cluster.resumeApply(1);
    expect(cluster.core(1).conf.learners).toEqual([4]);
    expect(another().ok).toBe(true);
  });
});

describe('members', () => {
  test('come as learners and voters, change places, and go, down to the last', () => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    const after = (op: ConfChangeStep['op'], id: number) => {
      expect(cluster.change(1, [{ op, id }]).ok).toBe(true);
      cluster.pump();
      return core.conf;
    };
    expect(after('addLearner', 4)).toEqual(confOf([1, 2, 3], { learners: [4] }));
    expect(after('addVoter', 4)).toEqual(confOf([1, 2, 3, 4]));
    expect(after('addLearner', 4)).toEqual(confOf([1, 2, 3], { learners: [4] }));
    expect(after('addLearner', 5)).toEqual(confOf([1, 2, 3], { learners: [4, 5] }));
    expect(after('remove', 4)).toEqual(confOf([1, 2, 3], { learners: [5] }));
    expect(after('remove', 4)).toEqual(confOf([1, 2, 3], { learners: [5] }));
    expect(after('remove', 3)).toEqual(confOf([1, 2], { learners: [5] }));
    expect(after('remove', 2)).toEqual(confOf([1], { learners: [5] }));
    expect(after('remove', 5)).toEqual(confOf([1]));
    expect(cluster.propose(1)).toBe(core.lastIndex);
    // The last voter stays: the proposal is refused, and what is committed all the same changes nothing.
    for (const op of ['remove', 'addLearner'] as const) {
      expect(cluster.change(1, [{ op, id: 1 }])).toMatchObject({ ok: false, reason: 'noVoters' });
      const conf = core.applyConfChange({ transition: 'auto', steps: [{ op, id: 1 }] }, core.lastIndex + 1);
      expect(conf).toEqual(confOf([1]));
    }
  });

  test('leave, and what only they held back is committed with the change', () => {
    const cluster = clusterOf(confOf([1, 2]), 1, 2);
    const core = cluster.elect(1);
    cluster.only((message) => message.type !== 'appendResponse');
    expect(cluster.change(1, [{ op: 'remove', id: 2 }])).toMatchObject({ ok: true, index: 2 });
    const index = cluster.propose(1);
    cluster.pump();
    expect(core.commit).toBe(1);
    // The last word of 2 is about the change alone.
    core.step({ ...head, type: 'appendResponse', term: 1, index: 2, reject: false });
    cluster.pump();
    expect([core.conf, core.commit]).toEqual([confOf([1]), index]);
    expect(cluster.of(1).applied.map((entry) => entry.index)).toEqual([1, 2, index]);
  });

  test('added a second time are as they were, with all that is known of them', () => {
    const cluster = clusterOf(confOf([1, 2, 3], { learners: [4] }), 1, 2, 3, 4);
    const core = cluster.elect(1);
    cluster.isolate(3);
    cluster.propose(1);
    cluster.pump();
    for (const step of [
      { op: 'addVoter', id: 2 },
      { op: 'addVoter', id: 3 },
      { op: 'addLearner', id: 4 },
    ] as const) {
      const { conf, progress } = core.status();
      const known = progress.map(({ id, match, learner }) => ({ id, match, learner }));
      cluster.holdApply(1);
      expect(cluster.change(1, [step]).ok).toBe(true);
      cluster.pump();
      cluster.resumeApply(1);
      const now = core.status();
      expect(now.conf).toEqual(conf);
      // Those who answer have taken one entry more; who does not is where it was.
      expect(now.progress.map(({ id, match, learner }) => ({ id, match, learner }))).toEqual(
        known.map((each) => ({ ...each, match: each.id === 3 ? each.match : each.match + 1 })),
      );
      cluster.pump();
    }
  });

  test('that learn do not campaign, however they are asked to; promoted they do', () => {
    const cluster = clusterOf(confOf([1, 2], { learners: [3] }), 1, 2, 3);
    cluster.elect(1);
    const learner = cluster.core(3);
    const before = cluster.sent.length;
    cluster.isolate(3);
    cluster.tick(3, 50);
    learner.campaign();
    learner.step({ ...head, from: 1, to: 3, type: 'timeoutNow', term: 1 });
    cluster.pump();
    expect([learner.role, learner.term]).toEqual(['follower', 1]);
    expect([...cluster.sentOf('preVote', before), ...cluster.sentOf('vote', before)]).toEqual([]);
    cluster.heal();
    expect(cluster.change(1, [{ op: 'addVoter', id: 3 }]).ok).toBe(true);
    cluster.tickAll(2);
    expect(cluster.core(1).transferLeadership(3)).toBe(true);
    cluster.pump();
    expect(learner.isLeader).toBe(true);
  });

  test('that learn vote when they are asked: they may be voters already and not know it', () => {
    const cluster = clusterOf(confOf([1, 2], { learners: [3] }), 1, 2, 3);
    cluster.elect(1);
    // 1 and 2 commit the promotion of 3, which does not hear of it; then 1 dies, and 2 needs the vote of 3.
    cluster.isolate(3);
    expect(cluster.change(1, [{ op: 'addVoter', id: 3 }]).ok).toBe(true);
    cluster.tickAll(2);
    expect(cluster.core(2).conf.voters).toEqual([1, 2, 3]);
    cluster.heal();
    cluster.isolate(1);
    expect(cluster.core(3).conf.learners).toEqual([3]);
    for (let i = 0; i < 40; i++) {
      cluster.tick(2);
      cluster.tick(3);
      cluster.pump();
    }
    expect(cluster.core(2).isLeader).toBe(true);
    expect(cluster.core(3).conf).toEqual(confOf([1, 2, 3]));
  });
});

describe('a joint configuration', () => {
  const steps = [
    { op: 'addVoter', id: 4 },
    { op: 'remove', id: 3 },
  ] as const;

  test('stands for two voters at once until it is left: by itself, or by hand', () => {
    for (const transition of ['auto', 'implicit', 'explicit'] as const) {
      const cluster = clusterOf(confOf([1, 2, 3]), 1, 2, 3);
      const core = cluster.elect(1);
      // What 2 applies late it applies in the same order.
      cluster.holdApply(2);
      expect(cluster.change(1, steps, transition).ok).toBe(true);
      cluster.pump();
      const joint = confOf([1, 2, 4], { votersOutgoing: [1, 2, 3] });
      if (transition === 'explicit') {
        expect(core.conf).toEqual(joint);
        cluster.tickAll(25);
        expect(core.conf).toEqual(joint);
        expect(cluster.change(1, [{ op: 'addLearner', id: 9 }])).toMatchObject({ ok: false, reason: 'inJoint' });
        expect(cluster.change(1, []).ok).toBe(true);
        cluster.pump();
      }
      expect(core.conf).toEqual(confOf([1, 2, 4]));
      expect(cluster.core(2).conf).toEqual(confOf([1, 2, 3]));
      cluster.resumeApply(2);
      expect(cluster.core(2).conf).toEqual(confOf([1, 2, 4]));
      expect(cluster.change(1, [])).toMatchObject({ ok: false, reason: 'notInJoint' });
    }
  });

  test('is left after a transfer that was in the way, though the entry was refused at first', () => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    cluster.holdApply(1);
    cluster.change(1, [{ op: 'addLearner', id: 9 }], 'implicit');
    cluster.pump();
    cluster.only((message) => message.type !== 'timeoutNow');
    core.transferLeadership(2);
    cluster.resumeApply(1);
    cluster.pump();
    expect(core.conf.votersOutgoing).toEqual([1, 2, 3]);
    cluster.tickAll(12);
    expect(core.conf).toEqual(confOf([1, 2, 3], { learners: [9] }));
  });

  test('is left by the next leader when the first one is gone, once', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.change(1, [{ op: 'addLearner', id: 9 }], 'implicit');
    // 1 commits the change, and is cut off before it could propose to leave.
    cluster.holdApply(1);
    cluster.pump();
    cluster.isolate(1);
    expect(cluster.core(2).conf.votersOutgoing).toEqual([1, 2, 3]);
    cluster.tickAll(40);
    const left = confOf([1, 2, 3], { learners: [9] });
    expect([2, 3].map((id) => cluster.core(id).conf)).toEqual([left, left]);
    cluster.heal();
    cluster.resumeApply(1);
    cluster.tickAll(5);
    expect(cluster.core(1).conf).toEqual(left);
    for (const id of [1, 2, 3]) {
      expect(cluster.of(id).applied.filter((entry) => entry.kind === 'conf').length).toBe(2);
    }
  });
});
