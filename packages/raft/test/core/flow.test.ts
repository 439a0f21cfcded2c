import { describe, expect, test } from 'vitest';
import { bytes, ScriptedCluster } from './scripted-cluster.js';

const head = { group: 0, from: 2, to: 1 } as const;

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
