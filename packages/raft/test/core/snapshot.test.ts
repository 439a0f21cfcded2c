import { describe, expect, test } from 'vitest';
import { RaftCore } from '../../src/core/core.js';
import { emptyConf } from '../../src/core/membership.js';
import type { Message, SnapshotMeta } from '../../src/core/messages.js';
import { bytes, confOf, initOf, logOf, ScriptedCluster } from './scripted-cluster.js';

const meta: SnapshotMeta = { index: 10, term: 3, conf: confOf([1, 2, 3], { learners: [4] }), size: 1 };

/** A leader whose log begins behind what 3 has. */
function compacted(): ScriptedCluster {
  const cluster = ScriptedCluster.of(3);
  cluster.elect(1);
  cluster.isolate(3);
  for (let i = 0; i < 9; i++) cluster.propose(1);
  cluster.pump();
  cluster.core(1).compact(10);
  cluster.heal();
  return cluster;
}

describe('a leader that lacks what a member needs', () => {
  test('asks for a snapshot, sends nothing meanwhile, and goes on behind it', () => {
    const cluster = compacted();
    cluster.tickAll(3);
    expect(cluster.of(1).snapshotsTo).toEqual([3]);
    expect(cluster.core(1).status().progress[2]).toMatchObject({
      state: 'snapshot',
      paused: true,
      pendingSnapshot: 10,
    });
    const before = cluster.sent.length;
    cluster.propose(1);
    cluster.tickAll(3);
    expect(cluster.sentOf('append', before).filter(({ to }) => to === 3)).toEqual([]);
    expect(cluster.of(1).snapshotsTo).toEqual([3]);
    expect(cluster.core(3).restoreSnapshot({ ...meta, term: 1, conf: confOf([1, 2, 3]) }, 1)).toBe(true);
    cluster.core(1).reportSnapshot(3, true);
    cluster.pump();
    expect(cluster.core(1).status().progress[2]).toMatchObject({ state: 'replicate', match: 11 });
    expect(cluster.of(3).applied.map((entry) => entry.index)).toEqual([1, 11]);
  });

  test('probes where the member was when the transfer fails, and asks again', () => {
    const cluster = compacted();
    cluster.tickAll(3);
    cluster.core(1).reportSnapshot(3, false);
    expect(cluster.core(1).status().progress[2]).toMatchObject({ state: 'probe', paused: true, next: 2 });
    cluster.tickAll(2);
    expect(cluster.of(1).snapshotsTo).toEqual([3, 3]);
  });

  test('takes any snapshot that brings the member to its log', () => {
    const cluster = compacted();
    cluster.tickAll(3);
    for (let i = 0; i < 5; i++) cluster.propose(1);
    cluster.pump();
    // Not the one it asked for, and its report is lost.
    cluster.core(3).restoreSnapshot({ ...meta, index: 12, term: 1, conf: confOf([1, 2, 3]) }, 1);
    cluster.pump();
    expect(cluster.core(1).status().progress[2]).toMatchObject({ state: 'replicate', match: 15 });
  });

  test('asks for none for a member that is silent', () => {
    const cluster = compacted();
    cluster.isolate(3);
    // An election timeout without a word of it.
    cluster.tickAll(25);
    cluster.core(1).reportUnreachable(3);
    cluster.propose(1);
    cluster.tickAll(5);
    expect(cluster.of(1).snapshotsTo).toEqual([]);
    expect(cluster.core(1).status().progress[2]).toMatchObject({ state: 'probe', next: 2, recentActive: false });
    cluster.heal();
    cluster.tickAll(1);
    expect(cluster.of(1).snapshotsTo).toEqual([3]);
  });

  test('asks for one once, whatever else there is to send', () => {
    const cluster = compacted();
    cluster.tickAll(2);
    const before = cluster.sent.length;
    for (let i = 0; i < 5; i++) {
      cluster.propose(1);
      cluster.core(1).reportUnreachable(3);
      cluster.tickAll(1);
    }
    expect(cluster.of(1).snapshotsTo).toEqual([3]);
    expect(cluster.sentOf('append', before).filter(({ to }) => to === 3)).toEqual([]);
    // It is not forgotten: heartbeats go on.
    expect(cluster.sentOf('heartbeat', before).filter(({ to }) => to === 3).length).toBe(5);
    expect(cluster.core(1).status().progress[2]).toMatchObject({ state: 'snapshot', pendingSnapshot: 10, next: 11 });
  });

  test('probes behind it once the transfer is reported done, when the member is heard of', () => {
    const cluster = compacted();
    cluster.tickAll(2);
    cluster.propose(1);
    cluster.pump();
    cluster.core(1).reportSnapshot(3, true);
    expect(cluster.core(1).status().progress[2]).toMatchObject({ state: 'probe', paused: true, match: 1, next: 11 });
    const before = cluster.sent.length;
    cluster.propose(1);
    cluster.drain();
    expect(cluster.sentOf('append', before).filter(({ to }) => to === 3)).toEqual([]);
    cluster.core(1).step({ type: 'heartbeatResponse', group: 0, from: 3, to: 1, term: 1, context: 0 });
    cluster.drain();
    expect(cluster.sentOf('append', before).filter(({ to }) => to === 3)).toMatchObject([{ prevIndex: 10 }]);
  });

  test('ends the wait by an answer that reaches its log, and by none that falls short', () => {
    const cluster = compacted();
    cluster.tickAll(2);
    const core = cluster.core(1);
    const answer = (index: number) => {
      core.step({ type: 'appendResponse', group: 0, from: 3, to: 1, term: 1, index, reject: false });
      return core.status().progress[2];
    };
    expect(answer(5)).toMatchObject({ state: 'snapshot', match: 5, paused: true });
    expect(answer(9)).toMatchObject({ state: 'snapshot', match: 9, paused: true });
    // The one on its way may still bring it here, so no other is asked for.
    cluster.drain();
    expect(cluster.of(1).snapshotsTo).toEqual([3]);
    cluster.propose(1);
    cluster.pump();
    expect(answer(10)).toMatchObject({ state: 'replicate', match: 10, pendingSnapshot: 0, next: 12 });
  });

  test('sends the entries behind it as soon as the member says that it has it, one after the other', () => {
    const cluster = compacted();
    cluster.tickAll(2);
    for (let i = 0; i < 3; i++) cluster.propose(1);
    cluster.pump();
    cluster.stallDisk(3);
    expect(cluster.core(3).restoreSnapshot({ ...meta, term: 1, conf: confOf([1, 2, 3]) }, 1)).toBe(true);
    cluster.pump();
    // Its mark is not durable yet, so nothing is promised and nothing more comes.
    expect(cluster.core(3).lastIndex).toBe(10);
    cluster.resumeDisk(3);
    cluster.pump();
    expect(cluster.of(3).applied.map((entry) => entry.index)).toEqual([1, 11, 12, 13]);
    const index = cluster.propose(1);
    cluster.pump();
    expect([cluster.core(3).lastIndex, cluster.core(3).commit]).toEqual([index, index]);
  });

  test('reports of others, and of members in no need, change nothing', () => {
    const cluster = compacted();
    const before = cluster.core(1).status();
    cluster.core(1).reportSnapshot(2, false);
    cluster.core(1).reportSnapshot(9, true);
    cluster.core(2).reportSnapshot(3, true);
    expect(cluster.core(1).status()).toEqual(before);
  });
});

