/**
 * A key as it is held inside: one character a byte (the latin1 reading of its UTF-8 bytes).
 *
 * JavaScript compares strings by UTF-16 unit, which differs from byte order for astral characters; with one byte a
 * character `<` is byte order, and the string is a cheap Map key.
 */
export type BinaryKey = string;

/** Keys from `start` on and before `end`; no `end`: to the last key. */
export interface KeyRange {
  readonly start: BinaryKey;
  readonly end?: BinaryKey;
}

/** The newest version of a live key. */
export interface KeyRecord {
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** 0: no lease. */
  readonly lease: number;
  /** CRC32C over key and record; checked on every read from disk. */
  readonly crc32c: number;
}

/** Why a key was deleted: by a write, or with its lease. */
export type DeleteReason = 'deleted' | 'expired' | 'revoked';

/** One change of one key. `after` undefined: deleted; `before` undefined: created. */
export interface KeyEvent {
  readonly key: BinaryKey;
  readonly after: KeyRecord | undefined;
  readonly before: KeyRecord | undefined;
  /** Of a delete; left out: 'deleted'. */
  readonly reason?: DeleteReason;
}

/** All changes of one revision, in the order in which they were made. Never empty, never split. */
export interface RevisionEvents {
  readonly revision: number;
  readonly events: readonly KeyEvent[];
}

export interface KeyedRecord {
  readonly key: BinaryKey;
  readonly record: KeyRecord;
}

/** The replicated state besides the keys: what a checkpoint and a snapshot carry with them, atomically. */
export interface StoreState {
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  readonly revision: number;
  readonly compactRevision: number;
  readonly logTimeMs: number;
  /** The chain over all effects so far; equal on every member at equal index. */
  readonly chain: number;
  /** The order-independent sum over all live records, and their number. See `ContentSum`. */
  readonly contentSum: number;
  readonly keys: number;
  /** The level of features in force. */
  readonly featureLevel: number;
  /** Opaque to the store: live bytes and quotas, encoded. */
  readonly quotas: Uint8Array;
  /** Opaque to the store: the encoded configuration and members, the encoded sessions, the encoded leases. */
  readonly cluster: Uint8Array;
  readonly sessions: Uint8Array;
  readonly leases: Uint8Array;
}

/** A part of a frozen state that is large: its bytes are made in slices while the state goes on. */
export interface FrozenPart {
  /** Makes the next slice. @returns whether it was the last one */
  step(): boolean;
  /** Makes the rest. */
  finish(): Uint8Array;
}

/** A state as of one moment, not all of which is encoded yet. */
export type FrozenState = Omit<StoreState, 'leases'> & { readonly leases: Uint8Array | FrozenPart };

/** What an apply will read, loaded before it. */
export interface Wanted {
  readonly keys: readonly BinaryKey[];
  /** `limit`: how many records of the range are needed at the most. */
  readonly ranges: readonly { readonly range: KeyRange; readonly limit: number }[];
}

export interface ViewRange {
  readonly range: KeyRange;
  readonly reverse: boolean;
}

/** How much of a scan comes at a time. */
export interface PageSize {
  readonly pageBytes: number;
  readonly pageRecords?: number | undefined;
}

/** The live keys at one revision, whatever is written meanwhile. Must be closed. */
export interface StoreView {
  readonly revision: number;
  get(key: BinaryKey): Promise<KeyRecord | undefined>;
  /**
   * Records in order, in pages of about `pageBytes` and at most `pageRecords`: who wants a few must not pay for a
   * thousand. Each page gives the event loop back before the next.
   * @throws CoterieError ERR_CORRUPT when a record fails its checksum
   */
  scan(what: ViewRange & PageSize): AsyncIterableIterator<readonly KeyedRecord[]>;
  close(): Promise<void>;
}
