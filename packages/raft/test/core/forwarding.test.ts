import { describe, expect, test } from 'vitest';
import type { Entry } from '../../src/core/messages.js';
import { bytes, ScriptedCluster } from './scripted-cluster.js';

const head = { group: 0, from: 2, to: 1 } as const;

describe('proposals that reach one who does not lead', () => {
  const forwarded: Entry = { term: 0, index: 0, kind: 'normal', data: bytes('forwarded') };

  test('a candidate takes none: its own are refused, forwarded ones dropped', () => {
    for (const preVote of [true, false]) {
      const cluster = ScriptedCluster.of(3, { preVote });
      cluster.isolate(1);
      const core = cluster.core(1);
      core.campaign();
      cluster.pump();
      expect(core.role).toBe(preVote ? 'preCandidate' : 'candidate');
      expect(core.propose([bytes('own')])).toEqual({ ok: false, reason: 'noLeader' });
      core.step({ ...head, type: 'propose', term: 0, entries: [forwarded] });
      cluster.pump();
      expect(core.lastIndex).toBe(0);
    }
  });

  test('a follower sends none on: its own are refused with the name of the leader, forwarded ones end there', () => {
    const cluster = ScriptedCluster.of(3);
    cluster.elect(1);
    const before = cluster.sent.length;
    expect(cluster.core(2).propose([bytes('own')])).toEqual({ ok: false, reason: 'notLeader', leader: 1 });
    cluster.core(2).step({ ...head, from: 3, to: 2, type: 'propose', term: 0, entries: [forwarded] });
    cluster.pump();
    expect(cluster.sent.slice(before)).toEqual([]);
    expect(cluster.core(2).lastIndex).toBe(1);
  });
});
