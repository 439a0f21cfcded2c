import { describe, expect, it } from 'vitest';
import { command, DriverWorld, type TestMember } from './driver-world.js';

/** Submits a command. @returns its stamp, and when it was given by the leader's own clock */
function stamped(world: DriverWorld, leader: TestMember): { readonly stampMs: number; readonly atMs: number } {
  const { stamps } = leader.machine;
  const before = stamps.length;
  world.until('may stamp', () => leader.node.logTimeMs() !== undefined);
  const atMs = leader.process.now;
  leader.node.submit([command('x')]);
  world.until('applied', () => stamps.length > before);
  return { stampMs: stamps[before]!, atMs };
}

describe('log time', () => {
  it.each([1, 0.5, 2])('advances with the clock of its leader, at %f times the pace of the world', (rate) => {
    const world = new DriverWorld(3, 11);
    const leader = world.leader();
    leader.process.setRate(rate);
    const first = stamped(world, leader);
    for (let i = 0; i < 5; i++) {
      world.run(700);
      const { stampMs, atMs } = stamped(world, leader);
      expect(Math.abs(stampMs - first.stampMs - (atMs - first.atMs))).toBeLessThanOrEqual(2);
    }
    expect(world.leader()).toBe(leader);
  });

  it('continues behind what the predecessor stamped, and stands still while nobody leads', () => {
    const world = new DriverWorld(3, 12);
    const first = world.leader();
    stamped(world, first);
    world.run(5000);
    const last = stamped(world, first);
    for (const member of world.members.filter((each) => each !== first)) world.kill(member);
    world.run(1000);
    world.kill(first);
    world.run(60_000);
    for (const member of [...world.members]) world.restart(member);
    const second = world.leader();
    const sinceMs = second.process.now;
    const { stampMs, atMs } = stamped(world, second);
    expect(last.stampMs).toBeGreaterThanOrEqual(5000);
    expect(stampMs).toBeGreaterThanOrEqual(last.stampMs);
    // What it has led for, an election timeout at most of it before all had heard of it.
    expect(stampMs).toBeLessThanOrEqual(last.stampMs + (atMs - sinceMs) + 1000);
  });
});
