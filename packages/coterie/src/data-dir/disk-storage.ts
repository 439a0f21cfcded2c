import { CoterieError } from '@coterie/errors';
import {
  classicOrderedStores,
  nodeBackgroundFiles,
  nodeFileSystem,
  openLevelStore,
  ThreadWalRunner,
  Wal,
  writeFileAtomically,
  type Store,
} from '@coterie/mvcc';
import fs from 'node:fs';
import path from 'node:path';
import { systemTurns } from '../system-ports.js';
import { decodeIdentity, encodeIdentity, type Identity } from './identity.js';
import { checkUnlocked, lockDataDir, type DataDirLock } from './lock.js';
import type { MemberLog, PeerStorage } from './storage.js';
import { logMetadata } from './log-metadata.js';

/**
 * A data directory on a real disk.
 *
 * ```
 * LOCK       who uses it
 * IDENTITY   who it is
 * wal/       the log, written by a thread of its own
 * store/     the checkpoints
 * ```
 */
export class DiskStorage implements PeerStorage {
  readonly #dir: string;
  readonly #checkpointBytes: number | undefined;
  #lock: DataDirLock | undefined;

  constructor(dir: string, checkpointBytes?: number) {
    this.#dir = path.resolve(dir);
    this.#checkpointBytes = checkpointBytes;
  }

  inspect(): Identity | undefined {
    if (!fs.existsSync(this.#dir)) return undefined;
    checkUnlocked(this.#dir);
    const file = this.#path('IDENTITY');
    if (fs.existsSync(file)) return decodeIdentity(fs.readFileSync(file));
    // Without an identity nothing here is ours, unless it was lost: then what stands here must not be taken for an empty directory.
    const rest = fs.readdirSync(this.#dir).filter((name) => !name.startsWith('LOCK') && !name.startsWith('IDENTITY'));
    if (rest.includes('wal') || rest.includes('store')) {
      throw new CoterieError('ERR_CORRUPT', { message: `${this.#dir} holds a log or a store and no IDENTITY` });
    }
    return undefined;
  }

  open(): void {
    fs.mkdirSync(this.#dir, { recursive: true });
    this.#lock = lockDataDir(this.#dir);
  }

  saveIdentity(identity: Identity): void {
    writeFileAtomically(nodeFileSystem, this.#path('IDENTITY'), encodeIdentity(identity));
  }

  async erase(): Promise<void> {
    await fs.promises.rm(this.#path('wal'), { recursive: true, force: true });
    await fs.promises.rm(this.#path('store'), { recursive: true, force: true });
  }

  hasLog(): boolean {
    return fs.existsSync(this.#path('wal'));
  }

  openLog(identity: Identity): MemberLog {
    return Wal.open({
      dir: this.#path('wal'),
      fs: nodeFileSystem,
      runner: new ThreadWalRunner(),
      metadata: logMetadata(identity),
    });
  }

  openStore(minAppliedIndex: number): Promise<Store> {
    return openLevelStore({
      directory: this.#path('store'),
      files: nodeFileSystem,
      background: nodeBackgroundFiles,
      ordered: classicOrderedStores,
      defer: (fn) => systemTurns.defer(fn),
      minAppliedIndex,
      ...(this.#checkpointBytes === undefined ? {} : { limits: { checkpointBytes: this.#checkpointBytes } }),
    });
  }

  release(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }

  #path(name: string): string {
    return path.join(this.#dir, name);
  }
}
