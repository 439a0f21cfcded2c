import { describe, expect, it } from 'vitest';
import { writeFileAtomically } from '../../src/files/file-system.js';
import { SimDisk, SimulatedStop, type SimDiskOptions } from '../../src/files/sim-disk.js';
import { seededRandom, VirtualTime } from './virtual-time.js';

function diskOf(seed: number, options: Partial<SimDiskOptions> = {}): { disk: SimDisk; time: VirtualTime } {
  const time = new VirtualTime();
  return { disk: new SimDisk({ random: seededRandom(seed), schedule: time.schedule, ...options }), time };
}
const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
/** What each sector of a file begins with. */
const sectors = (bytes: Uint8Array): number[] =>
  Array.from({ length: Math.ceil(bytes.length / 512) }, (_, i) => bytes[i * 512] as number);

/** A file that is durable under its name. */
function synced(disk: SimDisk, path: string, bytes: Uint8Array): number {
  const file = disk.files.open(path, 'create');
  disk.files.write(file, bytes, 0);
  disk.files.datasync(file);
  disk.files.syncDirectory('/');
  return file;
}

describe('a power loss', () => {
  it('keeps everything synced and leaves any mixture of the unsynced sectors', () => {
    const mixtures = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const { disk } = diskOf(seed);
      const file = synced(disk, '/a', filled(4 * 512, 1));
      disk.files.write(file, filled(2 * 512, 2), 512);
      disk.files.write(file, filled(512, 3), 1024);
      disk.crash();
      const found = sectors(disk.files.readFile('/a'));
      expect([found[0], found[3]]).toEqual([1, 1]);
      expect(found[1]).toBeOneOf([1, 2]);
      expect(found[2]).toBeOneOf([1, 2, 3]);
      mixtures.add(found.join());
    }
    expect(mixtures.size).toBe(6);
  });

  it('leaves the old size or the new one, and zeros where a sector was lost', () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const { disk } = diskOf(seed);
      const file = synced(disk, '/a', filled(512, 1));
      disk.files.write(file, filled(1024, 2), 512);
      disk.crash();
      seen.add(sectors(disk.files.readFile('/a')).join());
    }
    expect([...seen].sort()).toEqual(['1', '1,0,0', '1,0,2', '1,2,0', '1,2,2']);
  });

  it('forgets new names, renames and removals that no directory sync covered', () => {
    const found = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const { disk } = diskOf(seed);
      disk.files.close(synced(disk, '/old', filled(1, 1)));
      disk.files.close(synced(disk, '/gone', filled(1, 1)));
      disk.files.rename('/old', '/new');
      disk.files.unlink('/gone');
      disk.crash();
      const names = disk.files.readdir('/');
      // A rename is atomic: one of its two names, always.
      expect(names.filter((name) => name === 'old' || name === 'new')).toHaveLength(1);
      found.add(names.join());
    }
    expect([...found].sort()).toEqual(['gone,new', 'gone,old', 'new', 'old']);
  });

  it('leaves the old or the new content of a file that is written atomically, at every call', () => {
    const outcomes = new Set<number>();
    for (let call = 1; call < 20; call++) {
      for (let seed = 0; seed < 20; seed++) {
        const { disk } = diskOf(seed);
        writeFileAtomically(disk.files, '/CURRENT', filled(700, 1));
        disk.stopAtCall(call);
        let whole = true;
        try {
          writeFileAtomically(disk.files, '/CURRENT', filled(900, 2));
        } catch (error) {
          expect(error).toBeInstanceOf(SimulatedStop);
          whole = false;
        }
        disk.crash();
        const content = disk.files.readFile('/CURRENT');
        expect(content).toEqual(content[0] === 1 ? filled(700, 1) : filled(900, 2));
        if (whole) expect(content[0]).toBe(2);
        outcomes.add(content[0] as number);
      }
    }
    expect(outcomes).toEqual(new Set([1, 2]));
  });

  it('replays from its seed', () => {
    const run = (): Uint8Array => {
      const { disk } = diskOf(7);
      const file = synced(disk, '/a', filled(9 * 512, 1));
      disk.files.write(file, filled(8 * 512, 2), 300);
      disk.crash();
      return disk.files.readFile('/a');
    };
    expect(run()).toEqual(run());
  });
});

