import { expect, test } from 'vitest';
import { command, DriverWorld } from './driver-world.js';

test('reads asked of a leader that falls are asked again of the next one, none is lost', () => {
  const world = new DriverWorld(3, 12);
  const old = world.leader();
  world.run(500);
  const follower = world.members.find((member) => member !== old)!;
  let asked = 0;
  let served = 0;
  const ask = (): void => {
    asked++;
    follower.node.read({ cancelled: false, settle: (error) => (served += error === undefined ? 1 : 0) });
    world.run(5);
  };
  // Its disk stands still, so it steps down while the others still take it for their leader.
  old.log.append = () => undefined;
  old.node.submit([command('stuck')]);
  while (old.node.isLeader) ask();
  while (!world.members.some((member) => member !== old && member.node.isLeader)) ask();
  world.until('all are served', () => served === asked);
  expect(asked).toBeGreaterThan(10);
});

test('a read whose question or answer is lost is asked again', () => {
  const world = new DriverWorld(3, 13);
  world.leader();
  world.run(500);
  world.network.setFaults({ loss: 0.3 });
  let served = 0;
  for (let asked = 0; asked < 60; asked++) {
    for (const member of world.members) {
      member.node.read({ cancelled: false, settle: (error) => (served += error === undefined ? 1 : 0) });
    }
    world.run(20);
  }
  world.network.setFaults({});
  world.until('all are served', () => served === 180);
  expect(served).toBe(180);
});
