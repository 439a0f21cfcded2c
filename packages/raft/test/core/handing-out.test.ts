import { expect, test } from 'vitest';
import { RaftCore } from '../../src/core/core.js';
import type { Entry, Message, Term } from '../../src/core/messages.js';
import type { AppendBatch, CoreInit } from '../../src/core/ready.js';
import { bytes, confOf, initOf, logOf, testConfig } from './scripted-cluster.js';

function append(term: Term, prevIndex: number, prevTerm: Term, count: number, commit = 0): Message {
  const entries = Array.from({ length: count }, (_, i): Entry => ({
    ...{ term, index: prevIndex + 1 + i, kind: 'normal' },
    data: bytes('x'.repeat(20)),
  }));
  return { type: 'append', group: 0, from: term + 1, to: 1, term, prevIndex, prevTerm, commit, entries };
}

const written = (batch: AppendBatch | undefined) => batch?.entries.map(({ index, term }) => [index, term]);

test('entries go to the storage once, and again from where a later leader replaced them', () => {
  for (let from = 1; from <= 5; from++) {
    const core = new RaftCore(initOf(1, confOf([1, 2, 3])));
    core.step(append(1, 0, 0, 2));
    const first = core.ready().append;
    core.step(append(1, 2, 1, 2));
    const second = core.ready().append;
    expect([written(first), written(second)]).toEqual([
      [
        [1, 1],
        [2, 1],
      ],
      [
        [3, 1],
        [4, 1],
      ],
    ]);
    // Both are still on their way.
    core.step(append(2, from - 1, from > 1 ? 1 : 0, 1));
    const third = core.ready().append;
    expect(written(third)).toEqual([[from, 2]]);
    expect(core.lastIndex).toBe(from);
    // What was replaced is not durable by the end of the write that it came with.
    core.appendDurable(first?.seq ?? 0);
    expect(core.durableIndex).toBe(Math.min(2, from - 1));
    core.appendDurable(second?.seq ?? 0);
    expect(core.durableIndex).toBe(Math.min(4, from - 1));
    core.appendDurable(third?.seq ?? 0);
    expect(core.durableIndex).toBe(from);
    core.ready();
    expect(core.hasReady()).toBe(false);
  }
});

test('committed entries come in pages, each once, however late they are applied, and go on after a restart', () => {
  const config = { ...testConfig, maxCommittedBytes: 80 };
  const log = append(1, 0, 0, 10) as Message & { type: 'append' };
  const begin = (more: Partial<CoreInit>) =>
    new RaftCore(initOf(1, confOf([1, 2, 3]), { config, hardState: { term: 1, vote: 0, commit: 0 }, ...more }));
  const pagesOf = (core: RaftCore, applyBehind: number) => {
    const pages: number[][] = [];
    while (core.hasReady()) {
      const ready = core.ready();
      if (ready.append !== undefined) core.appendDurable(ready.append.seq);
      if (ready.committed.length > 0) pages.push(ready.committed.map((entry) => entry.index));
      const last = pages.at(-1)?.at(-1) ?? 0;
      if (last > applyBehind) core.applied(last - applyBehind);
    }
    return pages;
  };
  for (const applyBehind of [0, 1, 10]) {
    const core = begin({});
    core.step({ ...log, commit: 10 });
    expect(pagesOf(core, applyBehind)).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
      [7, 8],
      [9, 10],
    ]);
    // Another life goes on where the state machine is, not where the pages were.
    const { applied } = core.status();
    const again = begin({ entries: log.entries, hardState: { term: 1, vote: 0, commit: 10 }, applied });
    expect(pagesOf(again, 0).flat()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].slice(applied));
  }
});

test('a new life tells only what is new, from a hard state as from a snapshot mark', () => {
  const nothing = { send: [], committed: [], reads: [], snapshotsTo: [] };
  const hardState = { term: 2, vote: 1, commit: 3 };
  const fromLog = new RaftCore(initOf(1, confOf([1, 2]), { entries: logOf(1, 1, 2, 2), hardState, applied: 1 }));
  expect(fromLog.hasReady()).toBe(true);
  expect(fromLog.ready()).toEqual({ ...nothing, committed: logOf(1, 1, 2, 2).slice(1, 3) });
  expect([fromLog.hasReady(), fromLog.durableIndex]).toEqual([false, 4]);

  const start = { start: { index: 10, term: 2 }, applied: 10 };
  // The mark may be durable before the commit index that goes with it.
  for (const commit of [10, 3]) {
    const fromSnapshot = new RaftCore(initOf(1, confOf([1, 2]), { ...start, hardState: { term: 2, vote: 1, commit } }));
    expect([fromSnapshot.hasReady(), fromSnapshot.ready()]).toEqual([false, nothing]);
    expect([fromSnapshot.commit, fromSnapshot.lastIndex, fromSnapshot.durableIndex]).toEqual([10, 10, 10]);
  }
  const empty = new RaftCore(initOf(1, confOf([1, 2])));
  expect([empty.hasReady(), empty.ready()]).toEqual([false, nothing]);
});
