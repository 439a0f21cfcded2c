/**
 * A key of an ordered store: a string of characters up to U+00FF, one for each byte, ordered by character.
 *
 * @see BinaryKey in `types.ts`: the store puts one character before it, so that its own records and the users' never
 *   meet.
 */
export type OrderedKey = string;

/** One record as it is read in order. */
export type OrderedEntry = readonly [key: OrderedKey, value: Uint8Array];

/** The contents at one moment, whatever is written later. Holding one costs disk space, so it must be released. */
export interface OrderedSnapshot {
  /** Idempotent. Reads that began before may still complete. */
  release(): void;
}

/** What a cursor walks over. */
export interface OrderedRange {
  readonly start: OrderedKey;
  /** Exclusive. */
  readonly end: OrderedKey;
  readonly reverse: boolean;
  /** About how many bytes one page holds; a page holds at least one record. */
  readonly pageBytes: number;
  /** How many records one page holds at the most; left out: as many as the store thinks good. */
  readonly pageRecords?: number | undefined;
  /** Left out: the contents when the cursor was opened. */
  readonly snapshot?: OrderedSnapshot | undefined;
}

/** A walk over a range, a page at a time: what nobody asked for is not read. */
export interface OrderedCursor {
  /** The next page in order; an empty one is the end. One call at a time. */
  next(done: (error: Error | undefined, page: readonly OrderedEntry[]) => void): void;
  /** Idempotent. A pending `next` may still complete. */
  close(): void;
}

/** Changes that become visible and durable together or not at all. Filled over as many turns as it takes. */
export interface OrderedBatch {
  /** The bytes of `value` must not change until the batch is written. */
  put(key: OrderedKey, value: Uint8Array): void;
  delete(key: OrderedKey): void;
  /**
   * With `sync` the batch is durable when `done` is called without an error; without it a crash may lose it and keep a
   * later one.
   */
  write(options: { readonly sync: boolean }, done: (error: Error | undefined) => void): void;
  /** Instead of `write`. */
  discard(): void;
}

/**
 * A small ordered map on a disk.
 *
 * Callbacks instead of promises, so that a simulator decides when a thing completes. Contract: `done` is called exactly
 * once and never from inside the call; errors are CoterieErrors: ERR_CORRUPT where the store itself found damage,
 * ERR_STORAGE for other faults, ERR_CLOSED behind `close`. Records are not checked here: who reads them checks them.
 */
export interface OrderedStore {
  snapshot(): OrderedSnapshot;
  /** @throws CoterieError */
  getSync(key: OrderedKey, snapshot: OrderedSnapshot | undefined): Uint8Array | undefined;
  /** The values in the order of `keys`, undefined where there is none. */
  getMany(
    keys: readonly OrderedKey[],
    snapshot: OrderedSnapshot | undefined,
    done: (error: Error | undefined, values: readonly (Uint8Array | undefined)[]) => void,
  ): void;
  iterate(range: OrderedRange): OrderedCursor;
  batch(): OrderedBatch;
  /** About how many bytes of disk a range takes: for people and for limits, never for decisions that must agree. */
  approximateBytes(start: OrderedKey, end: OrderedKey, done: (error: Error | undefined, bytes: number) => void): void;
  /** Waits for what is under way. Idempotent; a second call completes with the first. */
  close(done: (error: Error | undefined) => void): void;
}

/** Where ordered stores come from, one a directory. */
export interface OrderedStores {
  /**
   * Opens the store of a directory, or makes it there.
   *
   * @throws CoterieError ERR_DATA_DIR_IN_USE, ERR_CORRUPT, ERR_STORAGE
   */
  open(directory: string): Promise<OrderedStore>;
  /** Removes a directory with every closed store and every file in it. Fine when there is none. */
  destroy(directory: string): Promise<void>;
}
