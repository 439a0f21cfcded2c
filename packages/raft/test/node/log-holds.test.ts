import { describe, expect, it } from 'vitest';
import { defaultNodeOptions, RaftCore, type Clock, type NodeOptions } from '../../src/index.js';
import { LogRelease } from '../../src/node/log-release.js';
import { SnapshotHolds } from '../../src/node/snapshot-holds.js';
import { confOf, initOf } from '../core/scripted-cluster.js';

const passMs = 1000;

/** A leader of three with 100 applied entries of 10 bytes; members 2 and 3 answer as the test says. */
class Leader {
  readonly core = new RaftCore(initOf(1, confOf([1, 2, 3])));
  readonly released: number[] = [];
  readonly holds: SnapshotHolds;
  readonly release: LogRelease;
  now = 0;

  constructor(options: Partial<NodeOptions> = {}) {
    const { core } = this;
    core.campaign();
    for (const type of ['preVoteResponse', 'voteResponse'] as const) {
      this.turn();
      core.step({ type, group: 0, from: 2, to: 1, term: 1, reject: false });
    }
    for (let i = 0; i < 99; i++) core.propose([new Uint8Array(10)]);
    this.turn();
    this.answers(2, 100);
    const clock: Clock = { now: () => this.now, setInterval: () => 0, clearInterval: () => undefined };
    this.holds = new SnapshotHolds(core, clock, passMs);
    const storage = {
      load: () => undefined as never,
      append: () => undefined,
      release: ({ index }: { readonly index: number }) => void this.released.push(index),
      syncCount: 0,
      close: () => Promise.resolve(),
    };
    const small = { trailingEntries: 0, trailingBytes: 0, heldLogBytes: 1 << 20 };
    this.release = new LogRelease(core, storage, this.holds, { ...defaultNodeOptions, ...small, ...options });
  }

  turn(): void {
    while (this.core.hasReady()) {
      const { append, committed } = this.core.ready();
      if (append !== undefined) this.core.appendDurable(append.seq);
      const last = committed.at(-1);
      if (last !== undefined) this.core.applied(last.index);
    }
  }

  answers(from: number, index: number): void {
    this.core.step({ type: 'appendResponse', group: 0, from, to: 1, term: 1, index, reject: false });
    this.turn();
  }

  checkpoints(...indexes: number[]): void {
    for (const index of indexes) this.release.checkpointed({ index, term: 1 });
  }
}

describe('the log goes', () => {
  it('behind the last checkpoint but one, never more', () => {
    const leader = new Leader();
    leader.checkpoints(40);
    expect(leader.released).toEqual([]);
    leader.checkpoints(60, 80);
    expect(leader.released).toEqual([40, 60]);
    expect(leader.core.firstIndex).toBe(61);
  });

  it('but for a window of so many entries, and of them no more than so many bytes', () => {
    const entries = new Leader({ trailingEntries: 15, trailingBytes: 1 << 20 });
    entries.checkpoints(40, 60);
    expect(entries.released).toEqual([25]);
    const bytes = new Leader({ trailingEntries: 15, trailingBytes: 75 });
    bytes.checkpoints(40, 60);
    expect(bytes.released).toEqual([33]);
    const all = new Leader({ trailingEntries: 50, trailingBytes: 1 << 20 });
    all.checkpoints(40, 60);
    expect(all.released).toEqual([]);
  });
});

describe('a snapshot on its way holds the log', () => {
  it('all of it while it is being made, then behind its index', () => {
    const leader = new Leader();
    leader.holds.begun(3);
    leader.checkpoints(40, 60);
    expect(leader.released).toEqual([]);
    leader.holds.opened(3, 30);
    leader.release.sweep();
    expect(leader.released).toEqual([30]);
  });

  it('until the member has passed what is to go, not only to the end of the transfer', () => {
    const leader = new Leader();
    leader.holds.begun(3);
    leader.holds.opened(3, 30);
    leader.holds.ended(3, true);
    leader.checkpoints(40, 60);
    leader.answers(3, 30);
    leader.release.sweep();
    expect(leader.released.at(-1)).toBe(30);
    leader.answers(3, 35);
    leader.release.sweep();
    expect(leader.released.at(-1)).toBe(35);
    leader.answers(3, 100);
    leader.release.sweep();
    expect(leader.released.at(-1)).toBe(40);
    expect(leader.holds.limit(Infinity)).toBe(Infinity);
    const before = leader.released.length;
    leader.release.sweep();
    expect(leader.released).toHaveLength(before);
  });

  it.each([
    ['its transfer failed', (leader: Leader) => leader.holds.ended(3, false)],
    [
      'its time is over',
      (leader: Leader) => {
        leader.holds.ended(3, true);
        leader.now = passMs + 1;
      },
    ],
    [
      'the member was removed',
      (leader: Leader) =>
        void leader.core.applyConfChange({ transition: 'auto', steps: [{ op: 'remove', id: 3 }] }, 1000),
    ],
    ['another one leads', (leader: Leader) => leader.core.stepDown()],
  ])('no longer when %s', (_, end) => {
    const leader = new Leader();
    leader.holds.begun(3);
    leader.holds.opened(3, 30);
    leader.checkpoints(40, 60);
    expect(leader.released).toEqual([30]);
    end(leader);
    leader.release.sweep();
    expect(leader.released).toEqual([30, 40]);
  });

  it('up to so many bytes of log', () => {
    const leader = new Leader({ heldLogBytes: 500 });
    leader.holds.begun(3);
    leader.holds.opened(3, 30);
    leader.checkpoints(40, 60);
    expect(leader.released).toEqual([40]);
    expect(leader.holds.limit(Infinity)).toBe(Infinity);
  });
});
