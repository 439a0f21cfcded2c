import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeConfChange, encodeConfChange } from '../../src/core/conf-change.js';
import { RaftCore } from '../../src/core/core.js';
import { emptyConf, nextConf } from '../../src/core/membership.js';
import type { ConfState, Entry } from '../../src/core/messages.js';
import type { ConfChange, ConfChangeStep } from '../../src/core/ready.js';
import { bytes, confOf, initOf, ScriptedCluster, testConfig } from './scripted-cluster.js';

const none = new Uint8Array(0);
const step: fc.Arbitrary<ConfChangeStep> = fc.record({
  op: fc.constantFrom('addVoter' as const, 'addLearner' as const, 'remove' as const),
  id: fc.integer({ min: 1, max: 6 }),
});
const transition = fc.constantFrom('auto' as const, 'implicit' as const, 'explicit' as const);

describe('the bytes of a change', () => {
  test('come back as they went in', () => {
    const id = fc.oneof(fc.nat(300), fc.maxSafeNat());
    const change = fc.record({
      transition,
      steps: fc.array(fc.record({ op: fc.constantFrom('addVoter', 'addLearner', 'remove'), id }), { maxLength: 20 }),
    }) as fc.Arbitrary<ConfChange>;
    fc.assert(
      fc.property(change, fc.uint8Array({ maxLength: 300 }), (original, context) => {
        const decoded = decodeConfChange(encodeConfChange(original, context));
        expect(decoded.change).toEqual(original);
        expect([...decoded.context]).toEqual([...context]);
      }),
    );
  });

  test('are refused when they are cut, too long or not ours, and nothing else is thrown', () => {
    const good = encodeConfChange({ transition: 'auto', steps: [{ op: 'addVoter', id: 300 }] }, bytes('context'));
    const corrupt = expect.objectContaining({ code: 'ERR_CORRUPT' });
    for (let length = 0; length < good.length; length++) {
      expect(() => decodeConfChange(good.subarray(0, length))).toThrow(corrupt);
    }
    expect(() => decodeConfChange(Uint8Array.of(...good, 0))).toThrow(corrupt);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (data) => {
        try {
          decodeConfChange(data);
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_CORRUPT' });
        }
      }),
    );
  });

  test('cannot be made of nonsense', () => {
    const invalid = expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' });
    const one = (more: object) => ({ transition: 'auto', steps: [{ op: 'remove', id: 1, ...more }] }) as ConfChange;
    expect(() => encodeConfChange(one({ id: -1 }), none)).toThrow(invalid);
    expect(() => encodeConfChange(one({ id: 1.5 }), none)).toThrow(invalid);
    expect(() => encodeConfChange(one({ op: 'promote' }), none)).toThrow(invalid);
    expect(() => encodeConfChange({ ...one({}), transition: 'now' } as unknown as ConfChange, none)).toThrow(invalid);
    const many = new Array<ConfChangeStep>(2000).fill({ op: 'remove', id: 1 });
    expect(() => encodeConfChange({ transition: 'auto', steps: many }, none)).toThrow(invalid);
  });
});

