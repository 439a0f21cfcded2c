import path from 'node:path';
import type { BackgroundFiles } from '../files/background-files.js';
import type { FileSystem } from '../files/file-system.js';
import { nodeBackgroundFiles, nodeFileSystem } from '../files/node-files.js';
import { SimDisk } from '../files/sim-disk.js';
import { storageError } from '../files/storage-error.js';
import { systemScheduler } from '../kv/system-time.js';
import { classicOrderedStores } from '../store/classic-ordered-store.js';
import { ModelOrderedStores } from '../store/model-ordered-store.js';
import type { OrderedStores } from '../store/ordered-store.js';
import type { StoreLimits } from '../store/store-limits.js';
import { InlineWalRunner } from '../wal/inline-wal-runner.js';
import { ThreadWalRunner } from '../wal/thread-wal-runner.js';
import type { WalRunner } from '../wal/wal-runner.js';
import { checkUnlocked, lockDataDir, type DataDirLock } from './directory-lock.js';

/** The disks that a data directory stands on. */
export interface DataDirPorts {
  readonly dir: string;
  readonly files: FileSystem;
  readonly background: BackgroundFiles;
  readonly ordered: OrderedStores;
  /** One for each log that is opened. */
  readonly newRunner: () => WalRunner;
  readonly defer: (fn: () => void) => void;
  /** Size of a log segment. Default: the log's own. */
  readonly segmentBytes?: number;
  readonly storeLimits?: Partial<StoreLimits>;
  /** Who may use the directory. Left out: nobody else can. */
  readonly lock?: { check(dir: string): void; take(dir: string): Promise<DataDirLock> };
}

/** A directory of a real disk. @param checkpointBytes default: the store's own */
export function diskPorts(dir: string, checkpointBytes: number | undefined): DataDirPorts {
  return {
    dir: absolute(dir),
    files: nodeFileSystem,
    background: nodeBackgroundFiles,
    ordered: classicOrderedStores,
    newRunner: () => new ThreadWalRunner(),
    defer: (fn) => systemScheduler.defer(fn),
    lock: { check: checkUnlocked, take: lockDataDir },
    ...(checkpointBytes === undefined ? {} : { storeLimits: { checkpointBytes } }),
  };
}

/** @throws CoterieError ERR_STORAGE */
function absolute(dir: string): string {
  try {
    return path.resolve(dir);
  } catch (error) {
    throw storageError(`${dir} is relative to a working directory that is gone`, error);
  }
}

/**
 * A directory in memory, for tests: the same log and store over a disk that is a few maps. It ends with its process, so
 * a restart is a wiped disk.
 */
export function memoryPorts(): DataDirPorts {
  const defer = (fn: () => void): void => systemScheduler.defer(fn);
  const later = (_ms: number, fn: () => void): void => defer(fn);
  const disk = new SimDisk({ random: { nextInt: () => 0 }, schedule: later });
  return {
    dir: 'memory',
    files: disk.files,
    background: disk.background,
    ordered: new ModelOrderedStores(defer),
    newRunner: () => new InlineWalRunner({ fs: disk.files, schedule: later }),
    defer,
    // Small, because a segment is allocated whole.
    segmentBytes: 1 << 20,
  };
}
