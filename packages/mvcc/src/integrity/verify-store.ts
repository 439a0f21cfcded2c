import { ContentSum } from '../store/content-sum.js';
import type { Store } from '../store/store.js';
import { Scrub } from './scrub.js';

/**
 * Reads all of a store that nobody writes to: one round of the scrub.
 *
 * @throws CoterieError ERR_CORRUPT, ERR_STORAGE
 */
export async function verifyStore(store: Store): Promise<void> {
  const { contentSum, keys, revision, compactRevision } = store.recovered();
  const content = new ContentSum(contentSum, keys);
  const scrub = new Scrub({
    store,
    content: () => content,
    revision: () => revision,
    compactRevision: () => compactRevision,
  });
  for (let ended = false; !ended;) ended = (await scrub.step())?.roundEnded === true;
}
