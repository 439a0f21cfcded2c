import type { OrderedKey } from './ordered-store.js';
import type { BinaryKey } from './types.js';

/**
 * Users' keys and the store's own records are told apart by their first character, so that neither can reach the other.
 */
const userPrefix = 'k';
const ownPrefix = 'm';

/** Behind every user key. */
const userKeysEnd: OrderedKey = String.fromCharCode(userPrefix.charCodeAt(0) + 1);

/** Where the state of the checkpoint stands. */
export const checkpointKey: OrderedKey = `${ownPrefix}checkpoint`;

/** Where a checkpoint stands that takes more than one batch, from its first batch to its last. */
export const unfinishedKey: OrderedKey = `${ownPrefix}unfinished`;

export function storedKey(key: BinaryKey): OrderedKey {
  return userPrefix + key;
}

export function userKey(stored: OrderedKey): BinaryKey {
  return stored.slice(userPrefix.length);
}

/** Where a range of user keys ends in the ordered store. */
export function storedEnd(end: BinaryKey | undefined): OrderedKey {
  return end === undefined ? userKeysEnd : storedKey(end);
}
