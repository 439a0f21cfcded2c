import { expect, test } from 'vitest';
import { confOf, initOf, ScriptedCluster } from './scripted-cluster.js';

/** Members 1 and 2 on their way to 2 alone, in the joint configuration of both. */
function joint(autoLeave: boolean): ScriptedCluster {
  const conf = confOf([2], { votersOutgoing: [1, 2], autoLeave });
  return new ScriptedCluster(initOf(1, conf), initOf(2, conf));
}

test('an outgoing leader hands over before the joint configuration is left: who stays must not need its vote', () => {
  const cluster = joint(true);
  cluster.core(1).campaign();
  // What would tell member 2 that the end of the joint configuration is committed is lost, and member 1 with it.
  cluster.only((message) => !(message.from === 1 && message.type === 'append' && message.commit >= 2));
  cluster.pump();
  cluster.tickAll(2);
  cluster.pump();
  if (cluster.core(1).conf.votersOutgoing.length === 0) cluster.isolate(1);
  for (let i = 0; i < 100; i++) cluster.tickAll(1);
  expect(cluster.core(2).isLeader).toBe(true);
  expect(cluster.core(2).conf).toMatchObject({ voters: [2], votersOutgoing: [] });
});

test('an outgoing leader whose successor does not take over leaves the joint configuration all the same', () => {
  const cluster = joint(true);
  cluster.only((message) => message.type !== 'timeoutNow');
  cluster.core(1).campaign();
  cluster.pump();
  expect(cluster.core(1).transferee).toBe(2);
  for (let i = 0; i < 30; i++) cluster.tickAll(1);
  expect(cluster.core(2).conf).toMatchObject({ voters: [2], votersOutgoing: [] });
  expect(cluster.core(1).isLeader).toBe(false);
});

test('a leader that stays leaves the joint configuration at once', () => {
  const cluster = joint(true);
  cluster.core(2).campaign();
  cluster.pump();
  expect(cluster.sentOf('timeoutNow')).toEqual([]);
  expect(cluster.core(2).conf).toMatchObject({ voters: [2], votersOutgoing: [] });
});
