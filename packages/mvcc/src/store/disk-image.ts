import { CoterieError } from '@coterie/errors';
import type { OrderedSnapshot, OrderedStore } from './ordered-store.js';
import { decodeRecord } from './record-codec.js';
import type { StoreCounters } from './store-statistics.js';
import { storedEnd, storedKey, userKey } from './stored-keys.js';
import type { BinaryKey, KeyedRecord, KeyRange, KeyRecord } from './types.js';

/** Records of one page, and what went wrong instead. */
export type RecordPage = (error: Error | undefined, page: readonly KeyedRecord[]) => void;

/** A walk over the records of an image. An empty page is the end. */
export interface RecordCursor {
  next(done: RecordPage): void;
  close(): void;
}

/**
 * The keys as one checkpoint left them. Every read of the disk goes through one, so that it sees one checkpoint and
 * never a part of the next; and every record is checked where it comes in here.
 */
export class DiskImage {
  readonly #store: OrderedStore;
  readonly #snapshot: OrderedSnapshot;
  readonly #counters: StoreCounters;
  readonly #freed: () => void;
  readonly #tellDamage: (error: Error) => void;
  #holders = 1;

  /**
   * @param freed called when nobody holds the image any more
   * @param damaged told of damage that a read has found, beside whoever reads
   */
  constructor(store: OrderedStore, counters: StoreCounters, freed: () => void, damaged: (error: Error) => void) {
    this.#store = store;
    this.#counters = counters;
    this.#snapshot = store.snapshot();
    this.#freed = freed;
    this.#tellDamage = damaged;
  }

  hold(): void {
    this.#holders++;
  }

  release(): void {
    if (--this.#holders > 0) return;
    this.#snapshot.release();
    this.#freed();
  }

  /** For damage that only somebody sees who has read all of it. @returns the error */
  damaged(error: CoterieError): CoterieError {
    this.#tellDamage(error);
    return error;
  }

  /** @throws CoterieError ERR_CORRUPT, ERR_STORAGE */
  getSync(key: BinaryKey): KeyRecord | undefined {
    this.#counters.diskReads++;
    try {
      const bytes = this.#store.getSync(storedKey(key), this.#snapshot);
      return bytes === undefined ? undefined : decodeRecord(key, bytes);
    } catch (error) {
      this.#report(error);
      throw error;
    }
  }

  getMany(
    keys: readonly BinaryKey[],
    done: (error: Error | undefined, records: readonly (KeyRecord | undefined)[]) => void,
  ): void {
    this.hold();
    this.#counters.diskReads += keys.length;
    this.#store.getMany(keys.map(storedKey), this.#snapshot, (fault, values) => {
      this.release();
      this.#answer(
        fault,
        () => values.map((bytes, at) => (bytes === undefined ? bytes : decodeRecord(keys[at] as BinaryKey, bytes))),
        done,
      );
    });
  }

  iterate(range: KeyRange, reverse: boolean, pageBytes: number, pageRecords?: number): RecordCursor {
    this.hold();
    const cursor = this.#store.iterate({
      start: storedKey(range.start),
      end: storedEnd(range.end),
      reverse,
      pageBytes,
      pageRecords,
      snapshot: this.#snapshot,
    });
    let open = true;
    return {
      next: (done) => {
        cursor.next((fault, page) => {
          this.#answer(fault, () => page.map(([stored, bytes]) => decodeEntry(stored, bytes)), done);
        });
      },
      close: () => {
        if (!open) return;
        open = false;
        cursor.close();
        this.release();
      },
    };
  }

  /** Damage found while decoding is an answer like any other fault: nothing is thrown into the caller of a callback. */
  #answer<T>(
    fault: Error | undefined,
    decode: () => readonly T[],
    done: (error: Error | undefined, items: readonly T[]) => void,
  ): void {
    let items: readonly T[];
    try {
      if (fault !== undefined) throw fault;
      items = decode();
    } catch (error) {
      this.#report(error);
      done(error as Error, []);
      return;
    }
    done(undefined, items);
  }

  #report(error: unknown): void {
    if (error instanceof CoterieError && error.code === 'ERR_CORRUPT') this.damaged(error);
  }
}

function decodeEntry(stored: string, bytes: Uint8Array): KeyedRecord {
  const key = userKey(stored);
  return { key, record: decodeRecord(key, bytes) };
}
