/**
 * FNV-1a, 32 bits (Fowler, Noll, Vo). Each step maps 32 bits one to one, so that a single changed byte always shows; it
 * is no protection against somebody who wants to deceive.
 */
export function checksum(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
