/**
 * CRC-32C (Castagnoli), reflected polynomial 0x82f63b78, as in RFC 3720 appendix B.4 and ext4.
 *
 * Slicing by eight: eight table look-ups consume eight bytes a step, so that one step's look-ups do not wait for one
 * another. A native binding wins only above about 1 KiB a call, and most records are smaller.
 */
const polynomial = 0x82f63b78;

/** Table k (at k * 256) holds the CRC of a byte followed by k zero bytes. */
const tables = buildTables();

function buildTables(): Int32Array {
  const built = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    built[byte] = crc;
  }
  for (let at = 256; at < built.length; at++) {
    const previous = built[at - 256] as number;
    built[at] = (previous >>> 8) ^ (built[previous & 255] as number);
  }
  return built;
}

/**
 * The CRC-32C of `bytes[start, end)`.
 *
 * @param seed the CRC of what came before, so that `crc32c(b, crc32c(a))` is the CRC of a and b together; default 0
 * @returns an unsigned 32-bit integer
 */
export function crc32c(bytes: Uint8Array, seed = 0, start = 0, end = bytes.length): number {
  const t = tables;
  let crc = ~seed;
  let at = start;
  // The `as number` casts are safe: every table index below is a byte plus the base of its table, and `at + 7 < end <=
  // length`.
  for (const lastStep = end - 8; at <= lastStep; at += 8) {
    const low =
      crc ^
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24));
    crc =
      (t[1792 + (low & 255)] as number) ^
      (t[1536 + ((low >>> 8) & 255)] as number) ^
      (t[1280 + ((low >>> 16) & 255)] as number) ^
      (t[1024 + (low >>> 24)] as number) ^
      (t[768 + (bytes[at + 4] as number)] as number) ^
      (t[512 + (bytes[at + 5] as number)] as number) ^
      (t[256 + (bytes[at + 6] as number)] as number) ^
      (t[bytes[at + 7] as number] as number);
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (t[(crc ^ (bytes[at] as number)) & 255] as number);
  return ~crc >>> 0;
}
