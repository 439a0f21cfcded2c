import type { Identity } from './identity.js';

/** Whose log it is: a log that was copied here from another directory is refused, even one of the same cluster. */
export function logMetadata(identity: Identity): Uint8Array {
  return Buffer.from(JSON.stringify([1, identity.uid, identity.memberId, identity.incarnation]), 'utf8');
}
