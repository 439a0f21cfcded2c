import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Message } from '../../src/core/messages.js';
import { confOf, initOf, ScriptedCluster, testConfig } from './scripted-cluster.js';

const head = { group: 0, from: 2, to: 1 } as const;

test('nothing that comes from the network makes a core throw', () => {
  const wild = fc.oneof(fc.nat(12), fc.integer(), fc.double(), fc.constantFrom(undefined, null, 'x', -1, 2 ** 53, NaN));
  const entry = fc.record({
    term: wild,
    index: wild,
    kind: fc.constantFrom('normal', 'conf', 'empty', 'other'),
    data: fc.oneof(fc.uint8Array({ maxLength: 5 }), fc.constantFrom(undefined, 'x')),
  });
  const message = fc.record({
    type: fc.constantFrom(
      ...['append', 'appendResponse', 'heartbeat', 'heartbeatResponse', 'vote', 'preVote', 'voteResponse'],
      ...['preVoteResponse', 'propose', 'readIndex', 'readIndexResponse', 'timeoutNow', 'transferLeader', 'nonsense'],
    ),
    group: fc.constantFrom(0, 0, 0, 1),
    from: fc.oneof(fc.integer({ min: 1, max: 4 }), wild),
    to: fc.constantFrom(1, 1, 1, 2),
    term: fc.oneof(fc.nat(4), wild),
    prevIndex: fc.oneof(fc.nat(6), wild),
    prevTerm: fc.oneof(fc.nat(3), wild),
    commit: fc.oneof(fc.nat(9), wild),
    entries: fc.oneof(fc.array(entry, { maxLength: 3 }), wild),
    index: fc.oneof(fc.nat(9), wild),
    reject: fc.oneof(fc.boolean(), wild),
    rejectHint: wild,
    logTerm: wild,
    context: wild,
    lastIndex: wild,
    lastTerm: wild,
    transfer: fc.boolean(),
    promiseMs: fc.oneof(fc.constantFrom(undefined, 800), wild),
    priority: fc.oneof(fc.nat(100), wild),
    target: fc.oneof(fc.nat(4), wild),
  });
  fc.assert(
    fc.property(fc.boolean(), fc.array(message, { maxLength: 60 }), (leads, messages) => {
      const cluster = new ScriptedCluster(
        initOf(1, confOf([1, 2, 3]), { config: { ...testConfig, preVote: false, leasePromiseMs: 800 } }),
      );
      if (leads) {
        cluster.tick(1, 25);
        cluster.drain();
        cluster.core(1).campaign();
        cluster.drain();
        cluster.core(1).step({ ...head, type: 'voteResponse', term: cluster.core(1).term, reject: false });
        expect(cluster.core(1).isLeader).toBe(true);
      }
      for (const each of messages) {
        cluster.core(1).step(each as unknown as Message);
        cluster.drain();
        cluster.core(1).tick();
      }
    }),
    { numRuns: 300 },
  );
});

test('what is for another member, for another group or from oneself is dropped', () => {
  const vote = { ...head, type: 'vote', term: 5, lastIndex: 0, lastTerm: 0 } as const;
  for (const foreign of [{ to: 3 }, { group: 1 }, { from: 1 }]) {
    const cluster = new ScriptedCluster(initOf(1, confOf([1, 2, 3])));
    const before = cluster.core(1).status();
    cluster.core(1).step({ ...vote, ...foreign });
    expect(cluster.core(1).hasReady()).toBe(false);
    expect(cluster.core(1).status()).toEqual(before);
    cluster.core(1).step(vote);
    expect(cluster.core(1).status()).toMatchObject({ term: 5, vote: 2 });
  }
});
