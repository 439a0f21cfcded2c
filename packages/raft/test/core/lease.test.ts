import { describe, expect, test } from 'vitest';
import { RaftCore } from '../../src/core/core.js';
import type { Message } from '../../src/core/messages.js';
import { bytes, confOf, initOf, ScriptedCluster, testConfig } from './scripted-cluster.js';

const promiseMs = 800;
const takesLeases = { leasePromiseMs: promiseMs };

/** Started long enough ago that no promise of an earlier life is stood by. */
function started(size: number): ScriptedCluster {
  const cluster = ScriptedCluster.of(size, takesLeases);
  for (const id of cluster.cores.keys()) cluster.tick(id, 10);
  cluster.dropAll();
  return cluster;
}

/** As `started`, with member 1 leading and one round of heartbeats answered. */
function leading(size = 3): ScriptedCluster {
  const cluster = started(size);
  cluster.elect(1);
  cluster.tick(1);
  cluster.pump();
  return cluster;
}

function vote(from: number, to: number, term: number, more: Partial<Message> = {}): Message {
  return { type: 'vote', group: 0, from, to, term, lastIndex: 99, lastTerm: term - 1, ...more } as Message;
}

describe('what a lease stands on (thesis §6.4.1)', () => {
  test('each round of heartbeats has a position of its own, and a quorum that promised confirms it', () => {
    const cluster = leading();
    const core = cluster.core(1);
    const first = core.leasePosition;
    expect(first).toBeGreaterThan(0);
    core.tick();
    expect(core.ready().position).toBe(first + 1);
    expect(core.leasePosition).toBe(first);
    cluster.tick(1);
    cluster.pump();
    expect(core.leasePosition).toBe(first + 2);
  });

  test('without the option heartbeats carry no position and nobody promises', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.tick(1);
    cluster.pump();
    expect(cluster.core(1).leasePosition).toBe(0);
    expect(cluster.sentOf('heartbeat').every((message) => message.context === 0)).toBe(true);
    expect(cluster.sentOf('heartbeatResponse').some((message) => 'promiseMs' in message)).toBe(false);
  });

  test('only promises count: members without the option, or with a shorter one, make no lease', () => {
    for (const [other, stands] of [
      [0, false],
      [promiseMs - 1, false],
      [promiseMs, true],
    ] as const) {
      const config = (id: number) => ({ ...testConfig, leasePromiseMs: id === 1 ? promiseMs : other });
      const cluster = new ScriptedCluster(
        ...[1, 2, 3].map((id) => initOf(id, confOf([1, 2, 3]), { config: config(id) })),
      );
      for (const id of [1, 2, 3]) cluster.tick(id, 10);
      cluster.dropAll();
      cluster.elect(1);
      cluster.tick(1);
      cluster.pump();
      expect([other, cluster.core(1).leasePosition > 0]).toEqual([other, stands]);
    }
  });

  test('a leader that is its own quorum has one too', () => {
    const cluster = leading(1);
    expect(cluster.core(1).leasePosition).toBeGreaterThan(0);
    cluster.tick(1);
    expect(cluster.core(1).ready().position).toBe(cluster.core(1).leasePosition);
  });

  test('not before an entry of its own term is committed', () => {
    const cluster = started(3);
    for (const id of [2, 3]) cluster.stallDisk(id);
    cluster.only((message) => !message.type.startsWith('append'));
    for (const id of [2, 3]) cluster.resumeDisk(id);
    cluster.elect(1);
    cluster.tick(1);
    cluster.pump();
    expect(cluster.core(1).leasePosition).toBe(0);
    cluster.heal();
    cluster.tick(1);
    cluster.pump();
    expect(cluster.core(1).leasePosition).toBeGreaterThan(0);
  });

  test('confirmations of an earlier leadership are worth nothing', () => {
    const cluster = leading();
    const core = cluster.core(1);
    const before = core.leasePosition;
    core.step({ type: 'heartbeat', group: 0, from: 2, to: 1, term: 9, commit: 0, context: 0 });
    expect(core.leasePosition).toBe(0);
    for (const id of [1, 2, 3]) cluster.tick(id, 10);
    cluster.dropAll();
    cluster.elect(1);
    expect(core.leasePosition).toBe(0);
    for (const from of [2, 3]) {
      core.step({ type: 'heartbeatResponse', group: 0, from, to: 1, term: 1, context: before, promiseMs });
    }
    expect(core.leasePosition).toBe(0);
  });

  test('a new configuration is asked anew: its quorum has to have promised', () => {
    const cluster = leading();
    const core = cluster.core(1);
    const before = core.leasePosition;
    expect(before).toBeGreaterThan(0);
    const steps = [4, 5, 6].map((id) => ({ op: 'addVoter', id }) as const);
    cluster.isolate(3);
    cluster.tick(1);
    cluster.pump();
    expect(core.leasePosition).toBe(before + 1);
    core.applyConfChange({ transition: 'explicit', steps }, core.lastIndex + 1);
    // 1, 2 and 3 have promised at some time, which is no majority of 1 to 6.
    expect(core.leasePosition).toBe(0);
  });

  test('reads by rounds go on beside it: a later position confirms the round in flight', () => {
    const cluster = leading();
    const core = cluster.core(1);
    core.readIndex(7);
    cluster.drain();
    cluster.tick(1);
    // The round's own heartbeats are lost; those of the tick carry a later position.
    cluster.dropAll();
    expect(cluster.of(1).reads).toEqual([]);
    cluster.tick(1);
    cluster.pump();
    expect(cluster.of(1).reads).toEqual([{ token: 7, index: core.commit }]);
  });
});

