import { describe, expect, test } from 'vitest';
import type { Term } from '../../src/core/messages.js';
import { confOf, initOf, logOf, ScriptedCluster, testConfig } from './scripted-cluster.js';

const head = { group: 0, from: 2, to: 1 } as const;

describe('entries of earlier terms (Raft §5.4.2)', () => {
  /** Figure 8: a leader of term 4 with an entry of term 2 that a majority comes to hold. */
  test('an entry of an earlier term does not commit by being counted', () => {
    const conf = confOf([1, 2, 3]);
    const hardState = { term: 3, vote: 0, commit: 0 };
    const cluster = new ScriptedCluster(
      initOf(1, conf, { entries: logOf(1, 2), hardState }),
      initOf(2, conf, { entries: logOf(1), hardState }),
      initOf(3, conf, { entries: logOf(1), hardState }),
    );
    // Members take only what is of an earlier term than the leader's.
    cluster.only((message) => message.type !== 'append' || message.entries.every((entry) => entry.term < 4));
    cluster.core(1).campaign();
    cluster.pump();
    expect([cluster.core(1).isLeader, cluster.core(1).term]).toEqual([true, 4]);
    cluster.core(1).step({ ...head, type: 'appendResponse', term: 4, index: 2, reject: false });
    cluster.core(1).step({ ...head, from: 3, type: 'appendResponse', term: 4, index: 2, reject: false });
    expect(cluster.core(1).commit).toBe(0);
    cluster.core(1).step({ ...head, type: 'appendResponse', term: 4, index: 3, reject: false });
    expect(cluster.core(1).commit).toBe(3);
  });

  test('nobody is believed to hold more than the leader has', () => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    core.step({ ...head, type: 'appendResponse', term: 1, index: 99, reject: false });
    expect(core.commit).toBe(1);
  });

  test('committed entries come out once, in order, in pages', () => {
    const cluster = ScriptedCluster.of(1, { maxCommittedBytes: 50 });
    cluster.elect(1);
    for (let i = 0; i < 10; i++) cluster.propose(1, 'x'.repeat(20));
    const core = cluster.core(1);
    core.appendDurable(core.ready().append?.seq ?? 0);
    const pages = [];
    while (core.hasReady()) pages.push(core.ready().committed.map((entry) => entry.index));
    expect(pages.flat()).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(pages.every((page) => page.length <= 1)).toBe(true);
  });

  test('commit with the first entry of the leader’s own term, and are handed out before it', () => {
    const logs: Term[][] = [[], [2], [1, 2], [1], [1, 1, 2, 2]];
    for (const terms of logs) {
      const ids = [1, 2, 3];
      const hardState = { term: 2, vote: 0, commit: 0 };
      const cluster = new ScriptedCluster(
        initOf(1, confOf(ids), { entries: logOf(...terms), hardState }),
        ...[2, 3].map((id) => initOf(id, confOf(ids), { hardState })),
      );
      cluster.elect(1);
      const index = cluster.propose(1);
      expect(index).toBe(terms.length + 2);
      cluster.pump();
      for (const id of ids) {
        expect(cluster.of(id).applied.map((entry) => entry.term)).toEqual([...terms, 3, 3]);
        expect(cluster.of(id).applied.at(-1)?.index).toBe(index);
      }
    }
  });

  /**
   * 1 led term 1 and reached only 2 with its last two entries; 2 leads term 2, where appends that would bring an entry
   * of a term that does not pass are lost. An append holds one entry.
   */
  function leftBehind(passes: (term: Term) => boolean): ScriptedCluster {
    const ids = [1, 2, 3, 4, 5];
    const config = { ...testConfig, maxAppendBytes: 1, checkQuorum: false };
    const cluster = new ScriptedCluster(...ids.map((id) => initOf(id, confOf(ids), { config })));
    cluster.elect(1);
    cluster.cut([1, 2], [3, 4, 5]);
    cluster.propose(1);
    cluster.propose(1);
    cluster.pump();
    expect([cluster.core(1).commit, cluster.core(2).lastIndex]).toEqual([1, 3]);
    cluster.heal();
    cluster.only((message) => {
      if (message.type !== 'append' || message.entries.every(({ term }) => passes(term))) return true;
      // Probes pass, as long as the member lacks what comes before: it says so.
      return cluster.core(message.to).lastIndex === 1;
    });
    cluster.core(2).campaign();
    cluster.pump();
    cluster.tickAll(5);
    expect([cluster.core(2).isLeader, cluster.core(2).term]).toEqual([true, 2]);
    return cluster;
  }

  test('stay uncommitted after a change of leaders as long as none of its own term is', () => {
    const cluster = leftBehind((term) => term < 2);
    expect([1, 2, 3, 4, 5].map((id) => cluster.core(id).lastIndex)).toEqual([3, 4, 3, 3, 3]);
    expect([1, 2, 3, 4, 5].map((id) => cluster.core(id).commit)).toEqual([1, 1, 1, 1, 1]);
  });

  test('commit after a change of leaders though nobody proposes anything', () => {
    const cluster = leftBehind(() => true);
    expect([1, 2, 3, 4, 5].map((id) => cluster.core(id).commit)).toEqual([4, 4, 4, 4, 4]);
    expect(cluster.of(5).applied.map(({ term, kind }) => [term, kind])).toEqual([
      [1, 'empty'],
      [1, 'normal'],
      [1, 'normal'],
      [2, 'empty'],
    ]);
  });
});