describe('configurations', () => {
  const reachable = fc.array(fc.record({ transition, steps: fc.array(step, { maxLength: 4 }) }), { maxLength: 12 });

  function walk(changes: readonly ConfChange[], visit: (before: ConfState, after: ConfState) => void): void {
    let conf = confOf([1, 2, 3]);
    for (const change of changes) {
      const next = nextConf(conf, change);
      if (!next.ok) continue;
      visit(conf, next.conf);
      conf = next.conf;
    }
  }

  test('keep voters, and no member is voter and learner at once', () => {
    fc.assert(
      fc.property(reachable, (changes) => {
        walk(changes, (_, conf) => {
          expect(conf.voters.length).toBeGreaterThan(0);
          const voters = new Set([...conf.voters, ...conf.votersOutgoing]);
          expect(conf.learners.filter((id) => voters.has(id))).toEqual([]);
          expect(conf.learnersNext.filter((id) => !conf.votersOutgoing.includes(id))).toEqual([]);
          expect(conf.learnersNext.filter((id) => conf.voters.includes(id))).toEqual([]);
          expect(conf.autoLeave && conf.votersOutgoing.length === 0).toBe(false);
          for (const ids of [conf.voters, conf.votersOutgoing, conf.learners, conf.learnersNext]) {
            expect([...ids]).toEqual([...new Set(ids)].sort((a, b) => a - b));
          }
        });
      }),
      { numRuns: 500 },
    );
  });

  test('one after the other always share a member of any two of their quorums', () => {
    const isQuorum = (conf: ConfState, members: ReadonlySet<number>) =>
      [conf.voters, conf.votersOutgoing].every(
        (half) => half.length === 0 || half.filter((id) => members.has(id)).length * 2 > half.length,
      );
    const subsets = Array.from({ length: 64 }, (_, bits) => [1, 2, 3, 4, 5, 6].filter((id) => bits & (1 << (id - 1))));
    fc.assert(
      fc.property(reachable, (changes) => {
        walk(changes, (before, after) => {
          const apart = subsets.filter((members) => {
            const others = [1, 2, 3, 4, 5, 6].filter((id) => !members.includes(id));
            return isQuorum(before, new Set(members)) && isQuorum(after, new Set(others));
          });
          expect(apart).toEqual([]);
        });
      }),
      { numRuns: 300 },
    );
  });

  test('auto goes through a joint configuration only where more than one voter moves', () => {
    const change = (...steps: ConfChangeStep[]) => nextConf(confOf([1, 2, 3]), { transition: 'auto', steps });
    const joint = (result: ReturnType<typeof nextConf>) => result.ok && result.conf.votersOutgoing.length > 0;
    expect(joint(change({ op: 'addVoter', id: 4 }, { op: 'addLearner', id: 5 }, { op: 'addLearner', id: 6 }))).toBe(
      false,
    );
    expect(joint(change({ op: 'addVoter', id: 4 }, { op: 'remove', id: 1 }))).toBe(true);
  });

  test('step ids of 0 are nobody', () => {
    expect(nextConf(emptyConf, { transition: 'auto', steps: [{ op: 'addVoter', id: 0 }] })).toMatchObject({
      ok: false,
    });
  });
});

