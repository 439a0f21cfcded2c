import { describe, expect, it } from 'vitest';
import type { AppendBatch, Entry } from '../../src/index.js';
import { LogWriter } from '../../src/node/log-writer.js';
import { command, DriverWorld } from './driver-world.js';

type Given = readonly [AppendBatch, (error?: Error) => void];

function writer(): { readonly log: LogWriter; readonly given: Given[]; readonly at: (ms: number) => void } {
  const given: Given[] = [];
  let now = 0;
  const storage = { append: (...batch: Given) => void given.push(batch) };
  const log = new LogWriter(
    { durableIndex: 0 } as never,
    storage as never,
    { now: () => now } as never,
    () => undefined,
    1_000,
  );
  return { log, given, at: (ms) => (now = ms) };
}

const entry: Entry = { term: 2, index: 8, kind: 'normal', data: new Uint8Array(1) };
const committed = (seq: number, commit: number): AppendBatch => ({
  ...{ seq, entries: [], mustSync: false },
  hardState: { term: 2, vote: 1, commit },
});

describe('how far the log is committed', () => {
  it('is written with the next batch, and the core is told of that one', () => {
    const { log, given } = writer();
    const done: number[] = [];
    log.append(committed(1, 6), () => done.push(1));
    log.append(committed(2, 7), () => done.push(2));
    expect(given).toEqual([]);
    log.append({ seq: 3, entries: [entry], mustSync: true }, () => done.push(3));
    expect(given.map(([batch]) => batch)).toEqual([{ ...committed(3, 7), entries: [entry], mustSync: true }]);
    given[0]![1]();
    expect(done).toEqual([3]);
  });

  it('never takes the place of what a later batch says', () => {
    const { log, given } = writer();
    log.append(committed(1, 6), () => undefined);
    const vote: AppendBatch = { seq: 2, entries: [], mustSync: true, hardState: { term: 3, vote: 0, commit: 6 } };
    log.append(vote, () => undefined);
    expect(given.map(([batch]) => batch)).toEqual([vote]);
  });

  it('does not make a disk look as if it stood still', () => {
    const { log, given, at } = writer();
    log.append(committed(1, 6), () => undefined);
    at(5_000);
    expect(log.stalled).toBe(false);
    log.flush();
    expect(log.stalled).toBe(false);
    at(6_001);
    expect(log.stalled).toBe(true);
    expect(given).toHaveLength(1);
    log.flush();
    expect(given).toHaveLength(1);
  });

  it('is in every log a tick after the last write', () => {
    const world = new DriverWorld(3, 11);
    const leader = world.leader();
    world.run(500);
    leader.node.submit([command('a')]);
    world.run(1_000);
    const commits = world.members.map(({ log }) => log.load().hardState.commit);
    expect(commits).toEqual(world.members.map(({ log }) => log.entries.at(-1)!.index));
  });
});
