import { classicOrderedStores, nodeBackgroundFiles, nodeFileSystem, ThreadWalRunner } from '@coterie/mvcc';
import { systemTurns } from '@coterie/raft';
import path from 'node:path';
import { checkUnlocked, lockDataDir } from './lock.js';
import { PortStorage } from './port-storage.js';
import type { PeerStorage } from './storage.js';

/** A data directory on a real disk. @param checkpointBytes default: the store's own */
export function diskStorage(dataDir: string, checkpointBytes: number | undefined): PeerStorage {
  return new PortStorage({
    dir: path.resolve(dataDir),
    files: nodeFileSystem,
    background: nodeBackgroundFiles,
    ordered: classicOrderedStores,
    newRunner: () => new ThreadWalRunner(),
    defer: (fn) => systemTurns.defer(fn),
    lock: { check: checkUnlocked, take: lockDataDir },
    ...(checkpointBytes === undefined ? {} : { storeLimits: { checkpointBytes } }),
  });
}
