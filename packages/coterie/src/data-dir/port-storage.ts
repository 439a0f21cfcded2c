import { CoterieError } from '@coterie/errors';
import {
  openLevelStore,
  storageError,
  Wal,
  writeFileAtomically,
  type BackgroundFiles,
  type FileSystem,
  type OrderedStores,
  type Store,
  type StoreLimits,
  type WalRunner,
} from '@coterie/mvcc';
import { decodeIdentity, encodeIdentity, type Identity } from './identity.js';
import type { DataDirLock } from './lock.js';
import { logMetadata } from './log-metadata.js';
import type { MemberLog, PeerStorage } from './storage.js';

/** The disks that a {@link PortStorage} stands on. */
export interface StoragePorts {
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

/**
 * A data directory over the file ports: a real disk, memory, or a simulated disk.
 *
 * ```
 * LOCK       who uses it, for people
 * lock/      who uses it, held by the system
 * IDENTITY   who it is
 * wal/       the log, written by a thread of its own; wal-2/ … after a recovery by force
 * store/     the checkpoints
 * ```
 */
export class PortStorage implements PeerStorage {
  readonly #ports: StoragePorts;
  #lock: DataDirLock | undefined;

  constructor(ports: StoragePorts) {
    this.#ports = ports;
  }

  inspect(): Identity | undefined {
    const { dir, files, lock } = this.#ports;
    if (!files.exists(dir)) return undefined;
    lock?.check(dir);
    if (files.exists(this.#path('IDENTITY'))) return this.#readIdentity();
    // Without an identity nothing here is ours, unless it was lost: then what stands here must not be taken for an
    // empty directory.
    if (this.#logs().length > 0 || files.exists(this.#path('store'))) {
      throw new CoterieError('ERR_CORRUPT', { message: `${dir} holds a log or a store and no IDENTITY` });
    }
    return undefined;
  }

  async open(): Promise<void> {
    const { dir, files, lock } = this.#ports;
    files.mkdir(dir);
    this.#lock = await lock?.take(dir);
    // A process may have died between the rename of its identity and the sync of the name: what was read of it is
    // about to be spoken of, so it must be durable first.
    files.syncDirectory(dir);
  }

  saveIdentity(identity: Identity): void {
    writeFileAtomically(this.#ports.files, this.#path('IDENTITY'), encodeIdentity(identity));
  }

  async erase(): Promise<void> {
    for (const log of this.#logs()) this.#empty(log);
    await this.#ports.ordered.destroy(this.#path('store'));
  }

  eraseLog(identity: Identity): void {
    if (this.hasLog(identity)) this.#empty(logName(identity));
  }

  hasLog(identity: Identity): boolean {
    return this.#ports.files.exists(this.#path(logName(identity)));
  }

  openLog(identity: Identity): MemberLog {
    const { files, newRunner, segmentBytes } = this.#ports;
    return Wal.open({
      dir: this.#path(logName(identity)),
      fs: files,
      runner: newRunner(),
      metadata: logMetadata(identity),
      // A member without its log has lost what it voted: it must not begin an empty one.
      create: identity.memberId === undefined || !this.#isMember(identity),
      ...(segmentBytes === undefined ? {} : { segmentBytes }),
    });
  }

  openStore(minAppliedIndex: number): Promise<Store> {
    const { files, background, ordered, defer, storeLimits } = this.#ports;
    return openLevelStore({
      directory: this.#path('store'),
      files,
      background,
      ordered,
      defer,
      minAppliedIndex,
      ...(storeLimits === undefined ? {} : { limits: storeLimits }),
    });
  }

  async release(): Promise<void> {
    const lock = this.#lock;
    this.#lock = undefined;
    await lock?.release();
  }

  /** Whether the directory says already that it is this member: the log was made before it said so. */
  #isMember(identity: Identity): boolean {
    const { files } = this.#ports;
    if (!files.exists(this.#path('IDENTITY'))) return false;
    const said = this.#readIdentity();
    return said.memberId === identity.memberId && said.log === identity.log;
  }

  #logs(): readonly string[] {
    const { files, dir } = this.#ports;
    return files.exists(dir) ? files.readdir(dir).filter((name) => logPattern.test(name)) : [];
  }

  #empty(log: string): void {
    for (const name of this.#ports.files.readdir(this.#path(log)))
      this.#ports.files.unlink(`${this.#path(log)}/${name}`);
  }

  #readIdentity(): Identity {
    const path = this.#path('IDENTITY');
    try {
      return decodeIdentity(this.#ports.files.readFile(path));
    } catch (error) {
      throw storageError(`cannot read ${path}`, error);
    }
  }

  #path(name: string): string {
    return `${this.#ports.dir}/${name}`;
  }
}

const logPattern = /^wal(-\d+)?$/;

function logName(identity: Identity): string {
  return identity.log === undefined ? 'wal' : `wal-${identity.log}`;
}
