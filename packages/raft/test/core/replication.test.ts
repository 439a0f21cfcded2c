import { describe, expect, test } from 'vitest';
import { RaftCore } from '../../src/core/core.js';
import type { Entry, Message, Term } from '../../src/core/messages.js';
import { bytes, confOf, initOf, logOf, ScriptedCluster, testConfig } from './scripted-cluster.js';

const head = { group: 0, from: 2, to: 1 } as const;

function append(term: Term, prevIndex: number, prevTerm: Term, terms: Term[], commit = 0): Message {
  const entries = terms.map((each, i): Entry => ({
    ...{ term: each, index: prevIndex + 1 + i, kind: 'normal' },
    data: bytes(`${each}/${prevIndex + 1 + i}`),
  }));
  return { ...head, type: 'append', term, prevIndex, prevTerm, commit, entries };
}

function termsOf(core: RaftCore): Term[] {
  const terms = [];
  for (let index = core.firstIndex; index <= core.lastIndex; index++) terms.push(core.termAt(index) ?? -1);
  return terms;
}

describe('replication (Raft §5.3)', () => {
  test('a proposal leaves for everybody at once, with what comes before it', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.stallDisk(1);
    const before = cluster.sent.length;
    expect(cluster.core(1).propose([bytes('a')])).toEqual({ ok: true, term: 1, index: 2 });
    cluster.drain();
    const sent = cluster.sentOf('append', before);
    expect(sent.map(({ to, prevIndex, prevTerm, commit }) => [to, prevIndex, prevTerm, commit])).toEqual([
      [2, 1, 1, 1],
      [3, 1, 1, 1],
    ]);
    // Both are sent the same array, so that a transport encodes it once.
    expect(sent[0]?.entries).toBe(sent[1]?.entries);
  });

  test('an entry commits with the acknowledgements of a majority, whoever they come from', () => {
    for (const size of [3, 5]) {
      for (let acks = 0; acks < 2 ** (size - 1); acks++) {
        for (const ownDisk of [true, false]) {
          const cluster = ScriptedCluster.of(size);
          const core = cluster.elect(1);
          if (!ownDisk) cluster.stallDisk(1);
          cluster.isolate(1);
          const index = cluster.propose(1);
          cluster.pump();
          let holders = ownDisk ? 1 : 0;
          for (let from = 2; from <= size; from++) {
            if ((acks & (1 << (from - 2))) === 0) continue;
            holders++;
            core.step({ ...head, from, type: 'appendResponse', term: 1, index, reject: false });
          }
          expect(core.commit, `${holders} of ${size}`).toBe(holders > size / 2 ? index : index - 1);
        }
      }
    }
  });

  test('a commit is told to everybody at once, also to those who had no part in it', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.stallDisk(3);
    const index = cluster.propose(1);
    cluster.pump();
    for (const id of [1, 2, 3]) {
      expect(cluster.core(id).commit).toBe(index);
      expect(cluster.of(id).applied.map((entry) => entry.index)).toEqual([1, index]);
    }
  });

  test('a leader commits by others while its own disk is still busy, and never counts itself before', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.stallDisk(1);
    const first = cluster.propose(1);
    cluster.pump();
    expect(cluster.core(1).commit).toBe(first);
    cluster.isolate(3);
    cluster.propose(1);
    cluster.pump();
    expect(cluster.core(1).commit).toBe(first);
    cluster.resumeDisk(1);
    expect(cluster.core(1).commit).toBe(first + 1);
  });

  test('entries of one turn go into the log together, or not at all', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    expect(cluster.core(1).propose([bytes('a'), bytes('b'), bytes('c')])).toEqual({ ok: true, term: 1, index: 2 });
    cluster.pump();
    expect(cluster.of(3).applied.map((entry) => entry.index)).toEqual([1, 2, 3, 4]);
    expect(() => cluster.core(1).propose([])).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
  });

  test('a member without the leadership refuses, and names the leader it knows', () => {
    const cluster = ScriptedCluster.of(3);
    expect(cluster.core(2).propose([bytes('a')])).toEqual({ ok: false, reason: 'noLeader' });
    cluster.elect(1);
    expect(cluster.core(2).propose([bytes('a')])).toEqual({ ok: false, reason: 'notLeader', leader: 1 });
    cluster.core(2).forgetLeader();
    expect(cluster.core(2).propose([bytes('a')])).toEqual({ ok: false, reason: 'noLeader' });
  });

  test('a leader takes what others forward', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    const entry: Entry = { term: 0, index: 0, kind: 'normal', data: bytes('forwarded') };
    cluster.core(1).step({ ...head, type: 'propose', term: 0, entries: [entry] });
    cluster.pump();
    expect(cluster.of(2).applied.at(-1)?.data).toEqual(bytes('forwarded'));
  });
});

