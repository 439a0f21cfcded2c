import type { CommandOutcome, Refusal } from '../command/refusal.js';
import type { BinaryKey, KeyedRecord, KeyRange, KeyRecord, RevisionEvents } from '../store/types.js';

/** The state that a command reads, loaded before. */
export interface TxnState {
  readonly revision: number;
  readonly compactRevision: number;
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
