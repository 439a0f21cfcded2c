import { expect, test } from 'vitest';
import { RaftCore } from '../../src/core/core.js';
import type { Entry, Message, Term } from '../../src/core/messages.js';
import { bytes, confOf, initOf, logOf, ScriptedCluster } from './scripted-cluster.js';

const head = { group: 0, from: 2, to: 1 } as const;

/**
 * A leader with a log of `terms`, elected in term 3, and what the others acknowledge: its own first entry stands
 * behind them.
 */
test('the commit index follows a majority, from the first entry of the own term on', () => {
  const table: readonly { terms: Term[]; acks: number[]; commit: number }[] = [
    // Alone: what the own disk holds is committed.
    { terms: [], acks: [], commit: 1 },
    { terms: [1, 2], acks: [], commit: 3 },
    // Two: both are needed.
    { terms: [1, 2], acks: [0], commit: 0 },
    { terms: [1, 2], acks: [2], commit: 0 },
    { terms: [1, 2], acks: [3], commit: 3 },
    // Three: one beside the leader is enough, and no entry of an earlier term by itself.
    { terms: [1, 2], acks: [1, 1], commit: 0 },
    { terms: [1, 2], acks: [2, 2], commit: 0 },
    { terms: [1, 2], acks: [3, 0], commit: 3 },
    { terms: [2, 2], acks: [0, 3], commit: 3 },
    // Four: three of them, a half is none.
    { terms: [1, 2], acks: [3, 0, 0], commit: 0 },
    { terms: [1, 2], acks: [3, 2, 2], commit: 0 },
    { terms: [1, 2], acks: [2, 3, 3], commit: 3 },
    // Five.
    { terms: [1, 1], acks: [3, 2, 2, 1], commit: 0 },
    { terms: [1, 1], acks: [3, 0, 3, 0], commit: 3 },
  ];
  for (const { terms, acks, commit } of table) {
    const ids = [1, ...acks.map((_, i) => i + 2)];
    const conf = confOf(ids);
    const hardState = { term: 2, vote: 0, commit: 0 };
    const cluster = new ScriptedCluster(
      initOf(1, conf, { entries: logOf(...terms), hardState }),
      ...ids.slice(1).map((id) => initOf(id, conf, { hardState })),
    );
    cluster.only((message) => message.type !== 'append');
    const core = cluster.elect(1);
    expect([core.term, core.lastIndex]).toEqual([3, terms.length + 1]);
    acks.forEach((index, i) => {
      core.step({ ...head, from: i + 2, type: 'appendResponse', term: 3, index, reject: false });
    });
    expect({ terms, acks, commit: core.commit }).toEqual({ terms, acks, commit });
  }
});

test('messages of a leader of an earlier term, however late, change no log', () => {
  const cluster = ScriptedCluster.of(3);
  cluster.elect(1);
  cluster.propose(1, 'kept');
  cluster.pump();
  const late = (prevIndex: number, commit: number): Message => ({
    ...{ ...head, type: 'append', term: 1, prevIndex, prevTerm: prevIndex === 0 ? 0 : 1, commit },
    entries: [{ term: 1, index: prevIndex + 1, kind: 'normal', data: bytes('late') }],
  });
  cluster.core(1).transferLeadership(2);
  cluster.pump();
  cluster.core(2).transferLeadership(1);
  cluster.pump();
  expect([cluster.core(1).isLeader, cluster.core(1).term]).toEqual([true, 3]);
  const picture = () => [1, 2, 3].map((id) => ({ ...cluster.core(id).status(), progress: [] }));
  const before = picture();
  for (const id of [1, 3]) {
    for (const prevIndex of [0, 1, 2, 3, 4]) cluster.core(id).step({ ...late(prevIndex, 4), to: id });
    cluster.core(id).step({ ...head, to: id, type: 'heartbeat', term: 1, commit: 4, context: 0 });
  }
  cluster.pump();
  expect(picture()).toEqual(before);
  const index = cluster.propose(1, 'next');
  cluster.pump();
  for (const id of [1, 2, 3]) {
    expect([cluster.core(id).commit, cluster.core(id).termAt(index)]).toEqual([index, 3]);
    const text = cluster.of(id).applied.map((entry) => new TextDecoder().decode(entry.data));
    expect(text).toEqual(['', 'kept', '', '', 'next']);
  }
});

test('a follower commits what it has compared with its leader, and nothing of its own tail', () => {
  const table: readonly { prevIndex: number; prevTerm: Term; terms: Term[]; told: number; commit: number }[] = [
    { prevIndex: 4, prevTerm: 2, terms: [3], told: 3, commit: 3 },
    { prevIndex: 4, prevTerm: 2, terms: [3], told: 5, commit: 5 },
    { prevIndex: 4, prevTerm: 2, terms: [3], told: 9, commit: 5 },
    { prevIndex: 2, prevTerm: 1, terms: [], told: 4, commit: 2 },
    { prevIndex: 1, prevTerm: 1, terms: [1], told: 4, commit: 2 },
    { prevIndex: 0, prevTerm: 0, terms: [], told: 4, commit: 0 },
    // Refused: nothing is compared at all.
    { prevIndex: 4, prevTerm: 1, terms: [3], told: 4, commit: 0 },
    { prevIndex: 6, prevTerm: 2, terms: [], told: 4, commit: 0 },
  ];
  for (const { prevIndex, prevTerm, terms, told, commit } of table) {
    const core = new RaftCore(initOf(1, confOf([1, 2, 3]), { entries: logOf(1, 1, 2, 2) }));
    const entries = terms.map((term, i): Entry => ({
      ...{ term, index: prevIndex + 1 + i, kind: 'normal' },
      data: bytes('x'),
    }));
    core.step({ ...head, type: 'append', term: 3, prevIndex, prevTerm, commit: told, entries });
    expect({ prevIndex, prevTerm, told, commit: core.commit }).toEqual({ prevIndex, prevTerm, told, commit });
  }
});
