import { ContentSum } from './content-sum.js';
import { checkRecord } from './record-codec.js';
import type { StoreView } from './types.js';

export interface ContentHash {
  readonly revision: number;
  readonly hash: string;
  readonly keys: number;
}

/**
 * The sum of the checksums of all records: equal for equal contents whatever order they are read in, and however they
 * came about.
 *
 * Each record is checked, in memory too, so that damage is found and not summed. Closes the view.
 *
 * @throws CoterieError ERR_CORRUPT
 */
export async function contentHash(view: StoreView, pageBytes: number): Promise<ContentHash> {
  const sum = new ContentSum();
  try {
    for await (const page of view.scan({ range: { start: '' }, reverse: false, pageBytes })) {
      for (const { key, record } of page) {
        checkRecord(key, record);
        sum.add(record.crc32c);
      }
    }
  } finally {
    await view.close();
  }
  return { revision: view.revision, hash: sum.sum.toString(16).padStart(12, '0'), keys: sum.keys };
}
