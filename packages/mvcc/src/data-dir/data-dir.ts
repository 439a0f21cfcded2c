import { CoterieError } from '@coterie/errors';
import { writeFileAtomically } from '../files/file-system.js';
import { storageError } from '../files/storage-error.js';
import { openLevelStore } from '../store/open-level-store.js';
import { StoreBuilder } from '../store/store-builder.js';
import type { Store } from '../store/store.js';
import { Wal } from '../wal/wal.js';
import { decodeCondemned, encodeCondemned, type Condemned } from './condemned.js';
import type { DataDirPorts } from './data-dir-ports.js';
import type { DataDirLock } from './directory-lock.js';
import { decodeIdentityFile, encodeIdentityFile } from './identity-file.js';

const identityName = 'IDENTITY';
const storeName = 'store';
const condemnedName = 'REBUILD';
const logPattern = /^wal(-\d+)?$/;

/**
 * A data directory over the file ports: a real disk, memory, or a simulated disk.
 *
 * ```
 * LOCK       who uses it, for people
 * lock/      who uses it, held by the system
 * IDENTITY   who it is
 * wal/       the log, written by a thread of its own; wal-2/ … after a recovery by force
 * store/     the checkpoints
 * REBUILD    there while the store is to be built anew
 * ```
 */
export class DataDir {
  readonly #ports: DataDirPorts;
  #lock: DataDirLock | undefined;

  constructor(ports: DataDirPorts) {
    this.#ports = ports;
  }

  get path(): string {
    return this.#ports.dir;
  }

  /**
   * Looks without writing: what the identity file says, undefined for an empty directory.
   *
   * @throws CoterieError ERR_DATA_DIR_IN_USE; ERR_CORRUPT when a log or a store stands there and nobody's name
   */
  inspect(): Readonly<Record<string, unknown>> | undefined {
    const { dir, files, lock } = this.#ports;
    if (!files.exists(dir)) return undefined;
    lock?.check(dir);
    return this.look();
  }

  /** As {@link inspect}, for whoever holds the lock. @throws CoterieError ERR_CORRUPT */
  look(): Readonly<Record<string, unknown>> | undefined {
    const { dir } = this.#ports;
    const identity = this.identity();
    if (identity !== undefined) {
      if (identity['restoring'] !== true) return identity;
      const message = `a restore into ${dir} did not come to its end: run it again, or empty the directory`;
      throw new CoterieError('ERR_CORRUPT', { message });
    }
    // Without an identity nothing here is ours, unless it was lost: then what stands here must not be taken for an
    // empty directory.
    if (!this.holdsData()) return undefined;
    throw new CoterieError('ERR_CORRUPT', { message: `${dir} holds a log or a store and no ${identityName}` });
  }

  /** Looks at the lock without taking it. @throws CoterieError ERR_DATA_DIR_IN_USE */
  checkUnlocked(): void {
    const { dir, files, lock } = this.#ports;
    if (files.exists(dir)) lock?.check(dir);
  }

  /** Whether a log or a store stands here. */
  holdsData(): boolean {
    return this.logs().length > 0 || this.#ports.files.exists(this.#path(storeName));
  }