describe('what a follower does with an append', () => {
  const log = [1, 1, 2, 2];

  test.each([
    { name: 'nothing new', message: append(3, 4, 2, []), terms: log, index: 4 },
    { name: 'what it has already', message: append(3, 1, 1, [1, 2]), terms: log, index: 3 },
    { name: 'a continuation', message: append(3, 4, 2, [3]), terms: [...log, 3], index: 5 },
    { name: 'a conflict', message: append(3, 2, 1, [3]), terms: [1, 1, 3], index: 3 },
    { name: 'a conflict behind a match', message: append(3, 1, 1, [1, 2, 3, 3]), terms: [1, 1, 2, 3, 3], index: 5 },
    { name: 'another beginning', message: append(3, 0, 0, [3, 3]), terms: [3, 3], index: 2 },
  ])('$name', ({ message, terms, index }) => {
    const cluster = new ScriptedCluster(initOf(1, confOf([1, 2, 3]), { entries: logOf(...log) }));
    cluster.core(1).step(message);
    cluster.pump();
    expect(termsOf(cluster.core(1))).toEqual(terms);
    expect(cluster.sentOf('appendResponse')).toMatchObject([{ to: 2, term: 3, index, reject: false }]);
  });

  test.each([
    { name: 'a gap', message: append(3, 6, 2, [3]), hint: 4, logTerm: 2 },
    { name: 'another term there', message: append(3, 4, 1, [3]), hint: 2, logTerm: 1 },
    { name: 'a later term there', message: append(3, 3, 3, [3]), hint: 3, logTerm: 2 },
  ])('refuses $name, and says where the logs may agree', ({ message, hint, logTerm }) => {
    const cluster = new ScriptedCluster(initOf(1, confOf([1, 2, 3]), { entries: logOf(...log) }));
    cluster.core(1).step(message);
    cluster.pump();
    expect(termsOf(cluster.core(1))).toEqual(log);
    const { prevIndex } = message as Message & { type: 'append' };
    expect(cluster.sentOf('appendResponse')).toMatchObject([
      { index: prevIndex, reject: true, rejectHint: hint, logTerm },
    ]);
  });

  test('answers an append from before its commit index with that index', () => {
    const cluster = new ScriptedCluster(
      initOf(1, confOf([1, 2, 3]), { entries: logOf(...log), hardState: { term: 2, vote: 0, commit: 3 } }),
    );
    cluster.core(1).step(append(3, 1, 1, [1]));
    cluster.pump();
    expect(termsOf(cluster.core(1))).toEqual(log);
    expect(cluster.sentOf('appendResponse')).toMatchObject([{ index: 3, reject: false }]);
  });

  test.each([
    { name: 'all of the message', message: append(3, 4, 2, [3], 9), commit: 5 },
    { name: 'the leader has committed less', message: append(3, 4, 2, [3], 2), commit: 2 },
    { name: 'no further than what was compared', message: append(3, 2, 1, [], 4), commit: 2 },
  ])('commits: $name', ({ message, commit }) => {
    const core = new RaftCore(initOf(1, confOf([1, 2, 3]), { entries: logOf(...log) }));
    core.step(message);
    expect(core.commit).toBe(commit);
  });

  test('commits by a heartbeat only what it has', () => {
    const core = new RaftCore(initOf(1, confOf([1, 2, 3]), { entries: logOf(...log) }));
    core.step({ ...head, type: 'heartbeat', term: 3, commit: 9, context: 0 });
    expect(core.commit).toBe(0);
    core.step({ ...head, type: 'heartbeat', term: 3, commit: 3, context: 0 });
    expect(core.commit).toBe(3);
  });
});

