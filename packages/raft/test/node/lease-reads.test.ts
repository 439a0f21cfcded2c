import { describe, expect, it, test } from 'vitest';
import { command, DriverWorld, type TestMember } from './driver-world.js';

const on = { options: { leaseReads: true } };

/** Reads by lease and tells whether it was served before this returns. */
function servedAtOnce(member: TestMember): boolean {
  let served = false;
  member.node.read({ cancelled: false, settle: (error) => (served = error === undefined) }, 'lease');
  return served;
}

function others(world: DriverWorld, member: TestMember): TestMember[] {
  return world.members.filter((each) => each !== member);
}

function cutOff(world: DriverWorld, member: TestMember): void {
  world.network.partition(
    [member.id],
    others(world, member).map(({ id }) => id),
  );
}

describe('lease reads', () => {
  it('are served by the leader without a round; a follower asks for one', () => {
    const world = new DriverWorld(3, 1, on);
    const leader = world.leader();
    world.run(1000);
    leader.node.submit([command('w')]);
    world.until('applied', () => leader.machine.commands.length === 1);
    expect(leader.node.leaseHeld).toBe(true);
    expect(servedAtOnce(leader)).toBe(true);
    const follower = others(world, leader)[0]!;
    expect([follower.node.leaseHeld, servedAtOnce(follower)]).toEqual([false, false]);
    let seen = 0;
    follower.node.read({ cancelled: false, settle: () => (seen = follower.machine.commands.length) }, 'lease');
    world.until('read', () => seen === 1);
  });

  it('wait for what is committed and not applied', () => {
    const world = new DriverWorld(3, 2, on);
    const leader = world.leader();
    world.run(1000);
    leader.machine.holdPrepare = true;
    leader.node.submit([command('w')]);
    world.run(50);
    expect(leader.node.commitIndex).toBeGreaterThan(leader.node.appliedIndex);
    let seen: number | undefined;
    leader.node.read({ cancelled: false, settle: () => (seen = leader.machine.commands.length) }, 'lease');
    expect(seen).toBeUndefined();
    leader.machine.holdPrepare = false;
    leader.machine.prepared!();
    expect(seen).toBe(1);
  });

  it('are reads by round where the option is off, or only the leader has it', () => {
    for (const leaseReads of [false, true]) {
      const world = new DriverWorld(3, 3, { optionsOf: (id) => ({ leaseReads: leaseReads && id === 1 }) });
      const leader = world.leader();
      world.run(2000);
      leader.node.transferLeadership(1);
      world.run(2000);
      const first = world.members[0]!;
      expect([first.node.isLeader, first.node.leaseHeld, servedAtOnce(first)]).toEqual([true, false, false]);
    }
  });

  it('end with the lease of a leader that is cut off, before another one can lead, and long before it steps down', () => {
    const world = new DriverWorld(3, 4, on);
    const leader = world.leader();
    world.run(1000);
    cutOff(world, leader);
    const cutMs = world.time.now;
    while (leader.node.leaseHeld) world.run(5);
    // Eight of ten heartbeats, less a tenth; the last answered one left up to a heartbeat before the cut.
    expect(world.time.now - cutMs).toBeGreaterThan(500);
    expect(world.time.now - cutMs).toBeLessThanOrEqual(725);
    expect(leader.node.isLeader).toBe(true);
    expect(others(world, leader).some((each) => each.node.isLeader)).toBe(false);
    expect(servedAtOnce(leader)).toBe(false);
  });

  it('are refused by a leader that was stopped and goes on: the clock is looked at before anything else', () => {
    const world = new DriverWorld(3, 5, on);
    const leader = world.leader();
    world.run(1000);
    leader.process.pause('leap');
    world.run(5000);
    expect(others(world, leader).some((each) => each.node.isLeader)).toBe(true);
    leader.process.resume();
    // Not one message of the new term has been read yet.
    expect([leader.node.isLeader, leader.node.leaseHeld]).toEqual([true, false]);
  });

  it('trust in a clock that does not stand still: this is what the option asks to be true', () => {
    const world = new DriverWorld(3, 5, on);
    const leader = world.leader();
    world.run(1000);
    leader.process.pause('stand');
    world.run(5000);
    leader.process.resume();
    expect([leader.node.isLeader, leader.node.leaseHeld]).toEqual([true, true]);
  });

  it('trust in a member that comes back with a shorter election timeout only after the longer one', () => {
    const overlap = (downMs: number): boolean => {
      let shorter = 0;
      const timing = (id: number) => (id === shorter ? { electionTimeoutMs: 150, heartbeatMs: 15 } : {});
      const world = new DriverWorld(3, 8, { optionsOf: (id) => ({ leaseReads: true, ...timing(id) }) });
      const leader = world.leader();
      world.run(1000);
      const [quick, deaf] = others(world, leader) as [TestMember, TestMember];
      world.network.partition([leader.id], [deaf.id]);
      // What the deaf one promised is over.
      world.run(990);
      cutOff(world, leader);
      world.kill(quick);
      shorter = quick.id;
      const until = world.time.now + 2000;
      world.time.schedule(downMs, () => void world.restart(quick));
      let overlapped = false;
      while (world.time.step(until)) {
        const another = others(world, leader).some((each) => !each.dead && each.node.isLeader);
        overlapped ||= another && leader.node.leaseHeld;
      }
      return overlapped;
    };
    expect([overlap(50), overlap(1000)]).toEqual([true, false]);
  });

  it('stop when the own disk stands still', () => {
    const world = new DriverWorld(3, 6, on);
    const leader = world.leader();
    world.run(1000);
    leader.log.append = () => undefined;
    leader.node.submit([command('stuck')]);
    world.run(1001);
    expect(leader.node.leaseHeld).toBe(false);
  });

  it('keep a follower from campaigning at once when the leader’s process is gone', () => {
    const world = new DriverWorld(3, 7, on);
    const leader = world.leader();
    world.run(1000);
    const died = world.time.now;
    world.kill(leader);
    world.leader();
    expect(world.time.now - died).toBeGreaterThan(800);
  });
});

