import { describe, expect, it } from 'vitest';
import { command, DriverWorld, type TestMember } from './driver-world.js';

/** Three election timeouts of a second, and a tick to see that it was too long. */
const noticedMs = 3000 + 2 * 100;

function standing(seed: number, count = 3, options = {}): { world: DriverWorld; leader: TestMember } {
  const world = new DriverWorld(count, seed, options);
  const leader = world.leader();
  world.run(500);
  leader.machine.holdPrepare = true;
  leader.node.submit([command('stuck')]);
  return { world, leader };
}

const othersLead = (world: DriverWorld, leader: TestMember): boolean =>
  world.members.some((member) => member !== leader && member.node.isLeader);

function goOn({ machine }: TestMember): void {
  machine.holdPrepare = false;
  machine.prepared!();
}

describe('a leader whose state machine stands still', () => {
  it('hands over, without an election timeout in between', () => {
    const { world, leader } = standing(1);
    world.run(2800);
    expect(leader.node.isLeader).toBe(true);
    world.run(noticedMs - 2800 + 200);
    expect(othersLead(world, leader)).toBe(true);
    expect(leader.node.isLeader).toBe(false);
  });

  it('steps down when its successor does not take over', () => {
    const { world, leader } = standing(2);
    world.run(100);
    // Everybody is caught up; the one who is told first cannot hear it.
    for (const member of world.members) {
      const { receive } = member.node;
      member.node.receive = (messages) =>
        receive.call(
          member.node,
          messages.filter(({ type }) => type !== 'timeoutNow'),
        );
    }
    world.run(noticedMs + 200);
    expect(leader.node.isLeader).toBe(true);
    world.run(1000);
    expect(leader.node.isLeader).toBe(false);
    world.until('somebody else leads', () => othersLead(world, leader), 3000);
  });

  it('goes on when nobody else votes', () => {
    const { world, leader } = standing(3, 1);
    world.run(20_000);
    expect(leader.node.isLeader).toBe(true);
    goOn(leader);
    world.until('it is applied', () => leader.machine.commands.length === 1);
  });

  it('that only is slow goes on leading: every movement counts', () => {
    const { world, leader } = standing(4);
    let steps = 0;
    Object.assign(leader.machine, { diskWait: () => steps });
    for (; steps < 10; steps++) {
      world.run(2500);
      expect(leader.node.isLeader).toBe(true);
    }
    world.run(noticedMs + 500);
    expect(leader.node.isLeader).toBe(false);
  });

  it('may wait for two seconds at the least, however short elections are', () => {
    const { world, leader } = standing(5, 3, { options: { electionTimeoutMs: 100, heartbeatMs: 10 } });
    world.run(1950);
    expect(leader.node.isLeader).toBe(true);
    world.run(200);
    expect(leader.node.isLeader).toBe(false);
  });

  it('is no candidate until it has caught up, and votes meanwhile', () => {
    const { world, leader } = standing(6);
    world.until('another leads', () => othersLead(world, leader), noticedMs + 1000);
    const before = leader.events.length;
    const [now, other] = world.members
      .filter((member) => member !== leader)
      .sort((a, b) => Number(b.node.isLeader) - Number(a.node.isLeader));
    world.kill(now!);
    // Of the two that are left it is the other one that leads, and with this vote.
    world.until('the other leads', () => other!.node.isLeader);
    other!.node.submit([command('more')]);
    world.run(500);
    world.kill(other!);
    world.run(5000);
    expect(leader.node.isLeader).toBe(false);
    world.restart(now!);
    world.restart(other!);
    world.leader().node.transferLeadership(leader.id);
    world.run(1500);
    expect(leader.events.slice(before).filter((event) => event.type === 'role' && event.role !== 'follower')).toEqual(
      [],
    );
    goOn(leader);
    world.until('all is applied', () => leader.machine.commands.includes('more'));
    world.run(200);
    world.leader().node.transferLeadership(leader.id);
    world.until('it leads again', () => leader.node.isLeader, 1000);
  });

  it('is preferred by nobody until it has caught up', () => {
    const optionsOf = (id: number) => ({ leaderPriority: id === 1 ? 10 : 0 });
    const world = new DriverWorld(3, 7, { optionsOf });
    const [preferred] = world.members;
    world.until('the preferred one leads', () => preferred!.node.isLeader);
    world.run(500);
    preferred!.machine.holdPrepare = true;
    preferred!.node.submit([command('stuck')]);
    world.until('another leads', () => othersLead(world, preferred!));
    const next = world.leader();
    const { term } = next.node;
    for (let ms = 0; ms < 30_000; ms += 100) {
      world.run(100);
      expect(next.node.status()).toMatchObject({ role: 'leader', term, transferee: 0 });
    }
    goOn(preferred!);
    world.until('it leads again', () => preferred!.node.isLeader);
  });
});
