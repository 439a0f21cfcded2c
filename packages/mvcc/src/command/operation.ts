import type { BinaryKey, KeyRange } from '../store/types.js';

/**
 * Operations as data: what crosses the engine boundary and is encoded into commands. Structured-cloneable throughout.
 */

export type CompareSign = '==' | '!=' | '<' | '<=' | '>' | '>=';

/**
 * Holds when every key of the range satisfies it; an empty range behaves like one missing key (all zeros, no value).
 */
export type Comparison =
  | { readonly target: 'value'; readonly range: KeyRange; readonly sign: CompareSign; readonly operand: Uint8Array }
  | {
      readonly target: 'version' | 'modRevision' | 'createRevision' | 'lease';
      readonly range: KeyRange;
      readonly sign: CompareSign;
      readonly operand: number;
    };

export interface PutOperation {
  readonly kind: 'put';
  readonly key: BinaryKey;
  readonly value: Uint8Array;
  readonly prev: boolean;
  /** The lease that the key is tied to; 'keep': the one that it has, if any. Left out: none, whatever it had. */
  readonly lease?: number | 'keep';
  /** A lease of the key's own, of this time to live. Not with `lease`. */
  readonly ttlMs?: number;
}
export interface DeleteOperation {
  readonly kind: 'delete';
  readonly range: KeyRange;
  readonly prev: boolean;
}
export interface GetOperation {
  readonly kind: 'get';
  readonly key: BinaryKey;
}
export interface RangeOperation {
  readonly kind: 'range';
  readonly range: KeyRange;
  /** 0: no limit. */
  readonly limit: number;
  readonly reverse: boolean;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
}
/** A counter in decimal ASCII. Its bounds count among the compares of its branch. */
export interface AddOperation {
  readonly kind: 'add';
  readonly key: BinaryKey;
  readonly delta: number;
  readonly min?: number;
  readonly max?: number;
}
export interface TxnOperation {
  readonly kind: 'txn';
  readonly compare: readonly Comparison[];
  readonly success: readonly Operation[];
  readonly failure: readonly Operation[];
}
/** Any operation of a txn. */
export type Operation = PutOperation | DeleteOperation | GetOperation | RangeOperation | AddOperation | TxnOperation;

/** One lease of one holder: an id may be given again, a generation never is. */
export interface LeaseHandle {
  readonly id: number;
  readonly generation: number;
}

/** What is done to leases. All of it goes through the log, so that deadlines are state (see `LeaseTable`). */
export type LeaseRequest =
  /** `id` 0: one is picked. */
  | { readonly kind: 'grantLease'; readonly id: number; readonly ttlMs: number }
  /** `generation` 0: whichever lease has the id. */
  | { readonly kind: 'revokeLease'; readonly id: number; readonly generation: number }
  | { readonly kind: 'renewLeases'; readonly leases: readonly LeaseHandle[] }
  /** What there is of a lease, as of this place in the log; `renew` renews it too. */
  | { readonly kind: 'attachLease'; readonly id: number; readonly renew: boolean };

/** What a command does to keys, their history and leases. */
export type KeyRequest =
  | (PutOperation & { readonly ifRevision?: number })
  | (DeleteOperation & { readonly ifRevision?: number })
  | AddOperation
  | TxnOperation
  /** `physical`: the engine answers when the files are gone where it is; no part of the command. */
  | { readonly kind: 'compact'; readonly revision: number; readonly physical?: boolean }
  | LeaseRequest;

/**
 * What a command does to the settings of the cluster. None of them makes a revision.
 *
 * `prefix` empty: the quota of the whole store. `range`: the keys that the command counts for a new quota, from a key
 * of the prefix to its end; a bounded number of them, the rest is counted by later commands.
 */
export type SettingRequest =
  | { readonly kind: 'setQuota'; readonly prefix: BinaryKey; readonly bytes: number; readonly range: KeyRange }
  | { readonly kind: 'removeQuota'; readonly prefix: BinaryKey }
  | { readonly kind: 'countQuota'; readonly prefix: BinaryKey; readonly range: KeyRange }
  /** Raises the feature level, if every member of the moment is among these: they know the level. */
  | { readonly kind: 'raiseLevel'; readonly level: number; readonly members: readonly number[] };

/** A write as the engine takes it: one command, one revision at the most. */
export type WriteRequest = KeyRequest | SettingRequest;

/** A live version as data. `lease` 0: none. */
export interface RawEntry {
  readonly key: BinaryKey;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: number;
}

/** The entries of a range as data. */
export interface RawRange {
  readonly entries: readonly RawEntry[];
  readonly more: boolean;
  /** With countOnly: how many keys the range has. */
  readonly count?: number;
}

/** The result of an operation within a txn. */
export type OperationResult =
  | { readonly kind: 'put'; readonly prev?: RawEntry }
  | { readonly kind: 'delete'; readonly deleted: number; readonly prev?: readonly RawEntry[] }
  | { readonly kind: 'get'; readonly entry?: RawEntry }
  | ({ readonly kind: 'range'; readonly revision: number } & RawRange)
  | { readonly kind: 'add'; readonly value: number }
  | {
      readonly kind: 'txn';
      readonly revision: number;
      readonly succeeded: boolean;
      readonly results: readonly OperationResult[];
    };

/** The result of a write. `revision` is the store's revision right after the command. */
export type WriteResult =
  | { readonly kind: 'put'; readonly ok: true; readonly revision: number; readonly prev?: RawEntry }
  | {
      readonly kind: 'delete';
      readonly ok: true;
      readonly revision: number;
      readonly deleted: number;
      readonly prev?: readonly RawEntry[];
    }
  | { readonly kind: 'put' | 'delete'; readonly ok: false; readonly revision: number; readonly current?: RawEntry }
  | { readonly kind: 'add'; readonly ok: boolean; readonly revision: number; readonly value: number }
  | {
      readonly kind: 'txn';
      readonly revision: number;
      readonly succeeded: boolean;
      readonly results: readonly OperationResult[];
    }
  | { readonly kind: 'compact'; readonly revision: number }
  | {
      readonly kind: 'grantLease';
      readonly revision: number;
      readonly id: number;
      readonly generation: number;
      readonly ttlMs: number;
    }
  | { readonly kind: 'revokeLease'; readonly revision: number; readonly deleted: number }
  /** `lost`: positions in the request of those that are not there any more. */
  | { readonly kind: 'renewLeases'; readonly revision: number; readonly lost: readonly number[] }
  /** `remainingMs`: of log time, when the command was applied. */
  | {
      readonly kind: 'attachLease';
      readonly revision: number;
      readonly id: number;
      readonly generation: number;
      readonly ttlMs: number;
      readonly remainingMs: number;
    }
  | { readonly kind: SettingRequest['kind']; readonly revision: number };
