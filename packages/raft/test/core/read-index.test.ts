import { describe, expect, test } from 'vitest';
import { pendingReadsMax } from '../../src/core/read-index.js';
import type { Message } from '../../src/core/messages.js';
import { bytes, confOf, initOf, ScriptedCluster } from './scripted-cluster.js';

describe('reads without the log (thesis §6.4)', () => {
  test('a leader answers with its commit index once a quorum confirms it', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    const index = cluster.propose(1);
    cluster.pump();
    cluster.core(1).readIndex(7);
    cluster.drain();
    expect(cluster.of(1).reads).toEqual([]);
    cluster.pump();
    expect(cluster.of(1).reads).toEqual([{ token: 7, index }]);
  });

  test('a follower, a learner too, gets the answer from its leader', () => {
    const conf = confOf([1, 2], { learners: [3] });
    const cluster = new ScriptedCluster(...[1, 2, 3].map((id) => initOf(id, conf)));
    cluster.elect(1);
    for (const id of [2, 3]) cluster.core(id).readIndex(id);
    cluster.pump();
    expect(cluster.of(2).reads).toEqual([{ token: 2, index: 1 }]);
    expect(cluster.of(3).reads).toEqual([{ token: 3, index: 1 }]);
  });

  test('a leader that is its own quorum answers at once', () => {
    const cluster = ScriptedCluster.of(1);
    cluster.elect(1);
    cluster.core(1).readIndex(7);
    expect(cluster.core(1).ready().reads).toEqual([{ token: 7, index: 1 }]);
  });

  test('reads of one turn share a round; later ones wait for the next, and only one round is in flight', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    for (let token = 0; token < 100; token++) cluster.core(1).readIndex(token);
    const before = cluster.sent.length;
    cluster.drain();
    expect(cluster.sentOf('heartbeat', before).length).toBe(2);
    cluster.core(1).readIndex(100);
    cluster.drain();
    expect(cluster.sentOf('heartbeat', before).length).toBe(2);
    cluster.pump();
    expect(cluster.of(1).reads.length).toBe(101);
    expect(cluster.sentOf('heartbeat', before).length).toBe(4);
  });

  test('nothing is answered before an entry of the leader’s own term is committed', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.only((message) => message.type !== 'append');
    cluster.elect(1);
    cluster.core(1).readIndex(7);
    cluster.pump();
    expect(cluster.of(1).reads).toEqual([]);
    cluster.heal();
    cluster.tickAll(2);
    expect(cluster.of(1).reads).toEqual([{ token: 7, index: 1 }]);
    // Not even by a leader that is alone: what it knows to be committed may be less than what was.
    const alone = ScriptedCluster.of(1);
    alone.core(1).campaign();
    alone.core(1).appendDurable(alone.core(1).ready().append?.seq ?? 0);
    expect(alone.core(1).isLeader).toBe(true);
    alone.core(1).readIndex(7);
    expect(alone.core(1).ready().reads).toEqual([]);
  });

  test('late answers to an earlier round confirm nothing', () => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    cluster.isolate(1);
    core.readIndex(1);
    cluster.drain();
    const heartbeats = cluster.sentOf('heartbeat');
    const first = heartbeats.at(-1)?.context ?? 0;
    expect(first).toBeGreaterThan(0);
    const answer = (from: number, context: number): Message => ({
      ...{ type: 'heartbeatResponse', group: 0, from, to: 1, term: 1, context },
    });
    core.step(answer(2, first));
    expect(core.ready().reads).toEqual([{ token: 1, index: 1 }]);
    core.readIndex(2);
    cluster.drain();
    core.step(answer(2, first));
    core.step(answer(3, first));
    core.step(answer(3, 0));
    // Nor does one to a round that never was.
    core.step(answer(3, first + 99));
    cluster.drain();
    expect(cluster.of(1).reads).toEqual([]);
    core.step(answer(3, first + 1));
    cluster.drain();
    expect(cluster.of(1).reads).toEqual([{ token: 2, index: 1 }]);
  });

  test('a read through a follower waits for the quorum as well', () => {
    for (const reader of [1, 2]) {
      const cluster = ScriptedCluster.of(3);
      cluster.elect(1);
      const index = cluster.propose(1);
      cluster.pump();
      cluster.only((message) => message.type !== 'heartbeatResponse');
      cluster.core(reader).readIndex(7);
      cluster.pump();
      expect(cluster.of(reader).reads).toEqual([]);
      cluster.heal();
      cluster.tick(1);
      cluster.pump();
      expect(cluster.of(reader).reads).toEqual([{ token: 7, index }]);
    }
  });

  test('a learner reads, and its own word confirms nothing', () => {
    const conf = confOf([1, 2], { learners: [3] });
    const cluster = new ScriptedCluster(...[1, 2, 3].map((id) => initOf(id, conf)));
    cluster.elect(1);
    cluster.isolate(2);
    cluster.core(3).readIndex(7);
    cluster.core(1).readIndex(8);
    cluster.pump();
    cluster.tick(1, 2);
    cluster.pump();
    expect([cluster.of(1).reads, cluster.of(3).reads]).toEqual([[], []]);
    cluster.heal();
    cluster.tick(1);
    cluster.pump();
    expect([cluster.of(1).reads, cluster.of(3).reads]).toEqual([[{ token: 8, index: 1 }], [{ token: 7, index: 1 }]]);
  });

  test('the same token asked again is not confirmed by late answers to the first time', () => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    core.readIndex(7);
    cluster.drain();
    // Both answers to the first round are on their way, and only one of them arrives in time.
    const late: Message[] = [];
    cluster.only((message) => {
      if (message.type === 'heartbeatResponse') late.push(message);
      return message.type !== 'heartbeatResponse';
    });
    cluster.pump();
    expect(late.length).toBe(2);
    core.step(late[0] as Message);
    cluster.pump();
    expect(cluster.of(1).reads).toEqual([{ token: 7, index: 1 }]);
    // The others elect and commit without it; what it reads now must not come from before.
    cluster.heal();
    cluster.isolate(1);
    for (const id of [2, 3]) cluster.core(id).forgetLeader();
    cluster.elect(2);
    cluster.propose(2);
    cluster.pump();
    core.readIndex(7);
    cluster.pump();
    for (const answer of late) core.step(answer);
    cluster.pump();
    expect([core.isLeader, cluster.of(1).reads.length]).toEqual([true, 1]);
  });

  test('what is answered takes no room any more', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    const batch = 4096;
    const batches = pendingReadsMax / batch + 2;
    for (const reader of [1, 2]) {
      for (let i = 0; i < batches; i++) {
        for (let token = 0; token < batch; token++) cluster.core(reader).readIndex(token);
        cluster.pump();
      }
      const { reads } = cluster.of(reader);
      expect([reads.length, reads.filter((read) => read.index === undefined).length]).toEqual([batches * batch, 0]);
    }
  });

  test('lost heartbeats delay a round, and the next ones carry it', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.core(1).readIndex(7);
    cluster.pump();
    cluster.heal();
    cluster.tick(1);
    cluster.pump();
    expect(cluster.of(1).reads).toEqual([{ token: 7, index: 1 }]);
  });

  test('a deposed leader cannot confirm, and refuses when it learns of it', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.tick(2, 10);
    cluster.tick(3, 10);
    cluster.elect(2);
    cluster.core(1).readIndex(7);
    cluster.pump();
    expect(cluster.of(1).reads).toEqual([]);
    cluster.heal();
    cluster.tickAll(3);
    expect(cluster.of(1).reads).toEqual([{ token: 7 }]);
  });

  test.each(['stepDown', 'transfer', 'conf'] as const)('no read is left hanging: %s', (event) => {
    const cluster = ScriptedCluster.of(3);
    const core = cluster.elect(1);
    cluster.isolate(1);
    core.readIndex(7);
    cluster.drain();
    core.readIndex(8);
    if (event === 'stepDown') core.stepDown();
    else if (event === 'transfer') {
      core.step({ type: 'heartbeat', group: 0, from: 2, to: 1, term: 5, commit: 0, context: 0 });
    } else {
      for (let i = 0; i < 25; i++) core.tick();
    }
    cluster.drain();
    expect(cluster.of(1).reads).toEqual([{ token: 7 }, { token: 8 }]);
  });
});

