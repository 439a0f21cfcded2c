import { checkRecord } from './record-codec.js';
import type { StoreView } from './types.js';

export interface ContentHash {
  readonly revision: number;
  readonly hash: string;
  readonly keys: number;
}

/** The sum is kept below this, so that it stays exact. */
const modulus = 2 ** 48;

/**
 * The sum of the checksums of all records: equal for equal contents whatever order they are read in, and however they
 * came about.
 *
 * Each record is checked, in memory too, so that damage is found and not summed. Closes the view.
 *
 * @throws CoterieError ERR_CORRUPT
 */
export async function contentHash(view: StoreView, pageBytes: number): Promise<ContentHash> {
  let sum = 0;
  let keys = 0;
  try {
    for await (const page of view.scan({ range: { start: '' }, reverse: false, pageBytes })) {
      for (const { key, record } of page) {
        checkRecord(key, record);
        sum = (sum + record.crc32c) % modulus;
        keys++;
      }
    }
  } finally {
    await view.close();
  }
  return { revision: view.revision, hash: sum.toString(16).padStart(12, '0'), keys };
}
