import { describe, expect, it } from 'vitest';
import type { RaftCore } from '../../src/core/core.js';
import { LogRelease } from '../../src/node/log-release.js';
import { completeNodeOptions } from '../../src/node/options.js';
import { SnapshotHolds } from '../../src/node/snapshot-holds.js';
import { VirtualTime } from '../../src/testing/index.js';

/** The log of a leader of term 1 with entries of 10 bytes, of which member 2 holds as much as the test says. */
class World {
  readonly time = new VirtualTime();
  readonly released: number[] = [];
  match = 0;
  entriesBytes = 0;
  firstIndex = 1;
  isLeader = true;
  readonly holds: SnapshotHolds;
  readonly release: LogRelease;

  constructor(options: Parameters<typeof completeNodeOptions>[0] = {}) {
    const core = {
      matchOf: (id: number) => (id === 2 ? this.match : undefined),
      termAt: (index: number) => (index >= this.firstIndex - 1 ? 1 : undefined),
      windowBefore: (through: number, entries: number, bytes: number) =>
        Math.max(this.firstIndex - 1, through - Math.min(entries, Math.floor(bytes / 10))),
      compact: (through: number) => void (this.firstIndex = through + 1),
    };
    Object.defineProperties(core, {
      isLeader: { get: () => this.isLeader },
      entriesBytes: { get: () => this.entriesBytes },
      firstIndex: { get: () => this.firstIndex },
    });
    const storage = { release: (at: { index: number }) => void this.released.push(at.index) };
    const { clock } = this.time.process(() => false);
    this.holds = new SnapshotHolds(core as unknown as RaftCore, clock, 1000);
    const all = completeNodeOptions({ trailingEntries: 0, ...options });
    this.release = new LogRelease(core as unknown as RaftCore, storage as never, this.holds, all);
  }

  checkpoints(...indexes: number[]): void {
    for (const index of indexes) this.release.checkpointed({ index, term: 1 });
  }
}

describe('the log behind checkpoints', () => {
  it('goes behind the one before the last', () => {
    const world = new World();
    world.checkpoints(10);
    expect(world.released).toEqual([]);
    world.checkpoints(20, 30);
    expect(world.released).toEqual([10, 20]);
  });

  it('stays as far as slow members may need it, by entries and by bytes', () => {
    const world = new World({ trailingEntries: 8, trailingBytes: 50 });
    world.checkpoints(100, 200);
    expect(world.released).toEqual([95]);
  });

  it('stays while a snapshot is on its way, and until its member has passed what would go', () => {
    const world = new World();
    world.checkpoints(10, 20);
    world.holds.begun(2);
    world.holds.opened(2, 20);
    world.checkpoints(30, 40);
    expect(world.released).toEqual([10, 20]);
    // Arrived: what was written during the transfer is still to come.
    world.match = 20;
    world.holds.ended(2, true);
    world.checkpoints(50);
    expect(world.released.at(-1)).toBe(20);
    world.match = 45;
    world.release.sweep();
    expect(world.released.at(-1)).toBe(40);
  });

  it('is not held for a member without end: not beyond its bytes, its time, its transfer or our leadership', () => {
    const ends: Record<string, (world: World) => void> = {
      bytes: (world) => (world.entriesBytes = 1000),
      time: (world) => {
        world.holds.ended(2, true);
        world.time.schedule(1001, () => undefined);
        while (world.time.step());
      },
      failure: (world) => world.holds.ended(2, false),
      leadership: (world) => (world.isLeader = false),
    };
    for (const [name, end] of Object.entries(ends)) {
      const world = new World({ heldLogBytes: 500 });
      world.holds.begun(2);
      world.holds.opened(2, 5);
      world.checkpoints(10, 20);
      expect(world.released.at(-1) ?? 0, name).toBeLessThanOrEqual(5);
      end(world);
      world.release.sweep();
      expect(world.released.at(-1), name).toBe(10);
    }
  });
});