describe('reads of a follower', () => {
  test('are refused without a leader', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.core(2).readIndex(7);
    cluster.pump();
    expect(cluster.of(2).reads).toEqual([{ token: 7 }]);
  });

  test('are refused when the leader is forgotten or another term begins', () => {
    for (const end of ['forget', 'term'] as const) {
      const cluster = ScriptedCluster.of(3);
      cluster.elect(1);
      cluster.isolate(1);
      cluster.core(2).readIndex(7);
      cluster.pump();
      if (end === 'forget') cluster.core(2).forgetLeader();
      else cluster.core(2).step({ type: 'heartbeat', group: 0, from: 3, to: 2, term: 9, commit: 0, context: 0 });
      cluster.pump();
      expect(cluster.of(2).reads).toEqual([{ token: 7 }]);
    }
  });

  test('are refused by whoever does not lead', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.core(2).readIndex(7);
    cluster.drain();
    cluster.core(1).stepDown();
    cluster.pump();
    expect(cluster.of(2).reads).toEqual([{ token: 7 }]);
  });

  test('are refused when no answer comes for long', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    cluster.only((message) => message.type !== 'readIndex');
    cluster.core(2).readIndex(7);
    cluster.pump();
    cluster.tickAll(9);
    expect(cluster.of(2).reads).toEqual([]);
    cluster.tickAll(20);
    expect(cluster.of(2).reads).toEqual([{ token: 7 }]);
  });

  test('are answered once, by the leader of the term, and not to another life of the process', () => {
    const conf = confOf([1, 2, 3]);
    const cluster = new ScriptedCluster(...[1, 2, 3].map((id) => initOf(id, conf)));
    cluster.elect(1);
    cluster.core(2).readIndex(7);
    cluster.drain();
    const asked = cluster.sentOf('readIndex')[0]?.context ?? 0;
    const answer = { type: 'readIndexResponse', group: 0, from: 1, to: 2, term: 1, context: asked } as const;
    cluster.core(2).step({ ...answer, from: 3, index: 9 });
    cluster.core(2).step({ ...answer, term: 0, index: 9 });
    expect(cluster.core(2).ready().reads).toEqual([]);
    cluster.core(2).step({ ...answer, index: 1 });
    cluster.core(2).step({ ...answer, index: 1 });
    expect(cluster.core(2).ready().reads).toEqual([{ token: 7, index: 1 }]);
    // A restart in the same term, with another draw, asks with other contexts.
    const again = new ScriptedCluster(initOf(2, conf, { random: { nextInt: (n) => Math.min(5, n - 1) } }));
    again.core(2).step({ type: 'heartbeat', group: 0, from: 1, to: 2, term: 1, commit: 0, context: 0 });
    again.core(2).readIndex(7);
    again.drain();
    expect(again.sentOf('readIndex')[0]?.context).not.toBe(asked);
  });
});

test('a leader with as many reads as it may hold refuses those of others, and they hear of it', () => {
  const cluster = ScriptedCluster.of(3);
  const core = cluster.elect(1);
  for (let token = 0; token < pendingReadsMax; token++) core.readIndex(token);
  cluster.core(2).readIndex(7);
  cluster.pump();
  expect(cluster.of(2).reads).toEqual([{ token: 7 }]);
  cluster.core(2).readIndex(8);
  cluster.pump();
  expect(cluster.of(2).reads.at(-1)).toEqual({ token: 8, index: 1 });
});

test('more reads than the limit are refused, and the rest is answered', () => {
  const cluster = ScriptedCluster.of(3);
  const core = cluster.elect(1);
  for (let token = 0; token < pendingReadsMax + 5; token++) core.readIndex(token);
  cluster.pump();
  const { reads } = cluster.of(1);
  expect(reads.filter((read) => read.index === undefined).length).toBe(5);
  expect(reads.length).toBe(pendingReadsMax + 5);
  core.propose([bytes('x')]);
});
