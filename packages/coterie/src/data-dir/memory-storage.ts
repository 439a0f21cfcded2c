import { InlineWalRunner } from '@coterie/mvcc';
import { ModelOrderedStores, SimDisk } from '@coterie/mvcc/testing';
import { systemTurns } from '@coterie/raft';
import { PortStorage } from './port-storage.js';
import type { PeerStorage } from './storage.js';

/**
 * A data directory in memory, for tests: the same log and store over a disk that is a few maps. It ends with its
 * process, so a restart is a wiped disk.
 */
export function memoryStorage(): PeerStorage {
  const later = (_ms: number, fn: () => void): void => systemTurns.defer(fn);
  const disk = new SimDisk({ random: { nextInt: () => 0 }, schedule: later });
  return new PortStorage({
    dir: 'memory',
    files: disk.files,
    background: disk.background,
    ordered: new ModelOrderedStores((fn) => systemTurns.defer(fn)),
    newRunner: () => new InlineWalRunner({ fs: disk.files, schedule: later }),
    defer: (fn) => systemTurns.defer(fn),
    // Small, because a segment is allocated whole.
    segmentBytes: 1 << 20,
  });
}