describe('a member that receives a snapshot', () => {
  const entries = logOf(1, 1, 2);
  const hardState = { term: 3, vote: 0, commit: 2 };
  const init = initOf(1, confOf([1, 2, 3]), { entries, hardState, applied: 2 });
  const append = (prevIndex: number, prevTerm: number, terms: number[], commit: number): Message => ({
    ...{ type: 'append', group: 0, from: 2, to: 1, term: 3, prevIndex, prevTerm, commit },
    entries: terms.map((term, i) => ({ term, index: prevIndex + 1 + i, kind: 'normal', data: bytes('x') })),
  });

  test('begins its log behind it, with its configuration, once the mark is durable', () => {
    const core = new RaftCore(init);
    expect(core.restoreSnapshot(meta, 2)).toBe(true);
    expect([core.firstIndex, core.lastIndex, core.commit, core.termAt(10)]).toEqual([11, 10, 10, 3]);
    const ready = core.ready();
    expect(ready.append).toMatchObject({ snapshot: meta, entries: [], mustSync: true, hardState: { commit: 10 } });
    expect(ready.send).toEqual([]);
    core.step(append(10, 3, [3, 3], 12));
    const next = core.ready();
    expect(next.append?.entries.length).toBe(2);
    // Behind a snapshot that is not durable nothing is applied, and nobody campaigns.
    expect(next.committed).toEqual([]);
    core.campaign();
    expect(core.role).toBe('follower');
    // A change from before it still finds the configuration that it belongs to.
    expect(core.conf).toEqual(confOf([1, 2, 3]));
    core.appendDurable(ready.append?.seq ?? 0);
    expect(core.conf).toEqual(meta.conf);
    const after = core.ready();
    expect(after.send).toMatchObject([{ type: 'appendResponse', to: 2, index: 10, reject: false }]);
    expect(after.committed.map((entry) => entry.index)).toEqual([11, 12]);
    core.appendDurable(next.append?.seq ?? 0);
    expect(core.ready().send).toMatchObject([{ index: 12 }]);
    expect(core.status().applied).toBe(10);
  });

  test('ignores one that is not newer, and says how far it is', () => {
    const core = new RaftCore(
      initOf(1, confOf([1, 2, 3]), {
        ...{ start: { index: 5, term: 1 }, hardState: { term: 3, vote: 0, commit: 7 }, applied: 6 },
        entries: [6, 7, 8].map((index) => ({ term: 2, index, kind: 'normal', data: bytes('x') })),
      }),
    );
    core.ready();
    for (const [index, term] of [
      [3, 1],
      [5, 1],
      [6, 2],
      // Of another log: what is committed here is right.
      [7, 3],
    ] as const) {
      expect(core.restoreSnapshot({ ...meta, index, term }, 2)).toBe(false);
      const { append: batch, send } = core.ready();
      expect(batch).toBeUndefined();
      expect(send).toMatchObject([{ type: 'appendResponse', to: 2, index: 7, reject: false }]);
      expect([core.firstIndex, core.lastIndex, core.commit, core.conf]).toEqual([6, 8, 7, confOf([1, 2, 3])]);
    }
  });

  test('commits instead of restoring when its log has that entry, and keeps what is behind it', () => {
    const core = new RaftCore({ ...init, entries: logOf(1, 1, 2, 2, 3) });
    expect(core.restoreSnapshot({ ...meta, index: 4, term: 2 }, 2)).toBe(false);
    expect([core.commit, core.firstIndex, core.lastIndex]).toEqual([4, 1, 5]);
    const ready = core.ready();
    expect([ready.append?.snapshot, ready.append?.entries]).toEqual([undefined, []]);
    expect(ready.send).toMatchObject([{ index: 4, reject: false }]);
    expect(ready.committed.map((entry) => entry.index)).toEqual([3, 4]);
    expect(core.conf).toEqual(confOf([1, 2, 3]));
  });

  test('drops a tail that the snapshot contradicts', () => {
    const core = new RaftCore(init);
    expect(core.restoreSnapshot({ ...meta, index: 3, term: 3 }, 2)).toBe(true);
    expect([core.lastIndex, core.termAt(3)]).toEqual([3, 3]);
  });

  test('has the configuration of the snapshot and nothing of its own: every part of it, for every change of part', () => {
    const confs = [
      confOf([1, 2, 3], { learners: [4] }),
      confOf([1, 2], { votersOutgoing: [1, 2, 3], learners: [5], learnersNext: [3], autoLeave: true }),
      // Voters become learners, learners voters, and members go.
      confOf([2, 3], { learners: [1] }),
      confOf([1, 4]),
    ];
    for (const before of confs) {
      for (const after of confs) {
        const core = new RaftCore({ ...init, conf: before });
        expect(core.restoreSnapshot({ ...meta, conf: after }, 2)).toBe(true);
        expect(core.conf).toEqual(before);
        core.appendDurable(core.ready().append?.seq ?? 0);
        expect(core.conf).toEqual(after);
        core.campaign();
        expect(core.role === 'follower').toBe(after.learners.includes(1));
      }
    }
  });

  test('takes one that does not name it yet, and leads nothing until it is named', () => {
    const fresh = new RaftCore(initOf(9, emptyConf));
    expect(fresh.restoreSnapshot(meta, 2)).toBe(true);
    fresh.appendDurable(fresh.ready().append?.seq ?? 0);
    for (let i = 0; i < 50; i++) fresh.tick();
    fresh.campaign();
    fresh.step({ type: 'timeoutNow', group: 0, from: 2, to: 9, term: fresh.term });
    expect([fresh.role, fresh.ready().send]).toMatchObject(['follower', [{ type: 'appendResponse', index: 10 }]]);
    // The change that adds it is behind the snapshot.
    fresh.applyConfChange({ transition: 'auto', steps: [{ op: 'addVoter', id: 9 }] }, 11);
    fresh.campaign();
    expect(fresh.role).toBe('preCandidate');
  });

  test('takes a newer one while the first is on its way', () => {
    const core = new RaftCore(init);
    core.restoreSnapshot(meta, 2);
    const first = core.ready().append;
    core.restoreSnapshot({ ...meta, index: 20 }, 2);
    const second = core.ready().append;
    core.appendDurable(first?.seq ?? 0);
    core.step(append(20, 3, [3], 21));
    expect(core.ready().committed).toEqual([]);
    core.appendDurable(second?.seq ?? 0);
    expect(core.ready().committed.map((entry) => entry.index)).toEqual([21]);
  });

  test('does not let a write from before it count for anything', () => {
    const core = new RaftCore(init);
    core.step(append(3, 2, [3, 3], 0));
    const before = core.ready().append;
    core.restoreSnapshot(meta, 2);
    const mark = core.ready().append;
    core.appendDurable(before?.seq ?? 0);
    expect(core.ready().send).toMatchObject([{ index: 5 }]);
    core.appendDurable(mark?.seq ?? 0);
    expect(core.ready().send).toMatchObject([{ index: 10 }]);
  });

  test('knows nothing of its own log to be durable until the mark is', () => {
    const core = new RaftCore({ ...init, entries: logOf(1, 1, 2, 2, 2, 2) });
    expect(core.durableIndex).toBe(6);
    // Entries 4 to 6 are of another log than the snapshot.
    expect(core.restoreSnapshot({ ...meta, index: 4, term: 3 }, 2)).toBe(true);
    expect(core.durableIndex).toBe(0);
    core.appendDurable(core.ready().append?.seq ?? 0);
    expect(core.durableIndex).toBe(4);
  });

  test('a change from before it is not applied a second time', () => {
    const core = new RaftCore(init);
    core.restoreSnapshot(meta, 2);
    core.appendDurable(core.ready().append?.seq ?? 0);
    expect(core.applyConfChange({ transition: 'auto', steps: [{ op: 'remove', id: 3 }] }, 9)).toEqual(meta.conf);
  });

  test('a leader takes none', () => {
    const cluster = ScriptedCluster.of(3);
    expect(cluster.elect(1).restoreSnapshot(meta, 2)).toBe(false);
    expect(cluster.core(1).isLeader).toBe(true);
  });
});