/** One world of faults; how often a lease was seen to stand, and how many leaders there were. */
function faultyWorld(seed: number): { readonly held: number; readonly terms: number } {
  const count = seed % 2 === 0 ? 3 : 5;
  const mixed = seed % 3 === 0;
  const world = new DriverWorld(count, seed, { optionsOf: (id) => ({ leaseReads: !mixed || id !== count }) });
  const { random } = world;
  for (const { process } of world.members) process.setRate(0.96 + random.nextInt(9) / 100);
  const terms = new Set<number>();
  let held = 0;
  const check = (): void => {
    for (const member of world.members) {
      if (member.dead || member.process.paused || !member.node.isLeader) continue;
      terms.add(member.node.term);
      if (!member.node.leaseHeld) continue;
      held++;
      const later = world.members.find((each) => !each.dead && each.node.isLeader && each.node.term > member.node.term);
      if (later === undefined) continue;
      const shown = `${member.id} has a lease in term ${member.node.term}`;
      throw new Error(`seed ${seed}: ${shown}, and ${later.id} leads in term ${later.node.term}`);
    }
  };
  for (let round = 0; round < 60; round++) {
    disturb(world);
    const until = world.time.now + random.nextInt(1500);
    while (world.time.step(until)) check();
  }
  return { held, terms: terms.size };
}

function disturb(world: DriverWorld): void {
  const { random, members, network } = world;
  const member = members[random.nextInt(members.length)]!;
  const leader = members.find((each) => !each.dead && each.node.isLeader) ?? member;
  switch (random.nextInt(11)) {
    case 0:
      cutOff(world, leader);
      break;
    case 1:
      cutOff(world, member);
      break;
    case 2:
      network.heal();
      break;
    case 3:
      network.setFaults({ loss: random.nextInt(3) / 10, duplicate: 0.2 });
      break;
    case 4:
      restartSoon(world, member);
      break;
    case 5:
      leader.node.transferLeadership(member.id);
      break;
    case 6:
      if (!leader.dead) leader.process.pause('leap');
      world.time.schedule(random.nextInt(3000), () => leader.process.resume());
      break;
    case 7:
      if (!leader.dead) leader.node.submit([command('w')]);
      break;
    case 8:
      // Nothing listens at the leader's address, and yet it leads.
      cutOff(world, leader);
      for (const each of others(world, leader)) if (!each.dead) each.node.unreachable(leader.id, 'refused');
      break;
    case 9:
      cutOff(world, leader);
      for (const each of others(world, leader)) restartSoon(world, each);
      break;
    default:
      network.heal();
      network.setFaults({});
  }
}

/** Quicker than any promise ends. */
function restartSoon(world: DriverWorld, member: TestMember): void {
  if (member.dead) return;
  world.kill(member);
  world.time.schedule(world.random.nextInt(400), () => void world.restart(member));
}

test('while a lease stands, nobody leads in a later term, whatever is cut, killed, stopped, lost or handed over', () => {
  let held = 0;
  let terms = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const world = faultyWorld(seed);
    held += world.held;
    terms += world.terms;
  }
  expect(held).toBeGreaterThan(10_000);
  expect(terms).toBeGreaterThan(200);
});