describe('a transfer and the lease', () => {
  test('it is void from the moment a transfer begins, and back once one is given up that told nobody to campaign', () => {
    const cluster = leading();
    const core = cluster.core(1);
    cluster.isolate(3);
    cluster.propose(1);
    cluster.pump();
    core.transferLeadership(3);
    expect(core.leasePosition).toBe(0);
    for (let i = 0; i < 9; i++) {
      cluster.tick(1);
      cluster.pump();
      expect(core.leasePosition).toBe(0);
    }
    cluster.tick(1);
    cluster.pump();
    expect([core.isLeader, core.leasePosition > 0]).toEqual([true, true]);
  });

  test('it never comes back in a term in which somebody was told to campaign: the message may arrive at any time', () => {
    const cluster = leading();
    const core = cluster.core(1);
    cluster.only((message) => message.type !== 'timeoutNow');
    core.transferLeadership(3);
    for (let i = 0; i < 30; i++) {
      cluster.tick(1);
      cluster.pump();
      expect(core.leasePosition).toBe(0);
    }
    expect([core.isLeader, core.status().transferee]).toEqual([true, 0]);
    // Three election timeouts late, and it still deposes a leader whom everybody hears.
    cluster.heal();
    cluster.core(3).step({ type: 'timeoutNow', group: 0, from: 1, to: 3, term: core.term });
    cluster.pump();
    expect(cluster.core(3).isLeader).toBe(true);
    cluster.tick(3);
    cluster.pump();
    expect(cluster.core(3).leasePosition).toBeGreaterThan(0);
  });
});

describe('what a promise is worth', () => {
  test('it outlives the leader’s refused connection', () => {
    const cluster = leading();
    const follower = cluster.core(2);
    follower.forgetLeader();
    expect(follower.leader).toBe(1);
    follower.campaign();
    expect(follower.role).toBe('follower');
    // Without the option the leader is forgotten at once.
    const plain = ScriptedCluster.of(3);
    plain.elect(1);
    plain.core(2).forgetLeader();
    expect(plain.core(2).leader).toBe(0);
  });

  test('it outlives a later term that came with a stray answer', () => {
    const cluster = leading();
    const follower = cluster.core(2);
    follower.step({ type: 'readIndexResponse', group: 0, from: 3, to: 2, term: 5, context: 0 });
    expect([follower.term, follower.leader]).toEqual([5, 0]);
    for (const term of [5, 6]) {
      follower.step(vote(3, 2, term));
      follower.step(vote(3, 2, term, { type: 'preVote' }));
    }
    const answers = cluster.drain().filter((message) => message.from === 2 && message.to === 3);
    expect(answers.every((message) => 'reject' in message && message.reject)).toBe(true);
    expect([follower.term, cluster.of(2).hardState?.vote]).toEqual([5, 0]);
    cluster.tick(2, 10);
    follower.step(vote(3, 2, 6));
    expect(cluster.drain().at(-1)).toMatchObject({ type: 'voteResponse', from: 2, reject: false });
  });

  test('it ends after an election timeout of ticks, not one earlier', () => {
    const cluster = leading();
    const follower = cluster.core(2);
    cluster.tick(2, 9);
    follower.step(vote(3, 2, 2));
    expect(follower.term).toBe(1);
    cluster.tick(2);
    follower.step(vote(3, 2, 2));
    expect(follower.term).toBe(2);
  });

  test('the leader’s own wish overrides it', () => {
    const cluster = leading();
    cluster.core(1).transferLeadership(2);
    cluster.pump();
    expect(cluster.core(2).isLeader).toBe(true);
  });

  test('a member that was just started may have promised: it neither votes nor campaigns for an election timeout', () => {
    const hardState = { term: 3, vote: 0, commit: 0 };
    const fresh = (config = testConfig) => new RaftCore(initOf(2, confOf([1, 2, 3]), { config, hardState }));
    const core = fresh({ ...testConfig, ...takesLeases });
    core.step(vote(3, 2, 4));
    core.step(vote(3, 2, 4, { type: 'preVote' }));
    core.campaign();
    expect([core.term, core.role, core.hasReady() && core.ready().send.length > 0]).toEqual([3, 'follower', false]);
    for (let i = 0; i < 10; i++) core.tick();
    core.step(vote(3, 2, 4));
    expect(core.term).toBe(4);
    const plain = fresh();
    plain.step(vote(3, 2, 4));
    expect(plain.term).toBe(4);
  });

  test('a cluster of members that were all just started elects a leader', () => {
    const cluster = ScriptedCluster.of(3, takesLeases);
    cluster.tickAll(40);
    const leader = [1, 2, 3].find((id) => cluster.core(id).isLeader)!;
    expect(cluster.core(leader).propose([bytes('x')]).ok).toBe(true);
    expect(cluster.core(leader).leasePosition).toBeGreaterThan(0);
  });
});