describe('compaction', () => {
  test('keeps the term at its edge, and replication going', () => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    for (let i = 0; i < 5; i++) cluster.propose(1);
    cluster.pump();
    core.compact(6);
    expect([core.firstIndex, core.termAt(6), core.termAt(5), core.entriesBytes]).toEqual([7, 1, undefined, 0]);
    const index = cluster.propose(1);
    cluster.pump();
    expect(cluster.core(3).commit).toBe(index);
  });

  test('of what is not applied is a mistake of ours', () => {
    const core = new RaftCore(initOf(1, confOf([1]), { entries: logOf(1, 1) }));
    expect(() => {
      core.compact(1);
    }).toThrow(/invariant/);
  });
});

describe('a new life', () => {
  test('tells nothing that is told already, and hands out what is committed and not applied', () => {
    const hardState = { term: 2, vote: 1, commit: 3 };
    const core = new RaftCore(initOf(1, confOf([1, 2]), { entries: logOf(1, 1, 2, 2), hardState, applied: 1 }));
    const ready = core.ready();
    expect(ready).toEqual({ send: [], committed: expect.anything() as unknown, reads: [], snapshotsTo: [] });
    expect(ready.committed.map((entry) => entry.index)).toEqual([2, 3]);
    expect(core.hasReady()).toBe(false);
  });

  test('behind a snapshot mark begins there', () => {
    const core = new RaftCore(
      initOf(1, confOf([1, 2]), {
        ...{ start: { index: 10, term: 3 }, hardState: { term: 3, vote: 0, commit: 0 }, applied: 10 },
        entries: [{ term: 3, index: 11, kind: 'normal', data: bytes('x') }],
      }),
    );
    expect([core.commit, core.firstIndex, core.lastIndex]).toEqual([10, 11, 11]);
    expect(core.ready().committed).toEqual([]);
  });

  test('believes its state machine when that knows of more commits', () => {
    const hardState = { term: 1, vote: 0, commit: 1 };
    const core = new RaftCore(initOf(1, confOf([1, 2]), { entries: logOf(1, 1, 1), hardState, applied: 3 }));
    expect(core.commit).toBe(3);
  });

  test.each([
    ['an id of 0', { id: 0 }, 'ERR_INVALID_ARGUMENT'],
    ['no election timeout', { config: { electionTicks: 0 } }, 'ERR_INVALID_ARGUMENT'],
    ['slow heartbeats', { config: { electionTicks: 3, heartbeatTicks: 3 } }, 'ERR_INVALID_ARGUMENT'],
    ['entries of an unknown term', { entries: logOf(5), hardState: { term: 4, vote: 0, commit: 0 } }, 'ERR_CORRUPT'],
    ['commits beyond the log', { entries: logOf(1), hardState: { term: 1, vote: 0, commit: 2 } }, 'ERR_CORRUPT'],
  ])('does not begin with %s', (_, more, code) => {
    const base = initOf(1, confOf([1]));
    const config = { ...base.config, ...('config' in more ? more.config : {}) };
    expect(() => new RaftCore({ ...base, ...more, config })).toThrow(expect.objectContaining({ code }));
  });
});
