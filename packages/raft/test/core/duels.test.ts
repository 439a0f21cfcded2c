import { describe, expect, test } from 'vitest';
import type { RaftCore } from '../../src/core/core.js';
import { confOf, initOf, logOf, ScriptedCluster, testConfig } from './scripted-cluster.js';

const plain = { preVote: false, checkQuorum: false };

function termsOf(core: RaftCore): (number | undefined)[] {
  return Array.from({ length: core.lastIndex }, (_, i) => core.termAt(i + 1));
}

describe('candidates and leaders after each other', () => {
  test('leadership goes round', () => {
    for (const preVote of [false, true]) {
      const cluster = ScriptedCluster.of(3, { checkQuorum: false, preVote });
      for (const id of [1, 2, 3, 1]) {
        cluster.core(id).campaign();
        cluster.drain();
        // It leads by votes of this term, not by those that it once had.
        expect(cluster.core(id).isLeader).toBe(false);
        cluster.pump();
        expect([...cluster.cores.values()].filter((core) => core.isLeader).map((core) => core.id)).toEqual([id]);
      }
      expect(cluster.core(1).term).toBe(4);
      expect([...cluster.cores.values()].map((core) => core.commit)).toEqual([4, 4, 4]);
    }
  });

  test('of two candidates one leads, and the other finds its log too short', () => {
    const cluster = ScriptedCluster.of(3, plain);
    cluster.cut([1], [3]);
    cluster.core(1).campaign();
    cluster.core(3).campaign();
    cluster.pump();
    expect([1, 2, 3].map((id) => cluster.core(id).role)).toEqual(['leader', 'follower', 'candidate']);
    expect(cluster.core(3).term).toBe(1);
    cluster.heal();
    // In the next term it deposes the leader, and yet it cannot win: it lacks what 1 has committed.
    cluster.core(3).campaign();
    cluster.pump();
    expect([1, 2, 3].map((id) => [cluster.core(id).role, cluster.core(id).term])).toEqual([
      ['follower', 2],
      ['follower', 2],
      ['follower', 2],
    ]);
    expect([1, 2, 3].map((id) => cluster.core(id).lastIndex)).toEqual([1, 1, 0]);
    cluster.elect(2);
    expect([1, 2, 3].map((id) => termsOf(cluster.core(id)))).toEqual([
      [1, 3],
      [1, 3],
      [1, 3],
    ]);
  });

  test('a candidate concedes to the leader of its term, and takes its log', () => {
    const cluster = ScriptedCluster.of(3, plain);
    cluster.isolate(1);
    cluster.core(1).campaign();
    cluster.elect(3);
    expect([cluster.core(1).role, cluster.core(1).term, cluster.core(3).term]).toEqual(['candidate', 1, 1]);
    cluster.heal();
    cluster.tick(3);
    cluster.pump();
    cluster.propose(3);
    cluster.pump();
    expect([cluster.core(1).role, cluster.core(1).term, cluster.core(1).leader]).toEqual(['follower', 1, 3]);
    expect(cluster.core(3).isLeader).toBe(true);
    expect([cluster.core(1).lastIndex, cluster.core(1).commit]).toEqual([2, 2]);
  });

  test('a candidate yields to whoever leads its term or a later one, by append or heartbeat', () => {
    for (const term of [1, 2]) {
      for (const type of ['append', 'heartbeat'] as const) {
        for (const preVote of [false, true]) {
          const cluster = ScriptedCluster.of(3, { preVote });
          const core = cluster.core(1);
          core.campaign();
          cluster.dropAll();
          // A pre-candidate is still in term 0, which nobody leads.
          const head = { group: 0, from: 2, to: 1, term, commit: 0 };
          if (type === 'append') core.step({ ...head, type, prevIndex: 0, prevTerm: 0, entries: logOf(term) });
          else core.step({ ...head, type, context: 0 });
          expect([core.role, core.term, core.leader]).toEqual(['follower', term, 2]);
          expect(core.lastIndex).toBe(type === 'append' ? 1 : 0);
        }
      }
    }
  });

  /** 1 led term 1 and reached 2 with an entry; then 3 led term 2 with the votes of 4 and 5, and reached nobody. */
  test('a leader overwrites an entry of a later term than its last, where that is not committed', () => {
    const ids = [1, 2, 3, 4, 5];
    const init = (id: number, terms: number[], vote: number) => {
      const hardState = { term: vote === 1 ? 1 : 2, vote, commit: 0 };
      return initOf(id, confOf(ids), { config: { ...testConfig, ...plain }, entries: logOf(...terms), hardState });
    };
    const cluster = new ScriptedCluster(
      init(1, [1], 1),
      init(2, [1], 1),
      init(3, [2], 3),
      init(4, [], 3),
      init(5, [], 3),
    );
    // In term 2 the voters of 3 have no vote left; 1 learns of the term, and has a majority without 3 in the next.
    cluster.core(1).campaign();
    cluster.pump();
    expect([cluster.core(1).role, cluster.core(1).term]).toEqual(['follower', 2]);
    cluster.elect(1);
    cluster.tickAll(3);
    for (const id of ids) expect([id, ...termsOf(cluster.core(id))]).toEqual([id, 1, 3]);
    for (const id of ids) expect(cluster.core(id).commit).toBe(2);
  });
});