describe('changing members', () => {
  /** Three members behind a snapshot at index 1, and others who know nothing yet. */
  function founded(others: readonly number[] = [], config: Partial<typeof testConfig> = {}): ScriptedCluster {
    const conf = confOf([1, 2, 3]);
    const start = { start: { index: 1, term: 1 }, hardState: { term: 1, vote: 0, commit: 1 }, applied: 1 };
    const all = { ...testConfig, ...config };
    return new ScriptedCluster(
      ...[1, 2, 3].map((id) => initOf(id, conf, { ...start, config: all })),
      ...others.map((id) => initOf(id, emptyConf, { config: all })),
    );
  }

  /** What the driver does: carry a snapshot to who needs one. */
  function sendSnapshots(cluster: ScriptedCluster, from: number): void {
    for (const to of cluster.of(from).snapshotsTo.splice(0)) {
      const { conf, commit } = cluster.core(from);
      const meta = { index: commit, term: cluster.core(from).termAt(commit) ?? 0, conf, size: 0 };
      cluster.core(to).restoreSnapshot(meta, from);
      cluster.pump();
      cluster.core(from).reportSnapshot(to, true);
      cluster.pump();
    }
  }

  test('a learner is added, catches up by snapshot, is promoted, and counts', () => {
    const cluster = founded([4]);
    cluster.elect(1);
    expect(cluster.change(1, [{ op: 'addLearner', id: 4 }]).ok).toBe(true);
    cluster.pump();
    expect(cluster.of(1).snapshotsTo).toEqual([4]);
    sendSnapshots(cluster, 1);
    expect(cluster.core(4).conf.learners).toEqual([4]);
    expect(cluster.change(1, [{ op: 'addVoter', id: 4 }]).ok).toBe(true);
    cluster.pump();
    for (const id of [1, 2, 3, 4]) expect(cluster.core(id).conf.voters).toEqual([1, 2, 3, 4]);
    cluster.cut([1, 4], [2, 3]);
    const index = cluster.propose(1);
    cluster.pump();
    expect(cluster.core(1).commit).toBeLessThan(index);
  });

  test('one change at a time, until it is applied', () => {
    const cluster = founded();
    cluster.elect(1);
    cluster.holdApply(1);
    expect(cluster.change(1, [{ op: 'addLearner', id: 4 }]).ok).toBe(true);
    expect(cluster.change(1, [{ op: 'addLearner', id: 5 }])).toMatchObject({ ok: false, reason: 'pending' });
    cluster.pump();
    expect(cluster.change(1, [{ op: 'addLearner', id: 5 }])).toMatchObject({ ok: false, reason: 'pending' });
    cluster.resumeApply(1);
    expect(cluster.change(1, [{ op: 'addLearner', id: 5 }]).ok).toBe(true);
  });

  test('a new leader takes no change while the log it found is not applied', () => {
    const cluster = founded();
    cluster.elect(1);
    cluster.holdApply(2);
    cluster.propose(1);
    cluster.pump();
    cluster.core(1).transferLeadership(2);
    cluster.pump();
    expect(cluster.core(2).isLeader).toBe(true);
    expect(cluster.change(2, [{ op: 'addLearner', id: 5 }])).toMatchObject({ ok: false, reason: 'notCurrentTerm' });
    cluster.resumeApply(2);
    expect(cluster.change(2, [{ op: 'addLearner', id: 5 }]).ok).toBe(true);
  });

  test('a member with a committed change it has not applied does not campaign, in any way', () => {
    const cluster = founded();
    cluster.elect(1);
    cluster.holdApply(2);
    cluster.change(1, [{ op: 'addLearner', id: 4 }]);
    cluster.pump();
    cluster.core(2).campaign();
    cluster.core(2).step({ type: 'timeoutNow', group: 0, from: 1, to: 2, term: cluster.core(2).term });
    cluster.tick(2, 50);
    expect(cluster.core(2).role).toBe('follower');
    cluster.resumeApply(2);
    cluster.core(2).campaign();
    expect(cluster.core(2).role).toBe('preCandidate');
  });

  test.each(['auto', 'implicit'] as const)('a joint change (%s) is left by the leader itself', (transition) => {
    const cluster = founded();
    cluster.elect(1);
    const steps = [
      { op: 'addVoter', id: 4 },
      { op: 'remove', id: 3 },
    ] as const;
    expect(cluster.change(1, steps, transition).ok).toBe(true);
    cluster.isolate(3);
    cluster.pump();
    // 1 and 2 are a majority of both halves.
    expect(cluster.core(1).conf).toEqual(confOf([1, 2, 4]));
  });

  test('an explicit one stays until it is left', () => {
    const cluster = founded();
    cluster.elect(1);
    expect(cluster.change(1, [{ op: 'addLearner', id: 3 }], 'explicit').ok).toBe(true);
    cluster.pump();
    expect(cluster.core(1).conf).toEqual(confOf([1, 2], { votersOutgoing: [1, 2, 3], learnersNext: [3] }));
    expect(cluster.change(1, [{ op: 'addLearner', id: 9 }])).toMatchObject({ ok: false, reason: 'inJoint' });
    expect(cluster.change(1, []).ok).toBe(true);
    cluster.pump();
    expect(cluster.core(2).conf).toEqual(confOf([1, 2], { learners: [3] }));
    expect(cluster.change(1, [])).toMatchObject({ ok: false, reason: 'notInJoint' });
  });

  test('both halves must agree while a change is joint', () => {
    const cluster = founded();
    cluster.elect(1);
    cluster.change(1, [{ op: 'remove', id: 2 }], 'explicit');
    cluster.pump();
    cluster.isolate(3);
    const index = cluster.propose(1);
    cluster.pump();
    // 1 and 2 are a majority of the old half, and 1 alone none of the new.
    expect(cluster.core(1).commit).toBeLessThan(index);
    cluster.heal();
    cluster.tickAll(2);
    expect(cluster.core(1).commit).toBe(index);
  });

  test('removing a voter can make entries committed at once', () => {
    const cluster = founded();
    cluster.elect(1);
    cluster.isolate(3);
    cluster.change(1, [{ op: 'remove', id: 3 }]);
    cluster.pump();
    cluster.isolate(2);
    cluster.change(1, [{ op: 'remove', id: 2 }]);
    const index = cluster.propose(1);
    cluster.pump();
    expect(cluster.core(1).commit).toBeLessThan(index);
    cluster.heal();
    cluster.isolate(3);
    cluster.tickAll(2);
    expect(cluster.core(1).conf.voters).toEqual([1]);
    expect(cluster.core(1).commit).toBe(index);
  });

  test('a leader that is removed or demoted steps down, or stays and refuses, as configured', () => {
    for (const op of ['remove', 'addLearner'] as const) {
      const cluster = founded();
      cluster.elect(1);
      cluster.change(1, [{ op, id: 1 }]);
      cluster.pump();
      expect(cluster.core(1).role).toBe('follower');
      cluster.tickAll(40);
      expect([2, 3].some((id) => cluster.core(id).isLeader)).toBe(true);
    }
    const cluster = founded([], { stepDownOnRemoval: false });
    cluster.elect(1);
    cluster.change(1, [{ op: 'remove', id: 1 }]);
    cluster.pump();
    expect(cluster.core(1).propose([bytes('x')])).toMatchObject({ ok: false, reason: 'removed' });
  });

  test('the last voter cannot be removed, and a change that makes no sense changes nothing when applied', () => {
    const cluster = new ScriptedCluster(initOf(1, confOf([1])));
    const core = cluster.elect(1);
    expect(cluster.change(1, [{ op: 'remove', id: 1 }])).toMatchObject({ ok: false, reason: 'noVoters' });
    expect(cluster.change(1, [{ op: 'addLearner', id: 1 }])).toMatchObject({ ok: false, reason: 'noVoters' });
    const conf = core.applyConfChange({ transition: 'auto', steps: [{ op: 'remove', id: 1 }] }, 50);
    expect(conf).toEqual(confOf([1]));
    expect(core.applyConfChange({ transition: 'auto', steps: [] }, 51)).toEqual(confOf([1]));
  });

  test('the id 0 stands for the entry’s own index', () => {
    const cluster = new ScriptedCluster(initOf(1, confOf([1])));
    cluster.elect(1);
    const steps = [
      { op: 'addVoter', id: 0 },
      { op: 'remove', id: 1 },
    ] as const;
    expect(cluster.change(1, steps).ok).toBe(true);
  });

  test('the commit of a change is synced, so that it is not forgotten after those it removed have left', () => {
    const core = new RaftCore(initOf(1, confOf([1, 2]), { hardState: { term: 1, vote: 0, commit: 0 } }));
    const data = encodeConfChange({ transition: 'auto', steps: [{ op: 'addLearner', id: 9 }] }, none);
    const entries: Entry[] = [{ term: 1, index: 1, kind: 'conf', data }];
    const head = { type: 'append', group: 0, from: 2, to: 1, term: 1 } as const;
    core.step({ ...head, prevIndex: 0, prevTerm: 0, commit: 0, entries });
    core.appendDurable(core.ready().append?.seq ?? 0);
    core.step({ ...head, prevIndex: 1, prevTerm: 1, commit: 1, entries: [] });
    expect(core.ready().append).toMatchObject({ mustSync: true, hardState: { commit: 1 }, entries: [] });
  });

  test('late answers of a member that is gone move nothing, not even the term', () => {
    const cluster = founded();
    const core = cluster.elect(1);
    cluster.change(1, [{ op: 'remove', id: 3 }]);
    cluster.pump();
    core.step({ type: 'appendResponse', group: 0, from: 3, to: 1, term: 99, index: 1, reject: false });
    expect([core.term, core.isLeader]).toEqual([2, true]);
  });
});
