import { describe, expect, test } from 'vitest';
import { bytes, ScriptedCluster } from './scripted-cluster.js';

const head = { group: 0, from: 2, to: 1 } as const;

/** The entries of each append sent to `to` from now on. */
function sendsTo(cluster: ScriptedCluster, to: number): () => number[][] {
  const before = cluster.sent.length;
  return () =>
    cluster
      .sentOf('append', before)
      .filter((message) => message.to === to)
      .map(({ entries }) => entries.map((entry) => entry.index));
}

describe('flow', () => {
  test('a member that does not answer gets no more than the window', () => {
    const cluster = ScriptedCluster.of(3, { maxInflightMessages: 4 });
    cluster.elect(1);
    cluster.isolate(3);
    const before = cluster.sent.length;
    for (let i = 0; i < 20; i++) {
      cluster.propose(1);
      cluster.pump();
    }
    const full = cluster.sentOf('append', before).filter(({ to, entries }) => to === 3 && entries.length > 0);
    expect(full.length).toBe(4);
    expect(cluster.core(1).status().progress[2]).toMatchObject({ inflightFull: true, paused: true });
    cluster.heal();
    cluster.tickAll(3);
    expect(cluster.core(3).commit).toBe(21);
    expect(cluster.core(1).status().progress[2]).toMatchObject({ inflightMessages: 0, match: 21, state: 'replicate' });
  });

  test('a member that is probed gets one append, and the next when it answers that or a heartbeat', () => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    const index = cluster.propose(1);
    cluster.pump();
    core.reportUnreachable(3);
    cluster.only((message) => message.type !== 'appendResponse' && message.type !== 'heartbeatResponse');
    const entriesSent = sendsTo(cluster, 3);
    for (let i = 0; i < 5; i++) {
      cluster.propose(1);
      cluster.pump();
      expect(core.status().progress[2]).toMatchObject({ state: 'probe', paused: true, next: index + 1 });
    }
    expect(entriesSent()).toEqual([[index + 1]]);
    core.step({ ...head, from: 3, type: 'heartbeatResponse', term: 1, context: 0 });
    cluster.propose(1);
    cluster.pump();
    expect(entriesSent()).toEqual([[index + 1], [1, 2, 3, 4, 5].map((i) => index + i)]);
    core.step({ ...head, from: 3, type: 'appendResponse', term: 1, index: index + 5, reject: false });
    cluster.propose(1);
    cluster.pump();
    expect(core.status().progress[2]).toMatchObject({ state: 'replicate', match: index + 5 });
    expect(entriesSent().slice(2)).toEqual([[index + 6], [index + 7]]);
  });

  test('a member that replicates is sent each entry once, without waiting for answers', () => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    cluster.only((message) => message.type !== 'appendResponse' || message.from !== 3);
    const entriesSent = sendsTo(cluster, 3);
    for (let i = 0; i < 3; i++) {
      cluster.propose(1);
      cluster.pump();
      expect(core.status().progress[2]).toMatchObject({ state: 'replicate', match: 1, next: 3 + i });
    }
    expect(entriesSent().filter((indexes) => indexes.length > 0)).toEqual([[2], [3], [4]]);
  });

  test('an answer frees what it acknowledges and everything before it, a late one nothing', () => {
    const cluster = ScriptedCluster.of(3, { maxInflightMessages: 4 });
    const core = cluster.elect(1);
    cluster.only((message) => message.type !== 'appendResponse');
    for (let i = 0; i < 6; i++) {
      cluster.propose(1);
      cluster.drain();
    }
    const inflight = () => core.status().progress[1]?.inflightMessages;
    const sent = sendsTo(cluster, 2);
    const acknowledge = (index: number) => {
      core.step({ ...head, type: 'appendResponse', term: 1, index, reject: false });
      cluster.drain();
    };
    expect(inflight()).toBe(4);
    acknowledge(3);
    // 2 and 3 have arrived; 6 and 7 leave in one message.
    expect([inflight(), sent()]).toEqual([3, [[6, 7]]]);
    for (const late of [3, 2, 1]) acknowledge(late);
    expect([inflight(), sent()]).toEqual([3, [[6, 7]]]);
    acknowledge(4);
    expect(inflight()).toBe(2);
    acknowledge(7);
    expect(inflight()).toBe(0);
  });

  test('with a full window each answer to a heartbeat lets one empty append through', () => {
    const cluster = ScriptedCluster.of(3, { maxInflightMessages: 2 });
    const core = cluster.elect(1);
    cluster.isolate(3);
    for (let i = 0; i < 5; i++) {
      cluster.propose(1);
      cluster.pump();
    }
    const sent = sendsTo(cluster, 3);
    for (let round = 1; round <= 3; round++) {
      core.step({ ...head, from: 3, type: 'heartbeatResponse', term: 1, context: 0 });
      cluster.propose(1);
      cluster.pump();
      expect(sent()).toEqual(new Array<number[]>(round).fill([]));
      expect(core.status().progress[2]).toMatchObject({ inflightFull: true, paused: true });
    }
    // Its answer shows what was lost, and replication goes on.
    core.step({ ...head, from: 3, type: 'heartbeatResponse', term: 1, context: 0 });
    cluster.heal();
    cluster.pump();
    cluster.tickAll(2);
    expect(cluster.core(3).lastIndex).toBe(core.lastIndex);
  });

  test('the window ends by bytes too, and is empty again in another state', () => {
    const cluster = ScriptedCluster.of(3, { maxInflightBytes: 100 });
    const core = cluster.elect(1);
    cluster.isolate(3);
    const sent = sendsTo(cluster, 3);
    for (let i = 0; i < 4; i++) {
      cluster.propose(1, 'x'.repeat(60));
      cluster.pump();
    }
    expect(sent().filter((indexes) => indexes.length > 0)).toEqual([[2], [3]]);
    expect(core.status().progress[2]).toMatchObject({ inflightMessages: 2, inflightBytes: 120, inflightFull: true });
    core.reportUnreachable(3);
    expect(core.status().progress[2]).toMatchObject({ inflightMessages: 0, inflightBytes: 0, inflightFull: false });
    cluster.heal();
    cluster.tickAll(2);
    expect(cluster.core(3).lastIndex).toBe(5);
  });

  test('messages keep to their size, one entry at least', () => {
    const cluster = ScriptedCluster.of(3, { maxAppendBytes: 100 });
    cluster.elect(1);
    cluster.isolate(3);
    for (let i = 0; i < 10; i++) cluster.propose(1, 'x'.repeat(i === 5 ? 500 : 30));
    cluster.pump();
    cluster.heal();
    const before = cluster.sent.length;
    cluster.core(1).reportUnreachable(3);
    cluster.tickAll(3);
    expect(cluster.core(3).commit).toBe(11);
    const sizes = cluster.sentOf('append', before).map(({ entries }) => entries.map((entry) => entry.data.length));
    expect(sizes.filter((each) => each.length > 2)).toEqual([]);
    expect(sizes).toContainEqual([500]);
  });

  test('a member that was unreachable is probed, and goes on', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.core(1).reportUnreachable(2);
    expect(cluster.core(1).status().progress[1]?.state).toBe('probe');
    cluster.tickAll(1);
    expect(cluster.core(1).status().progress[1]?.state).toBe('replicate');
  });

  test('a late refusal does no harm', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    for (let i = 0; i < 3; i++) cluster.propose(1);
    cluster.pump();
    const before = cluster.core(1).status();
    const refusal = { ...head, type: 'appendResponse', term: 1, reject: true, rejectHint: 0, logTerm: 0 } as const;
    cluster.core(1).step({ ...refusal, index: 2 });
    expect(cluster.core(1).status()).toEqual(before);
  });

  test('proposals beyond the quota are refused, the first and empty ones never; applying frees it', () => {
    const cluster = ScriptedCluster.of(3, { maxUncommittedBytes: 100 });
    const core = cluster.elect(1);
    cluster.isolate(1);
    expect(core.propose([bytes('x'.repeat(500))]).ok).toBe(true);
    expect(core.propose([bytes('x')])).toEqual({ ok: false, reason: 'quota', leader: 1 });
    expect(core.propose([new Uint8Array(0)]).ok).toBe(true);
    cluster.pump();
    cluster.heal();
    cluster.tickAll(2);
    expect(core.propose([bytes('x'.repeat(60))]).ok).toBe(true);
    expect(core.propose([bytes('x'.repeat(60))]).ok).toBe(false);
  });

  test('what a leader had proposed in an earlier term weighs on nothing in a later one', () => {
    const cluster = ScriptedCluster.of(3, { maxUncommittedBytes: 100 });
    const core = cluster.elect(1);
    cluster.isolate(1);
    expect(core.propose([bytes('x'.repeat(90))]).ok).toBe(true);
    expect(core.propose([bytes('x'.repeat(20))])).toMatchObject({ reason: 'quota' });
    core.stepDown();
    cluster.dropAll();
    cluster.heal();
    for (const id of [1, 2, 3]) cluster.core(id).forgetLeader();
    cluster.elect(1);
    for (let i = 0; i < 3; i++) {
      expect(core.propose([bytes('x'.repeat(90))]).ok).toBe(true);
      expect(core.propose([bytes('x'.repeat(20))])).toMatchObject({ reason: 'quota' });
      cluster.pump();
    }
  });

  test('the log of a leader that reaches nobody ends at the quota', () => {
    const cluster = ScriptedCluster.of(3, { checkQuorum: false, maxUncommittedBytes: 1000 });
    const core = cluster.elect(1);
    cluster.isolate(1);
    let refused = 0;
    for (let i = 0; i < 500; i++) {
      if (!core.propose([bytes('x'.repeat(100))]).ok) refused++;
      cluster.tick(1);
      cluster.pump();
    }
    expect([core.isLeader, core.lastIndex, core.entriesBytes, refused]).toEqual([true, 11, 1000, 490]);
  });

  test('a heartbeat tells no more of the commit index than what the member holds', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.isolate(3);
    for (let i = 0; i < 3; i++) cluster.propose(1);
    cluster.pump();
    const before = cluster.sent.length;
    cluster.tick(1);
    cluster.pump();
    expect(cluster.sentOf('heartbeat', before).map(({ to, commit }) => [to, commit])).toEqual([
      [2, 4],
      [3, 1],
    ]);
    // Nor what one member holds and no quorum does.
    const five = ScriptedCluster.of(5);
    five.elect(1);
    five.cut([1, 2], [3, 4, 5]);
    five.propose(1);
    five.pump();
    expect(
      five
        .core(1)
        .status()
        .progress.map(({ match }) => match),
    ).toEqual([2, 2, 1, 1, 1]);
    five.tick(1);
    five.pump();
    expect(five.sentOf('heartbeat').map(({ commit }) => commit)).toEqual([1, 1, 1, 1]);
  });

  test('an answer to a heartbeat gets what the member lacks, and nothing when it lacks nothing', () => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    cluster.only((message) => message.type !== 'append' || message.to !== 3);
    const index = cluster.propose(1);
    cluster.pump();
    cluster.heal();
    expect([cluster.core(3).lastIndex, core.status().progress[2]?.state]).toEqual([1, 'replicate']);
    const before = cluster.sent.length;
    cluster.tick(1);
    cluster.pump();
    expect(cluster.core(3).lastIndex).toBe(index);
    expect(cluster.sentOf('append', before).filter(({ to }) => to === 2)).toEqual([]);
  });

  test('a member that lost the word of a commit learns it with the next heartbeat', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.only((message) => message.type !== 'append' || message.to !== 3 || message.entries.length > 0);
    const index = cluster.propose(1);
    cluster.pump();
    expect(cluster.core(3).commit).toBeLessThan(index);
    cluster.heal();
    cluster.tickAll(1);
    expect(cluster.core(3).commit).toBe(index);
  });
});
