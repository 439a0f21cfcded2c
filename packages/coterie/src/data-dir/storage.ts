import type { Condemned, Store } from '@coterie/mvcc';
import type { LogStorage } from '@coterie/raft';
import type { Identity } from './identity.js';

/** The log of a member with what its driver wants to know of it. */
export interface MemberLog extends LogStorage {
  /** Bytes given and not yet durable. */
  readonly backlogBytes: number;
  /** There is no room for what comes after the segment in use. True well before the log itself needs it. */
  readonly outOfSpace: boolean;
  /** Gives up at once, for a disk that does not answer: what is not known to be durable fails. */
  abandon(): void;
}

/**
 * Everything durable of one peer: on a real disk, in memory, or on a simulated disk.
 */
export interface PeerStorage {
  /**
   * Looks without writing: who this directory is, undefined for an empty one.
   * @throws CoterieError ERR_CORRUPT, ERR_DATA_DIR_IN_USE
   */
  inspect(): Identity | undefined;
  /** Makes and locks the directory. @throws CoterieError ERR_DATA_DIR_IN_USE, ERR_STORAGE */
  open(): Promise<void>;
  /** Durable when it returns. */
  saveIdentity(identity: Identity): void;
  /** Removes log and store: leftovers of a directory that never became a member. */
  erase(): Promise<void>;
  /** Opens the log, making it if it is not there. @throws CoterieError ERR_CORRUPT, ERR_STORAGE */
  openLog(identity: Identity): MemberLog;
  /** Whether the log that this identity names was ever made. */
  hasLog(identity: Identity): boolean;
  /** Empties the log that this identity names: the leftover of a recovery that did not come to its end. */
  eraseLog(identity: Identity): void;
  /** @param minAppliedIndex where the log begins: a store behind it cannot be brought up */
  openStore(minAppliedIndex: number): Promise<Store>;
  /** Whether the store was found damaged or different, and is to be built anew before anything is read from it. */
  condemned(): Condemned | undefined;
  /** Notes that the store must never be used again. Durable when it returns. @throws CoterieError ERR_STORAGE */
  condemnStore(why: Condemned): void;
  /** Removes the store, closed before. @throws CoterieError ERR_STORAGE */
  discardStore(): Promise<void>;
  /** The store is sound again: takes the note back. @throws CoterieError ERR_STORAGE */
  storeRebuilt(): void;
  /** Lets go of the directory. Idempotent. */
  release(): Promise<void>;
}
