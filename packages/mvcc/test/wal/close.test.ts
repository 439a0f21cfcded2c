import { describe, expect, it } from 'vitest';
import { SimDisk, SimulatedStop } from '../../src/files/sim-disk.js';
import { segmentName } from '../../src/wal/format.js';
import { seededRandom } from '../files/virtual-time.js';
import { entries, LogUnderTest } from './log-under-test.js';

const options = { segmentBytes: 65_536 };
const count = 100;

function newDisk(seed: number): SimDisk {
  return new SimDisk({ random: seededRandom(seed), schedule: () => undefined });
}

/** A log of two segments, released up to an entry. */
function written(disk: SimDisk, released: number): LogUnderTest {
  const log = new LogUnderTest(disk.files, '/log', options);
  for (let index = 1; index <= count; index++) log.write({ entries: entries(index, 1, 1, 800) });
  log.wal.release({ index: released, term: 1 });
  log.time.run();
  return log;
}

function segments(disk: SimDisk): readonly (readonly [name: string, bytes: number])[] {
  const names = disk.files.readdir('/log').filter((name) => name.endsWith('.wal'));
  return names.map((name) => [name, disk.contentOf(`/log/${name}`).length]);
}

describe('a log that is closed', () => {
  it('leaves a small segment behind where nothing of it is needed, and goes on from there', async () => {
    const disk = newDisk(1);
    const log = written(disk, count);
    const [[last] = ['']] = segments(disk).slice(-1);
    await log.close();
    expect(log.errors).toEqual([]);
    expect(segments(disk)).toEqual([[segmentName(Number.parseInt(last, 16) + 1), 4096]]);

    const again = new LogUnderTest(disk.files, '/log', options);
    expect(again.loaded).toMatchObject({ start: { index: count, term: 1 }, entries: [] });
    again.write({ entries: entries(count + 1, 30, 2, 800) });
    await again.close();
    expect(new LogUnderTest(disk.files, '/log', options).loaded.entries).toEqual(entries(count + 1, 30, 2, 800));
  });

  it('keeps its segments where something of it is needed', async () => {
    const disk = newDisk(1);
    const log = written(disk, count - 1);
    const before = segments(disk);
    await log.close();
    expect(segments(disk)).toEqual(before);
    expect(new LogUnderTest(disk.files, '/log', options).loaded.entries).toEqual(entries(count, 1, 1, 800));
  });

  it('is closed on a full disk, with the segments that it has', async () => {
    const disk = newDisk(1);
    const log = written(disk, count);
    disk.capacityBytes = disk.usedBytes;
    await log.close();
    expect(log.errors).toEqual([]);
    expect(new LogUnderTest(disk.files, '/log', options).loaded.start.index).toBe(count);
  });

  it.each(['crash', 'kill'] as const)('is whole after a %s at any call of its end', async (kind) => {
    const whole = newDisk(1);
    const undisturbed = written(whole, count);
    const from = whole.counters.calls;
    await undisturbed.close();
    const calls = whole.counters.calls - from;
    expect(calls).toBeGreaterThan(10);
    for (let call = 1; call <= calls; call++) {
      const disk = newDisk(call);
      const log = written(disk, count);
      disk.stopAtCall(call);
      await log.close().catch((error: unknown) => {
        if (!(error instanceof SimulatedStop)) throw error;
      });
      log.runner.abandon();
      disk[kind]();
      const again = new LogUnderTest(disk.files, '/log', options);
      // The release is not synced by itself.
      const { start, entries: left } = again.loaded;
      expect(start.index + left.length, `call ${call}`).toBe(count);
      again.write({ entries: entries(count + 1, 3, 2, 800) });
      expect(again.errors).toEqual([]);
      disk.crash();
      const { entries: found } = new LogUnderTest(disk.files, '/log', options).loaded;
      expect(found.slice(-3), `call ${call}`).toEqual(entries(count + 1, 3, 2, 800));
    }
  });
});
