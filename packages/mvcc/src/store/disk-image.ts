import type { OrderedSnapshot, OrderedStore } from './ordered-store.js';
import { decodeRecord } from './record-codec.js';
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
  readonly #freed: () => void;
  #holders = 1;

  /** @param freed called when nobody holds the image any more */
  constructor(store: OrderedStore, freed: () => void) {
    this.#store = store;
    this.#snapshot = store.snapshot();
    this.#freed = freed;
  }

  hold(): void {
    this.#holders++;
  }

  release(): void {
    if (--this.#holders > 0) return;
    this.#snapshot.release();
    this.#freed();
  }

  /** @throws CoterieError ERR_CORRUPT, ERR_STORAGE */
  getSync(key: BinaryKey): KeyRecord | undefined {
    const bytes = this.#store.getSync(storedKey(key), this.#snapshot);
    return bytes === undefined ? undefined : decodeRecord(key, bytes);
  }

  getMany(
    keys: readonly BinaryKey[],
    done: (error: Error | undefined, records: readonly (KeyRecord | undefined)[]) => void,
  ): void {
    this.hold();
    this.#store.getMany(keys.map(storedKey), this.#snapshot, (fault, values) => {
      this.release();
      if (fault !== undefined) done(fault, []);
      else
        answer(
          () => values.map((bytes, at) => (bytes === undefined ? bytes : decodeRecord(keys[at] as BinaryKey, bytes))),
          done,
        );
    });
  }

  iterate(range: KeyRange, reverse: boolean, pageBytes: number): RecordCursor {
    this.hold();
    const cursor = this.#store.iterate({
      start: storedKey(range.start),
      end: storedEnd(range.end),
      reverse,
      pageBytes,
      snapshot: this.#snapshot,
    });
    let open = true;
    return {
      next: (done) => {
        cursor.next((fault, page) => {
          if (fault !== undefined) done(fault, []);
          else answer(() => page.map(([stored, bytes]) => decodeEntry(stored, bytes)), done);
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
}

function decodeEntry(stored: string, bytes: Uint8Array): KeyedRecord {
  const key = userKey(stored);
  return { key, record: decodeRecord(key, bytes) };
}

/** Damage found while decoding is an answer like any other fault: nothing is thrown into the caller of a callback. */
function answer<T>(decode: () => readonly T[], done: (error: Error | undefined, items: readonly T[]) => void): void {
  let items: readonly T[];
  try {
    items = decode();
  } catch (error) {
    done(error as Error, []);
    return;
  }
  done(undefined, items);
}
