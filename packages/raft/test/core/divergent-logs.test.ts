import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RaftCore } from '../../src/core/core.js';
import type { Term } from '../../src/core/messages.js';
import { confOf, initOf, logOf, ScriptedCluster, testConfig } from './scripted-cluster.js';

function termsOf(core: RaftCore): Term[] {
  const terms = [];
  for (let index = core.firstIndex; index <= core.lastIndex; index++) terms.push(core.termAt(index) ?? -1);
  return terms;
}

describe('divergent logs', () => {
  /** Figure 7 of the paper. */
  const figure = [
    [1, 1, 1, 4, 4, 5, 5, 6, 6, 6],
    [1, 1, 1, 4, 4, 5, 5, 6, 6],
    [1, 1, 1, 4],
    [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
    [1, 1, 1, 4, 4, 4, 4],
    [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
  ];

  test('become the leader’s', () => {
    const ids = figure.map((_, i) => i + 1);
    const hardState = { term: 7, vote: 0, commit: 0 };
    const cluster = new ScriptedCluster(
      ...figure.map((terms, i) => initOf(i + 1, confOf(ids), { entries: logOf(...terms), hardState })),
    );
    cluster.elect(1);
    cluster.tickAll(3);
    for (const id of ids) expect(termsOf(cluster.core(id))).toEqual([...(figure[0] ?? []), 8]);
  });

  test('cost one probe a term at most', () => {
    const terms = (...from: Term[]) =>
      fc.array(fc.constantFrom(...from), { maxLength: 40 }).map((some) => [...some].sort((a, b) => a - b));
    // Logs that Raft can bring about: equal up to a point, and with no term in common behind it.
    fc.assert(
      fc.property(terms(1, 2), terms(3, 5, 7), terms(4, 6), (common, left, right) => {
        const leaders = [...common, ...left];
        const followers = [...common, ...right];
        const conf = confOf([1, 2]);
        const hardState = { term: 7, vote: 0, commit: 0 };
        const cluster = new ScriptedCluster(
          initOf(1, confOf([1]), { entries: logOf(...leaders), hardState }),
          initOf(2, conf, { entries: logOf(...followers), hardState }),
        );
        // A leader of its own, whose member then gets to know it.
        cluster.elect(1);
        cluster.change(1, [{ op: 'addLearner', id: 2 }]);
        cluster.pump();
        cluster.tickAll(3);
        expect(termsOf(cluster.core(2))).toEqual(termsOf(cluster.core(1)));
        expect(cluster.sentOf('appendResponse').filter((message) => message.reject).length).toBeLessThanOrEqual(7);
      }),
      { numRuns: 100 },
    );
  });

  /** A leader with the log `ours` and a follower with `theirs`: where the leader probes until the two agree. */
  function probes(ours: Term[], theirs: Term[], compacted = 0): number[] {
    const conf = confOf([1, 2, 3]);
    const config = { ...testConfig, preVote: false };
    const hardState = { term: 7, vote: 0, commit: compacted };
    const start = { index: compacted, term: theirs[compacted - 1] ?? 0 };
    const cluster = new ScriptedCluster(
      initOf(1, conf, { config, hardState: { ...hardState, commit: 0 }, entries: logOf(...ours) }),
      initOf(2, conf, { config, hardState, entries: logOf(...theirs).slice(compacted), start, applied: compacted }),
    );
    // 3 elects it: the log of 2 may be the better one, and not committed.
    cluster.only((message) => message.type !== 'vote');
    cluster.core(1).campaign();
    cluster.pump();
    cluster.core(1).step({ type: 'voteResponse', group: 0, from: 3, to: 1, term: 8, reject: false });
    cluster.pump();
    expect([cluster.core(2).lastIndex, cluster.core(2).termAt(ours.length + 1)]).toEqual([ours.length + 1, 8]);
    const rejected = cluster.sentOf('appendResponse').filter(({ reject }) => reject).length;
    const sent = cluster.sentOf('append').filter(({ to }) => to === 2);
    return sent.slice(0, rejected + 1).map(({ prevIndex }) => prevIndex);
  }

  test('are compared a term at a time, from both sides', () => {
    const log = (runs: string): Term[] => runs.split('').map(Number);
    const table: readonly [ours: string, theirs: string, probes: number[], compacted?: number][] = [
      // Nothing in the way.
      ['', '', [0]],
      ['', '11', [0]],
      ['112', '112', [3]],
      ['112', '11233', [3]],
      ['1114455666', '11144556667', [10]],
      ['1114455666', '111445566677', [10]],
      // The follower lacks entries.
      ['11', '', [2, 0]],
      ['1111111', '111', [7, 3]],
      ['1114455666', '111445566', [10, 9]],
      ['1114455666', '1114', [10, 4]],
      // The follower has terms that the leader lacks: it skips them.
      ['1113', '11144', [4, 3]],
      ['1122', '113333', [4, 2]],
      ['12', '144444444', [2, 1]],
      // The leader has terms that the follower lacks: it skips them.
      ['1115555', '1112222', [7, 3]],
      ['13333', '1222222', [5, 1]],
      ['1114455666', '1114444', [10, 5]],
      ['1114455666', '11122233333', [10, 3]],
      // Both.
      ['12244', '13333', [5, 3, 1]],
      ['1357', '1246', [4, 3, 2, 1]],
      ['15555555555', '11333334444', [11, 1]],
      ['112255', '113344', [6, 4, 2]],
      // The follower has let go of the beginning of its log, which is committed.
      ['111555', '11122', [6, 3], 3],
      ['111333', '11144', [6, 3], 3],
      ['111333', '111', [6, 3], 3],
    ];
    for (const [ours, theirs, expected, compacted] of table) {
      expect(probes(log(ours), log(theirs), compacted), `${ours} and ${theirs}`).toEqual(expected);
    }
  });

  test('a refusal that was overtaken never makes the leader probe what is acknowledged', () => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    for (let i = 0; i < 4; i++) cluster.propose(1);
    cluster.pump();
    const member = () => core.status().progress[1];
    const refusal = { type: 'appendResponse', group: 0, from: 2, to: 1, term: 1, reject: true } as const;
    expect(member()).toMatchObject({ state: 'replicate', match: 5, next: 6 });
    for (const index of [1, 3, 5]) core.step({ ...refusal, index, rejectHint: 0, logTerm: 0 });
    expect(member()).toMatchObject({ state: 'replicate', match: 5, next: 6 });
    core.reportUnreachable(2);
    for (const index of [1, 3, 5]) core.step({ ...refusal, index, rejectHint: 0, logTerm: 0 });
    expect(member()).toMatchObject({ state: 'probe', match: 5, next: 6 });
    cluster.propose(1);
    cluster.tickAll(1);
    expect(member()).toMatchObject({ state: 'replicate', match: 6, next: 7 });
  });
});
