import type { BinaryKey } from '../store/types.js';
import type { HeapItem } from './deadline-heap.js';

/**
 * One lease. `generation` is never used twice: it tells a lease from an earlier one of the same id, for whoever still
 * holds that one.
 */
export interface LeaseRecord extends HeapItem {
  readonly id: number;
  readonly generation: number;
  readonly ttlMs: number;
  /** Log time up to which it surely lives. Renewals only move it on. */
  deadlineMs: number;
  /** Made by a put with a time to live, for its key: it ends with the last key that leaves it. */
  readonly own: boolean;
  readonly keys: Set<BinaryKey>;
  /** Of its keys and their values, as a revision that deletes them counts them. */
  bytes: number;
}

/** What is told of a lease, in the numbers of the log's time. */
export interface LeaseStatus {
  readonly id: number;
  readonly generation: number;
  readonly ttlMs: number;
  readonly deadlineMs: number;
}