describe('acknowledgements and the disk', () => {
  test('an entry is acknowledged when it is durable; what is durable already, at once', () => {
    const cluster = new ScriptedCluster(initOf(1, confOf([1, 2, 3]), { hardState: { term: 1, vote: 0, commit: 0 } }));
    cluster.stallDisk(1);
    cluster.core(1).step(append(1, 0, 0, [1, 1]));
    cluster.pump();
    expect(cluster.sent).toEqual([]);
    cluster.resumeDisk(1);
    cluster.pump();
    expect(cluster.sentOf('appendResponse')).toMatchObject([{ index: 2 }]);
    cluster.stallDisk(1);
    // Only the commit index is new, and it needs no sync.
    cluster.core(1).step(append(1, 2, 1, [], 2));
    cluster.pump();
    expect(cluster.sentOf('appendResponse')).toMatchObject([{ index: 2 }, { index: 2 }]);
  });

  test('an entry sent twice is acknowledged twice, and not before it is durable', () => {
    const cluster = new ScriptedCluster(initOf(1, confOf([1, 2, 3])));
    cluster.stallDisk(1);
    cluster.core(1).step(append(1, 0, 0, [1]));
    cluster.pump();
    cluster.core(1).step(append(1, 0, 0, [1]));
    cluster.pump();
    expect(cluster.sent).toEqual([]);
    cluster.resumeDisk(1);
    cluster.pump();
    expect(cluster.sentOf('appendResponse').length).toBe(2);
  });

  test('term, vote and entries are one batch, and only a lone commit index needs no sync', () => {
    const core = new RaftCore(initOf(1, confOf([1, 2, 3])));
    core.step(append(3, 0, 0, [3]));
    expect(core.ready().append).toMatchObject({ hardState: { term: 3, vote: 0 }, mustSync: true });
    core.step(append(3, 1, 3, [], 1));
    const { append: batch, committed } = core.ready();
    expect(batch).toMatchObject({ hardState: { commit: 1 }, entries: [], mustSync: false });
    expect(committed.map((entry) => entry.index)).toEqual([1]);
    expect(core.hasReady()).toBe(false);
  });

  test('the same entry written a second time waits for its second write (ABA)', () => {
    const core = new RaftCore(initOf(1, confOf([1, 2, 3, 4])));
    const seqs: number[] = [];
    const acks: Message[] = [];
    const turn = () => {
      const { append: batch, send } = core.ready();
      if (batch !== undefined) seqs.push(batch.seq);
      acks.push(...send.filter((message) => message.type === 'appendResponse'));
    };
    const rewritten = (term: Term, from: number, entryTerm: Term) => {
      core.step({ ...append(term, 0, 0, [entryTerm]), from });
      turn();
    };
    rewritten(1, 2, 1);
    rewritten(2, 3, 2);
    rewritten(3, 4, 1);
    core.appendDurable(seqs[0] as number);
    turn();
    // What it promised the leader of term 1 it may tell it; the leader of term 3 has to wait.
    expect(acks.map(({ to, term }) => [to, term])).toEqual([[2, 1]]);
    core.appendDurable(seqs[1] as number);
    turn();
    expect(acks.map(({ to }) => to)).toEqual([2, 3]);
    core.appendDurable(seqs[2] as number);
    turn();
    expect(acks.map(({ to, term }) => [to, term]).at(-1)).toEqual([4, 3]);
  });

  test('a write of an earlier leadership counts for nothing once its entry is replaced', () => {
    const core = new RaftCore(initOf(1, confOf([1, 2, 3]), { config: { ...testConfig, preVote: false } }));
    const seqs: number[] = [];
    const turn = () => {
      const { append: batch } = core.ready();
      if (batch !== undefined) seqs.push(batch.seq);
    };
    const finish = (batch: number) => {
      core.appendDurable(seqs[batch] as number);
    };
    const lead = () => {
      core.campaign();
      turn();
      finish(seqs.length - 1);
      core.step({ ...head, type: 'voteResponse', term: core.term, reject: false });
    };
    lead();
    turn();
    finish(1);
    core.propose([bytes('replaced')]);
    turn();
    // The leader of term 2 has another second entry, and neither write is finished.
    core.step(append(2, 1, 1, [2]));
    turn();
    expect([core.lastIndex, core.termAt(2)]).toEqual([2, 2]);
    finish(2);
    expect([core.role, core.durableIndex, core.commit]).toEqual(['follower', 1, 0]);
    core.campaign();
    turn();
    core.step({ ...head, type: 'voteResponse', term: 3, reject: false });
    finish(3);
    expect(core.durableIndex).toBe(2);
    finish(4);
    expect([core.role, core.term, core.durableIndex]).toEqual(['leader', 3, 2]);
    expect(core.status().progress.map(({ match }) => match)).toEqual([2, 0, 0]);
  });

  test('a new leader counts of its own log only what is durable', () => {
    const conf = confOf([1, 2, 3]);
    const cluster = new ScriptedCluster(...[1, 2, 3].map((id) => initOf(id, conf)));
    cluster.elect(2);
    cluster.isolate(3);
    cluster.stallDisk(1);
    cluster.propose(2);
    cluster.pump();
    cluster.core(2).stepDown();
    cluster.core(1).forgetLeader();
    cluster.heal();
    cluster.core(1).campaign();
    cluster.pump();
    expect(cluster.core(1).role).toBe('candidate');
    cluster.resumeDisk(1);
    cluster.pump();
    expect(cluster.core(1).isLeader).toBe(true);
    expect(
      cluster
        .core(1)
        .status()
        .progress.map(({ match }) => match),
    ).toEqual([3, 3, 3]);
  });
});
