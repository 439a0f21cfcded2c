/** What a store has done on its disk since it was opened: to see what a write costs there. */
export interface StoreStatistics {
  /** Checkpoints that became durable. */
  readonly checkpoints: number;
  /** Keys asked of the ordered store one by one; those of scans are not counted. */
  readonly diskReads: number;
  /** Keys put into or deleted from the ordered store, by checkpoints. */
  readonly diskWrites: number;
}

/** As the parts of a store count. */
export type StoreCounters = { -readonly [K in keyof StoreStatistics]: StoreStatistics[K] };