describe('the death of a process', () => {
  it('keeps what it wrote and invalidates its handles', () => {
    const { disk } = diskOf(1);
    const file = disk.files.open('/a', 'create');
    disk.files.write(file, filled(600, 5), 0);
    disk.kill();
    expect(disk.files.readFile('/a')).toEqual(filled(600, 5));
    expect(() => disk.files.write(file, filled(1, 1), 0)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  it('never calls back into it, whether or not its operations in flight took effect', () => {
    const effects = new Set<boolean>();
    for (let seed = 0; seed < 20; seed++) {
      const { disk, time } = diskOf(seed);
      const file = disk.files.open('/a', 'create');
      disk.background.write(file, filled(3, 9), 0, () => expect.unreachable());
      disk.kill();
      time.run();
      effects.add(disk.files.readFile('/a').length === 3);
    }
    expect(effects.size).toBe(2);
  });
});

describe('faults', () => {
  it('fails writes and syncs by chance and counts it', () => {
    const { disk } = diskOf(3, { faults: { writeError: 0.5, syncError: 0.5 } });
    const file = disk.files.open('/a', 'create');
    for (let i = 0; i < 40; i++) {
      for (const act of [() => disk.files.write(file, filled(5, 1), 0), () => disk.files.datasync(file)]) {
        try {
          act();
        } catch (error) {
          expect(error).toMatchObject({ code: 'EIO' });
        }
      }
    }
    expect(disk.counters.writeErrors).toBeGreaterThan(5);
    expect(disk.counters.syncErrors).toBeGreaterThan(5);
  });

  it('loses data behind a failed sync although the next sync succeeds and reads show it', () => {
    let lost = 0;
    for (let seed = 0; seed < 40; seed++) {
      const { disk } = diskOf(seed);
      const file = synced(disk, '/a', filled(512, 1));
      disk.files.write(file, filled(512, 2), 0);
      disk.failNext('datasync', 'EIO');
      expect(() => disk.files.datasync(file)).toThrow(expect.objectContaining({ code: 'EIO' }));
      disk.files.datasync(file);
      expect(disk.files.readFile('/a')).toEqual(filled(512, 2));
      disk.crash();
      if (disk.files.readFile('/a')[0] === 1) lost++;
    }
    expect(lost).toBeGreaterThan(5);
  });

  it('fills up', () => {
    const { disk } = diskOf(1, { capacityBytes: 1000 });
    const file = disk.files.open('/a', 'create');
    disk.files.write(file, filled(1000, 1), 0);
    expect(() => disk.files.write(file, filled(1, 1), 1000)).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
    disk.files.write(file, filled(10, 2), 5);
    expect(disk.counters.noSpace).toBe(1);
    disk.files.truncate(file, 0);
    disk.files.write(file, filled(1000, 1), 0);
  });

  it('flips bits at rest, which a crash does not mend', () => {
    const { disk } = diskOf(1);
    synced(disk, '/a', filled(8, 0));
    const bit = disk.flipBit('/a');
    disk.crash();
    const expected = filled(8, 0);
    expected[bit >>> 3] = 1 << (bit & 7);
    expect(disk.files.readFile('/a')).toEqual(expected);
  });
});

describe('background operations', () => {
  it('take their latency of virtual time and then have their effect', () => {
    const { disk, time } = diskOf(1, { latencyMs: (operation, bytes) => (operation === 'write' ? bytes : 1) });
    const log: string[] = [];
    disk.background.mkdir('/d', () => {
      disk.background.open('/d/a', 'create', (_error, file) => {
        disk.background.write(file as number, filled(50, 1), 0, () => log.push(`written ${time.nowMs}`));
        disk.background.size(file as number, (_e, size) => log.push(`size ${size} at ${time.nowMs}`));
      });
    });
    disk.background.unlink('/none', (error) => log.push((error as NodeJS.ErrnoException).code as string));
    expect(log).toEqual([]);
    time.run();
    expect(log).toEqual(['ENOENT', 'size 0 at 3', 'written 52']);
  });
});