  /** What the identity file says; undefined without one. @throws CoterieError ERR_CORRUPT, ERR_STORAGE */
  identity(): Readonly<Record<string, unknown>> | undefined {
    const path = this.#path(identityName);
    if (!this.#ports.files.exists(path)) return undefined;
    try {
      return decodeIdentityFile(this.#ports.files.readFile(path));
    } catch (error) {
      throw storageError(`cannot read ${path}`, error);
    }
  }

  /** Makes and locks the directory. @throws CoterieError ERR_DATA_DIR_IN_USE, ERR_STORAGE */
  async open(): Promise<void> {
    const { dir, files, lock } = this.#ports;
    files.mkdir(dir);
    this.#lock = await lock?.take(dir);
    // A process may have died between the rename of its identity and the sync of the name: what was read of it is
    // about to be spoken of, so it must be durable first.
    files.syncDirectory(dir);
  }

  /** Durable when it returns. */
  saveIdentity(identity: object): void {
    writeFileAtomically(this.#ports.files, this.#path(identityName), encodeIdentityFile(identity));
  }

  /** The directory is nobody's again. */
  removeIdentity(): void {
    const { files, dir } = this.#ports;
    const path = this.#path(identityName);
    if (files.exists(path)) files.unlink(path);
    files.syncDirectory(dir);
  }

  /** Empties all logs and removes the store. */
  async erase(): Promise<void> {
    for (const log of this.logs()) this.emptyLog(log);
    await this.#ports.ordered.destroy(this.#path(storeName));
  }

  /** Why the store is to be built anew before anything is read from it, if it is. @throws CoterieError ERR_STORAGE */
  condemned(): Condemned | undefined {
    const path = this.#path(condemnedName);
    if (!this.#ports.files.exists(path)) return undefined;
    try {
      return decodeCondemned(this.#ports.files.readFile(path));
    } catch (error) {
      throw storageError(`cannot read ${path}`, error);
    }
  }

  /** Notes that the store must never be used again. Durable when it returns. @throws CoterieError ERR_STORAGE */
  condemnStore(why: Condemned): void {
    try {
      writeFileAtomically(this.#ports.files, this.#path(condemnedName), encodeCondemned(why));
    } catch (error) {
      throw storageError('cannot note that the store is damaged', error);
    }
  }

  /** Removes the store, closed before. @throws CoterieError ERR_STORAGE */
  async discardStore(): Promise<void> {
    const { ordered, files } = this.#ports;
    const store = this.#path(storeName);
    try {
      await ordered.destroy(store);
      // Where the ordered store does not live in these files it is still there, and may be what is damaged.
      if (files.exists(`${store}/CURRENT`)) files.unlink(`${store}/CURRENT`);
    } catch (error) {
      throw storageError('cannot remove the store', error);
    }
  }

  /** The store is sound again: takes the note back. @throws CoterieError ERR_STORAGE */
  storeRebuilt(): void {
    const { files, dir } = this.#ports;
    try {
      if (!files.exists(this.#path(condemnedName))) return;
      files.unlink(this.#path(condemnedName));
      files.syncDirectory(dir);
    } catch (error) {
      throw storageError('cannot take back the note that the store was damaged', error);
    }
  }

  logs(): readonly string[] {
    const { files, dir } = this.#ports;
    return files.exists(dir) ? files.readdir(dir).filter((name) => logPattern.test(name)) : [];
  }

  hasLog(name: string): boolean {
    return this.#ports.files.exists(this.#path(name));
  }

  emptyLog(name: string): void {
    const path = this.#path(name);
    for (const file of this.#ports.files.readdir(path)) this.#ports.files.unlink(`${path}/${file}`);
  }

  /** @param owner whose log it is; @param create whether a missing log is a new one. Touches no file yet */
  openLog(name: string, owner: Uint8Array, create: boolean): Wal {
    const { files, newRunner, segmentBytes } = this.#ports;
    return Wal.open({
      dir: this.#path(name),
      fs: files,
      runner: newRunner(),
      metadata: owner,
      create,
      ...(segmentBytes === undefined ? {} : { segmentBytes }),
    });
  }

  /** @param minAppliedIndex where the log begins: a store behind it cannot be brought up */
  openStore(minAppliedIndex: number): Promise<Store> {
    const { files, background, ordered, defer, storeLimits } = this.#ports;
    return openLevelStore({
      directory: this.#path(storeName),
      files,
      background,
      ordered,
      defer,
      minAppliedIndex,
      ...(storeLimits === undefined ? {} : { limits: storeLimits }),
    });
  }

  /** Begins a store where none is. @throws CoterieError ERR_STORAGE */
  buildStore(): Promise<StoreBuilder> {
    const { files, ordered } = this.#ports;
    return StoreBuilder.begin(files, ordered, this.#path(storeName));
  }

  /** Lets go of the directory. Idempotent. */
  async release(): Promise<void> {
    const lock = this.#lock;
    this.#lock = undefined;
    await lock?.release();
  }

  #path(name: string): string {
    return `${this.#ports.dir}/${name}`;
  }
}
