import { corruptLevel, LevelReader } from './level-numbers.js';

/** Index blocks are far smaller. */
const unpackedBytesMax = 64 * 1024 * 1024;

/** Unpacks a block of Snappy (google/snappy, format_description.txt). @throws CoterieError ERR_CORRUPT */
export function unpackSnappy(packed: Uint8Array): Uint8Array {
  const from = new LevelReader(packed);
  const size = from.uint();
  if (size > unpackedBytesMax) throw corruptLevel(`a block of ${size} bytes`);
  const unpacked = new Uint8Array(size);
  let at = 0;
  while (!from.done) {
    const tag = from.take(1)[0] as number;
    const length = (tag & 3) === 0 ? literalLength(from, tag >>> 2) : copyLength(tag);
    if (at + length > size) throw corruptLevel('a packed block is too long');
    if ((tag & 3) === 0) {
      unpacked.set(from.take(length), at);
    } else {
      const offset = copyOffset(from, tag);
      if (offset === 0 || offset > at) throw corruptLevel('a packed block copies from nowhere');
      // Byte by byte: a copy may reach into what it writes, and then repeats it.
      for (let done = 0; done < length; done++) unpacked[at + done] = unpacked[at + done - offset] as number;
    }
    at += length;
  }
  if (at !== size) throw corruptLevel('a packed block is too short');
  return unpacked;
}

function literalLength(from: LevelReader, short: number): number {
  return (short < 60 ? short : little(from.take(short - 59))) + 1;
}

function copyLength(tag: number): number {
  return (tag & 3) === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
}

function copyOffset(from: LevelReader, tag: number): number {
  if ((tag & 3) === 1) return ((tag >>> 5) << 8) | little(from.take(1));
  return little(from.take((tag & 3) === 2 ? 2 : 4));
}

function little(bytes: Uint8Array): number {
  return bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
}
