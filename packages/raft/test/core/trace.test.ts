import { expect, test } from 'vitest';
import type { TraceEvent } from '../../src/core/trace.js';
import { formatTraceEvent } from '../../src/testing/index.js';
import { confOf, initOf, ScriptedCluster, testConfig } from './scripted-cluster.js';

/** A cluster whose members tell one trace, without what the specification does not know. */
function traced(size: number): { readonly cluster: ScriptedCluster; readonly events: TraceEvent[] } {
  const events: TraceEvent[] = [];
  const ids = Array.from({ length: size }, (_, i) => i + 1);
  const config = { ...testConfig, preVote: false };
  const trace = (event: TraceEvent): void => void events.push(event);
  return { cluster: new ScriptedCluster(...ids.map((id) => initOf(id, confOf(ids), { config, trace }))), events };
}

/** Elections, entries, a commit, a change of leaders and of the membership, a rejected append. */
function story(): { readonly cluster: ScriptedCluster; readonly events: TraceEvent[] } {
  const { cluster, events } = traced(3);
  cluster.elect(1);
  cluster.isolate(3);
  for (let i = 0; i < 3; i++) cluster.propose(1);
  cluster.pump();
  cluster.heal();
  cluster.tickAll(2);
  cluster.change(1, [{ op: 'addLearner', id: 4 }]);
  cluster.pump();
  cluster.tick(1, 1);
  cluster.core(1).transferLeadership(2);
  cluster.pump();
  cluster.propose(2);
  cluster.pump();
  cluster.core(2).stepDown();
  return { cluster, events };
}

test('a trace has the published names and fields, ids as strings', () => {
  const { events } = story();
  const names = new Set(events.map(({ name }) => name));
  for (const name of [
    'InitState',
    'BecomeCandidate',
    'BecomeFollower',
    'BecomeLeader',
    'Commit',
    'Replicate',
    'Ready',
  ]) {
    expect(names).toContain(name);
  }
  for (const side of ['Send', 'Receive'] as const) {
    for (const kind of ['AppendEntries', 'RequestVote'] as const) {
      for (const half of ['Request', 'Response'] as const) expect(names).toContain(`${side}${kind}${half}`);
    }
  }
  expect(events.find(({ name }) => name === 'InitState')).toEqual({
    name: 'InitState',
    nid: '1',
    state: { term: 0, vote: '0', commit: 0 },
    role: 'StateFollower',
    log: 0,
    conf: [['1', '2', '3'], []],
  });
  expect(events.find(({ name }) => name === 'ChangeConf')).toMatchObject({
    nid: '1',
    role: 'StateLeader',
    cc: { changes: [{ nid: '4', action: 'AddLearner' }] },
  });
  expect(events.filter(({ name }) => name === 'ApplyConfChange')).toHaveLength(3);
  expect(events.find(({ name }) => name === 'ApplyConfChange')?.cc?.newconf).toEqual(['1', '2', '3']);
  const vote = events.find(({ name }) => name === 'SendRequestVoteRequest');
  expect(vote).toMatchObject({ nid: '1', state: { term: 1, vote: '1' }, role: 'StateCandidate' });
  expect(vote?.msg).toEqual({
    ...{ type: 'MsgVote', term: 1, from: '1', to: '2', entries: 0, logTerm: 0, index: 0 },
    ...{ commit: 0, vote: '0', reject: false, rejectHint: 0 },
  });
  const line = formatTraceEvent(events[0]!);
  expect(line).not.toContain('\n');
  expect(JSON.parse(line)).toEqual({ tag: 'trace', event: events[0] });
});

test('nothing is received that was not sent before', () => {
  const { events } = story();
  const sent = new Map<string, number>();
  let received = 0;
  for (const { name, nid, msg } of events) {
    if (msg === undefined) continue;
    const key = JSON.stringify(msg);
    if (name.startsWith('Send')) {
      expect(nid).toBe(msg.from);
      sent.set(key, (sent.get(key) ?? 0) + 1);
    } else {
      received++;
      expect(nid).toBe(msg.to);
      expect(sent.get(key) ?? 0, `${name} ${key}`).toBeGreaterThan(0);
      sent.set(key, sent.get(key)! - 1);
    }
  }
  expect(received).toBeGreaterThan(20);
});

test('what the events say of a member fits together', () => {
  const { cluster, events } = story();
  const last = new Map<string, TraceEvent>();
  for (const event of events) {
    const before = last.get(event.nid);
    if (before !== undefined) {
      expect(event.state.term).toBeGreaterThanOrEqual(before.state.term);
      expect(event.state.commit).toBeGreaterThanOrEqual(before.state.commit);
      if (event.state.term === before.state.term && before.state.vote !== '0') {
        expect(event.state.vote).toBe(before.state.vote);
      }
      if (event.name === 'BecomeCandidate')
        expect(event.state).toMatchObject({ term: before.state.term + 1, vote: event.nid });
      if (event.name === 'BecomeLeader') expect([before.role, event.role]).toEqual(['StateCandidate', 'StateLeader']);
      if (event.name === 'Commit') expect(event.state.commit).toBeGreaterThan(before.state.commit);
      if (event.name === 'Replicate') expect(event.log).toBeGreaterThan(0);
    }
    if (event.name.startsWith('Send') && event.msg !== undefined) expect(event.msg.term).toBe(event.state.term);
    expect(event.state.commit).toBeLessThanOrEqual(event.log);
    last.set(event.nid, event);
  }
  for (const [nid, event] of last) {
    const { term, commit, lastIndex } = cluster.core(Number(nid)).status();
    expect([event.state.term, event.state.commit, event.log]).toEqual([term, commit, lastIndex]);
  }
});

test('pre-votes and reads leave no trace, and a pre-candidate is a follower still', () => {
  const events: TraceEvent[] = [];
  const trace = (event: TraceEvent): void => void events.push(event);
  const cluster = new ScriptedCluster(...[1, 2, 3].map((id) => initOf(id, confOf([1, 2, 3]), { trace })));
  cluster.core(1).campaign();
  cluster.drain();
  expect(new Set(events.map(({ name }) => name))).toEqual(new Set(['InitState', 'Ready']));
  expect(events.every(({ role }) => role === 'StateFollower')).toBe(true);
});

test('a snapshot that a member needs, and one that it has received', () => {
  const { cluster, events } = traced(3);
  const core = cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1);
  cluster.pump();
  core.compact(core.commit);
  cluster.heal();
  cluster.tickAll(2);
  const { commit: index } = core;
  expect(events.find(({ name }) => name === 'SendSnapshot')).toMatchObject({ nid: '1', prop: { peer: 3, index } });
  cluster.core(3).restoreSnapshot({ index, term: 1, conf: confOf([1, 2, 3]), size: 1 }, 1);
  expect(events.at(-2)).toMatchObject({ name: 'ReceiveSnapshot', nid: '3', log: index, prop: { peer: 1, index } });
});
