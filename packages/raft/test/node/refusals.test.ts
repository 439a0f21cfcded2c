import { describe, expect, it } from 'vitest';
import type { RaftEvent } from '../../src/index.js';
import { command, DriverWorld, type TestMember } from './driver-world.js';

function eventsOf<T extends RaftEvent['type']>(member: TestMember, type: T): (RaftEvent & { type: T })[] {
  return member.events.filter((event): event is RaftEvent & { type: T } => event.type === type);
}

/** A leader whose two followers cannot answer. */
function lonely(seed: number, maxUncommittedBytes: number, queueBytes = 1 << 20): [DriverWorld, TestMember] {
  const world = new DriverWorld(3, seed, {
    core: { maxUncommittedBytes, checkQuorum: false },
    options: { queueBytes },
  });
  const leader = world.leader();
  world.run(1000);
  for (const { id } of world.members) if (id !== leader.id) world.network.partition([leader.id], [id]);
  return [world, leader];
}

describe('what the core does not take now', () => {
  it('waits in order for the quota, and is told of', () => {
    const [world, leader] = lonely(1, 100);
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) {
      expect(leader.node.submit([command(name.repeat(60))])).toEqual({ ok: true });
      world.run(10);
    }
    expect(eventsOf(leader, 'refused')).toMatchObject([{ reason: 'quota', commands: 1 }]);
    world.network.heal();
    world.until('applied', () => world.members.every((each) => each.machine.commands.length === 4));
    expect(leader.machine.commands.map((each) => each[0])).toEqual(names);
  });

  it('is also the entry that would be too far ahead of what is committed, and comes when that has moved on', () => {
    const [world, leader] = lonely(4, 1 << 30);
    for (let i = 0; i < 1_100; i++) {
      leader.node.submit([command(`c${i}`)]);
      world.run(1);
    }
    const { lastIndex, commit } = leader.node.status();
    expect(lastIndex - commit).toBe(1_024);
    expect(eventsOf(leader, 'refused')).toMatchObject([{ reason: 'quota' }]);
    world.network.heal();
    world.until('applied', () => world.members.every((each) => each.machine.commands.length === 1_100), 60_000);
    expect(leader.machine.commands).toEqual(Array.from({ length: 1_100 }, (_, i) => `c${i}`));
  });

  it('fills the queue at last, and then says why', () => {
    const [world, leader] = lonely(2, 100, 500);
    for (let i = 0; i < 10; i++) {
      leader.node.submit([command('x'.repeat(100))]);
      world.run(10);
    }
    expect(leader.node.submit([command('y')])).toEqual({ ok: false, reason: 'quota', leader: leader.id });
    expect(leader.node.overloaded).toBe(true);
  });

  it('waits for a transfer that comes to nothing', () => {
    const world = new DriverWorld(3, 3);
    const leader = world.leader();
    world.run(1000);
    const target = world.members.find((each) => each !== leader)!;
    world.network.partition([leader.id], [target.id]);
    leader.node.submit([command('before')]);
    world.run(50);
    expect(leader.node.transferLeadership(target.id)).toBe(true);
    expect(leader.node.submit([command('meanwhile')])).toEqual({ ok: true });
    world.run(100);
    expect(leader.machine.commands).toEqual(['before']);
    expect(eventsOf(leader, 'refused')).toMatchObject([{ reason: 'transferring', commands: 1 }]);
    world.until('proposed when it is given up', () => leader.machine.commands.includes('meanwhile'), 2000);
    expect(leader.node.isLeader).toBe(true);
    expect(eventsOf(leader, 'transfer').map(({ action, to }) => [action, to])).toEqual([
      ['begun', target.id],
      ['ended', target.id],
    ]);
  });

  it('is dropped when another one leads: its session sends it again', () => {
    const world = new DriverWorld(3, 4);
    const leader = world.leader();
    world.run(1000);
    const target = world.members.find((each) => each !== leader)!;
    leader.node.transferLeadership(target.id);
    leader.node.submit([command('lost')]);
    world.until('handed over', () => target.node.isLeader);
    world.run(3000);
    expect(world.members.every((each) => each.machine.commands.length === 0)).toBe(true);
  });

  it('is refused before it is queued where log or store do not keep up', () => {
    const world = new DriverWorld(1, 5);
    const leader = world.leader();
    world.run(100);
    leader.node.stop();
    expect(leader.node.submit([command('x')])).toEqual({ ok: false, reason: 'closed' });
  });
});

it('a follower passes the wish for a transfer on to its leader', () => {
  const world = new DriverWorld(3, 6);
  const leader = world.leader();
  world.run(1000);
  const [asker, target] = world.members.filter((each) => each !== leader) as [TestMember, TestMember];
  expect(asker.node.transferLeadership(leader.id)).toBe(false);
  expect(asker.node.transferLeadership(target.id)).toBe(true);
  world.until('handed over', () => target.node.isLeader, 1000);
});

it('tells of terms, appends, commits and the flow to members, in an order that can be checked', () => {
  const world = new DriverWorld(3, 7);
  const leader = world.leader();
  leader.node.submit([command('x')]);
  world.run(1000);
  const hardStates = eventsOf(leader, 'hardState');
  expect(hardStates.at(-1)).toMatchObject({ term: leader.node.term, vote: leader.id, commit: leader.node.commitIndex });
  for (const [i, { term }] of hardStates.entries()) expect(term).toBeGreaterThanOrEqual(hardStates[i - 1]?.term ?? 0);
  expect(eventsOf(leader, 'commit').at(-1)).toEqual({
    type: 'commit',
    index: leader.node.commitIndex,
    term: leader.node.term,
  });
  const flows = eventsOf(leader, 'progress').filter(({ peer }) => peer !== leader.id);
  expect(flows.map(({ state }) => state)).toEqual(['probe', 'probe', 'replicate', 'replicate']);
  let started = 0;
  let durable = 0;
  for (const event of leader.events) {
    if (event.type === 'append' && event.action === 'started') expect(event.seq).toBe(++started);
    if (event.type === 'append' && event.action === 'durable') expect(event.seq).toBe(++durable);
    expect(durable).toBeLessThanOrEqual(started);
  }
  expect(durable).toBeGreaterThan(2);
});
