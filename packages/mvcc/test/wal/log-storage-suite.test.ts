import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logStorageSuite } from '@coterie/raft/testing';
import { describe, it } from 'vitest';
import { nodeFileSystem } from '../../src/files/node-files.js';
import { SimDisk } from '../../src/files/sim-disk.js';
import { InlineWalRunner } from '../../src/wal/inline-wal-runner.js';
import { ThreadWalRunner } from '../../src/wal/thread-wal-runner.js';
import { Wal } from '../../src/wal/wal.js';
import { seededRandom } from '../files/virtual-time.js';
import { owner } from './log-under-test.js';

describe('Wal on its thread', () => {
  logStorageSuite(async () => {
    const dir = mkdtempSync(join(tmpdir(), 'coterie-suite-'));
    const open = (): Wal =>
      Wal.open({ dir, fs: nodeFileSystem, runner: new ThreadWalRunner(), metadata: owner, segmentBytes: 4096 });
    return { open, dispose: async () => rmSync(dir, { recursive: true }) };
  }, it);
});

describe('Wal without a thread', () => {
  logStorageSuite(async () => {
    let life = 0;
    /** What a life has due ends with it. */
    const schedule = (_ms: number, fn: () => void): void => {
      const mine = life;
      setImmediate(() => mine === life && fn());
    };
    const disk = new SimDisk({ random: seededRandom(1), schedule });
    const open = (): Wal => {
      const runner = new InlineWalRunner({ fs: disk.files, schedule });
      return Wal.open({ dir: 'log', fs: disk.files, runner, metadata: owner, segmentBytes: 4096 });
    };
    const crash = async (): Promise<void> => {
      life++;
      disk.crash();
    };
    return { open, crash, breakDisk: () => disk.failNext('datasync', 'EIO') };
  }, it);
});
