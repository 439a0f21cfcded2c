import { DataDir, type Condemned, type DataDirPorts, type Store } from '@coterie/mvcc';
import { parseIdentity, type Identity } from './identity.js';
import { logMetadata } from './log-metadata.js';
import type { MemberLog, PeerStorage } from './storage.js';

/** The data directory of a peer over the file ports: a real disk, memory, or a simulated disk. */
export class PortStorage implements PeerStorage {
  readonly #dir: DataDir;

  constructor(ports: DataDirPorts) {
    this.#dir = new DataDir(ports);
  }

  inspect(): Identity | undefined {
    const found = this.#dir.inspect();
    return found === undefined ? undefined : parseIdentity(found, this.#dir.path);
  }

  open(): Promise<void> {
    return this.#dir.open();
  }

  saveIdentity(identity: Identity): void {
    this.#dir.saveIdentity(identity);
  }

  async erase(): Promise<void> {
    await this.#dir.erase();
    this.storeRebuilt();
  }

  condemned(): Condemned | undefined {
    return this.#dir.condemned();
  }

  condemnStore(why: Condemned): void {
    this.#dir.condemnStore(why);
  }

  discardStore(): Promise<void> {
    return this.#dir.discardStore();
  }

  storeRebuilt(): void {
    this.#dir.storeRebuilt();
  }

  eraseLog(identity: Identity): void {
    if (this.hasLog(identity)) this.#dir.emptyLog(logName(identity));
  }

  hasLog(identity: Identity): boolean {
    return this.#dir.hasLog(logName(identity));
  }

  openLog(identity: Identity): MemberLog {
    // A member without its log has lost what it voted: it must not begin an empty one.
    const create = identity.memberId === undefined || !this.#isMember(identity);
    return this.#dir.openLog(logName(identity), logMetadata(identity), create);
  }

  openStore(minAppliedIndex: number): Promise<Store> {
    return this.#dir.openStore(minAppliedIndex);
  }

  release(): Promise<void> {
    return this.#dir.release();
  }

  /** Whether the directory says already that it is this member: the log was made before it said so. */
  #isMember(identity: Identity): boolean {
    const found = this.#dir.identity();
    if (found === undefined) return false;
    const said = parseIdentity(found, this.#dir.path);
    return said.memberId === identity.memberId && said.log === identity.log;
  }
}

function logName(identity: Identity): string {
  return identity.log === undefined ? 'wal' : `wal-${identity.log}`;
}
