import { CoterieError } from '@coterie/errors';
import type { Defer } from './completion.js';
import type { DiskImage } from './disk-image.js';
import type { BinaryKey, KeyRecord } from './types.js';

interface Waiting {
  readonly key: BinaryKey;
  readonly resolve: (record: KeyRecord | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** Keys of one read of the disk: it occupies one thread of the shared pool for so long. */
const readKeys = 256;

/**
 * Reads of single keys, those of one turn of the event loop together: one way through the thread pool instead of many.
 */
export class PointReads {
  readonly #queued = new Map<DiskImage, Waiting[]>();
  readonly #limit: number;
  readonly #defer: Defer;
  readonly #seen: (image: DiskImage, key: BinaryKey, record: KeyRecord | undefined) => void;
  #pending = 0;

  /** @param seen told of every record that was read */
  constructor(
    limit: number,
    defer: Defer,
    seen: (image: DiskImage, key: BinaryKey, record: KeyRecord | undefined) => void,
  ) {
    this.#limit = limit;
    this.#defer = defer;
    this.#seen = seen;
  }

  /** @throws CoterieError ERR_CORRUPT, ERR_STORAGE, ERR_OVERLOADED */
  read(image: DiskImage, key: BinaryKey): Promise<KeyRecord | undefined> {
    if (this.#pending >= this.#limit) {
      const message = `${this.#pending} reads wait for the disk already`;
      return Promise.reject(new CoterieError('ERR_OVERLOADED', { message }));
    }
    this.#pending++;
    return new Promise((resolve, reject) => {
      if (this.#queued.size === 0) {
        this.#defer(() => {
          this.#flush();
        });
      }
      const waiting = this.#queued.get(image);
      if (waiting !== undefined) {
        waiting.push({ key, resolve, reject });
        return;
      }
      image.hold();
      this.#queued.set(image, [{ key, resolve, reject }]);
    });
  }

  #flush(): void {
    for (const [image, waiting] of this.#queued) {
      for (let at = 0; at < waiting.length; at += readKeys) this.#send(image, waiting.slice(at, at + readKeys));
      image.release();
    }
    this.#queued.clear();
  }

  #send(image: DiskImage, group: readonly Waiting[]): void {
    const keys = group.map(({ key }) => key);
    image.getMany(keys, (error, records) => {
      this.#pending -= group.length;
      // One damaged record must not fail its neighbours: each is asked for alone.
      if (error !== undefined && group.length > 1) {
        this.#pending += group.length;
        for (const one of group) this.#send(image, [one]);
        return;
      }
      group.forEach(({ key, resolve, reject }, at) => {
        if (error !== undefined) {
          reject(error);
          return;
        }
        this.#seen(image, key, records[at]);
        resolve(records[at]);
      });
    });
  }
}
