import type { CommandOutcome, Refusal } from '../command/refusal.js';
import type { BinaryKey, KeyedRecord, KeyRange, KeyRecord, RevisionEvents } from '../store/types.js';

/** A lease as a command sees it. */
export interface LeaseUsage {
  readonly generation: number;
  readonly ttlMs: number;
  readonly deadlineMs: number;
  /** It ends with the last key that leaves it. */
  readonly own: boolean;
  readonly keys: number;
  readonly bytes: number;
}

/** The leases that a command reads. */
export interface LeaseView {
  readonly count: number;
  usage(id: number): LeaseUsage | undefined;
  /** The keys of a lease in order. */
  keysOf(id: number): readonly BinaryKey[];
  /**
   * The first generation behind `after` and behind all that there were, which is free as an id too.
   *
   * @param key whose own lease it will be
   */
  nextGeneration(key: BinaryKey | undefined, after: number): number;
}

/** A lease that a command makes. Generations grow in the order of the grants. */
export interface LeaseGrant {
  readonly id: number;
  readonly generation: number;
  readonly ttlMs: number;
  readonly own: boolean;
}

/** What a command does to leases besides what follows from its changes: ends come behind those, the others before. */
export type LeaseChange =
  | { readonly kind: 'grant'; readonly grant: LeaseGrant }
  | { readonly kind: 'renew'; readonly ids: readonly number[] }
  | { readonly kind: 'end'; readonly id: number };

/** The state that a command reads, loaded before. */
export interface TxnState {
  readonly revision: number;
  readonly compactRevision: number;
  readonly logTimeMs: number;
  readonly leases: LeaseView;
  lookup(key: BinaryKey): KeyRecord | undefined;
  /** The first `limit` live records of a range, in key order. */
  scan(range: KeyRange, limit: number): readonly KeyedRecord[];
}

/** What a command does. The state itself is not touched: whoever applies commits `change`. */
export interface Execution {
  readonly outcome: CommandOutcome;
  /** The one revision that the command makes; undefined when it changes nothing. */
  readonly change: RevisionEvents | undefined;
  /** The new compact revision. */
  readonly compact?: number;
  readonly leases?: readonly LeaseChange[];
}

/** Ends the execution of a command wherever it stands: nothing of it is applied. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.code);
    this.refusal = refusal;
  }
}

export function refuse(refusal: Refusal): Execution {
  return { outcome: refusal, change: undefined };
}
