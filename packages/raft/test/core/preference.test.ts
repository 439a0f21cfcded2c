import { describe, expect, test } from 'vitest';
import { bytes, confOf, initOf, ScriptedCluster, testConfig } from './scripted-cluster.js';

/** Members 1, 2, … with these priorities. */
function cluster(...priorities: number[]): ScriptedCluster {
  const ids = priorities.map((_, i) => i + 1);
  return new ScriptedCluster(
    ...ids.map((id) => initOf(id, confOf(ids), { config: { ...testConfig, leaderPriority: priorities[id - 1]! } })),
  );
}

function leaderOf(c: ScriptedCluster): number {
  return [...c.cores.values()].find((core) => core.isLeader)?.id ?? 0;
}

describe('a preferred leader', () => {
  test('takes over from one that is less preferred, and keeps its place', () => {
    const c = cluster(0, 0, 9);
    c.elect(1);
    c.tickAll(30);
    expect(leaderOf(c)).toBe(1);
    c.tickAll(15);
    expect(leaderOf(c)).toBe(3);
    const { term } = c.core(3);
    c.tickAll(200);
    expect([leaderOf(c), c.core(3).term]).toEqual([3, term]);
  });

  test('is the most preferred of those that are there', () => {
    const c = cluster(1, 5, 9);
    c.elect(1);
    c.isolate(3);
    c.tickAll(60);
    expect(leaderOf(c)).toBe(2);
    c.heal();
    c.tickAll(120);
    expect(leaderOf(c)).toBe(3);
  });

  test('that is down changes nothing', () => {
    const c = cluster(0, 0, 9);
    c.elect(1);
    c.isolate(3);
    for (let i = 0; i < 300; i++) {
      c.tickAll(1);
      expect(c.core(1).propose([bytes('x')]).ok).toBe(true);
    }
    expect([leaderOf(c), c.core(1).term]).toEqual([1, 1]);
  });

  test('that is deaf, or mute, is not asked', () => {
    for (const side of ['to', 'from'] as const) {
      const c = cluster(0, 0, 9);
      c.elect(1);
      c.only((message) => message[side] !== 3 || message.type === 'timeoutNow');
      for (let i = 0; i < 300; i++) {
        c.tickAll(1);
        expect(c.core(1).isLeader && c.core(1).propose([bytes('x')]).ok).toBe(true);
      }
    }
  });

  test('that answers and lags is not asked', () => {
    const c = cluster(0, 0, 9);
    c.elect(1);
    c.stallDisk(3);
    for (let i = 0; i < 200; i++) {
      c.tickAll(1);
      expect(c.core(1).propose([bytes('x')]).ok).toBe(true);
    }
    c.resumeDisk(3);
    c.tickAll(100);
    expect(leaderOf(c)).toBe(3);
  });

  test('that answers, is caught up and never takes over costs ever less', () => {
    const c = cluster(0, 0, 9);
    c.elect(1);
    c.only((message) => message.type !== 'timeoutNow');
    let refused = 0;
    const ticks = 2000;
    for (let i = 0; i < ticks; i++) {
      c.tickAll(1);
      if (!c.core(1).propose([bytes('x')]).ok) refused++;
      c.pump();
    }
    expect(c.core(1).isLeader).toBe(true);
    // Attempts after 4, 8, 16, 32 and then every 64 election timeouts, each of one election timeout.
    expect(refused).toBeGreaterThan(0);
    expect(refused / ticks).toBeLessThan(0.05);
  });

  test('that wins and fails again and again leaves time for work between', () => {
    const c = cluster(0, 0, 9);
    c.elect(1);
    let led = 0;
    for (let i = 0; i < 1000; i++) {
      c.tickAll(1);
      if (leaderOf(c) === 3) {
        led++;
        c.core(3).stepDown();
        c.cut([3], [1, 2]);
      }
      if (i % 20 === 19) c.heal();
    }
    expect(led).toBeGreaterThan(1);
    expect(led).toBeLessThan(1000 / 40);
  });

  test('is not put in during a membership change', () => {
    const c = cluster(0, 0, 9);
    c.elect(1);
    const steps = [{ op: 'remove', id: 2 }] as const;
    c.change(1, steps, 'explicit');
    c.tickAll(100);
    expect(leaderOf(c)).toBe(1);
    c.change(1, []);
    c.tickAll(60);
    expect(leaderOf(c)).toBe(3);
  });

  test('plays no part where the quorum is not checked', () => {
    const ids = [1, 2, 3];
    const c = new ScriptedCluster(
      ...ids.map((id) =>
        initOf(id, confOf(ids), { config: { ...testConfig, checkQuorum: false, leaderPriority: id } }),
      ),
    );
    c.elect(1);
    c.tickAll(100);
    expect(leaderOf(c)).toBe(1);
  });
});
