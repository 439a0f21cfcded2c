import { crc32c } from '../../files/crc32c.js';
import { unmasked } from './level-log.js';
import { corruptLevel, LevelReader } from './level-numbers.js';
import { unpackSnappy } from './snappy.js';

const footerBytes = 48;
/** Behind each block: how it is packed, and its checksum. */
const trailerBytes = 5;
const magic = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb] as const;
const packedBySnappy = 1;

/** Where a block of a table stands, without its trailer. */
export interface Handle {
  readonly offset: number;
  readonly size: number;
}

/**
 * Checks every byte of a table of LevelDB (its doc/table_format.md): blocks without a gap from the first byte to the
 * footer, each with the checksum that was written with it.
 *
 * LevelDB reads blocks without looking at their checksums unless it is told to, and classic-level has no way to tell
 * it: a wrong bit in a key, in an index or in a filter hides a record or shows an older one, which passes its own
 * checksum.
 *
 * @param name for messages
 * @throws CoterieError ERR_CORRUPT
 */
export function checkLevelTable(bytes: Uint8Array, name: string): void {
  try {
    checkBlocks(bytes);
  } catch (error) {
    throw corruptLevel(`table ${name}: ${(error as Error).message}`);
  }
}

function checkBlocks(bytes: Uint8Array): void {
  let at = 0;
  for (const block of tableBlocks(bytes)) {
    if (block.offset !== at) throw corruptLevel(`a block is missing at byte ${at}`);
    checkBlock(bytes, block);
    at += block.size + trailerBytes;
  }
  const footerAt = bytes.length - footerBytes;
  if (at !== footerAt) throw corruptLevel(`its blocks end at byte ${at} of ${footerAt}`);
}

/** All blocks of a table as its footer and its index name them. @throws CoterieError ERR_CORRUPT */
export function tableBlocks(bytes: Uint8Array): readonly Handle[] {
  const footerAt = bytes.length - footerBytes;
  if (footerAt < 0) throw corruptLevel('it is too short');
  const footer = new LevelReader(bytes.subarray(footerAt, bytes.length - magic.length));
  const metaindex = readHandle(footer);
  const index = readHandle(footer);
  const padding = footer.take(footer.bytes.length - footer.at);
  if (magic.some((byte, at) => bytes[bytes.length - magic.length + at] !== byte) || padding.some((byte) => byte !== 0))
    throw corruptLevel('its footer is damaged');
  const blocks = handlesOf(contentOf(bytes, index));
  // Between the data and the metaindex stands one filter block, if any.
  const dataEnd = blocks.reduce((sum, { size }) => sum + size + trailerBytes, 0);
  const filterBytes = metaindex.offset - dataEnd;
  if (filterBytes > 0) blocks.push({ offset: dataEnd, size: filterBytes - trailerBytes });
  return [...blocks, metaindex, index];
}

function readHandle(from: LevelReader): Handle {
  return { offset: from.uint(), size: from.uint() };
}

function checkBlock(bytes: Uint8Array, { offset, size }: Handle): void {
  const end = offset + size + 1;
  if (size < 0 || end + 4 > bytes.length) throw corruptLevel(`a block at byte ${offset} is cut off`);
  const stored = new DataView(bytes.buffer, bytes.byteOffset + end, 4).getUint32(0, true);
  if (unmasked(stored) !== crc32c(bytes, 0, offset, end))
    throw corruptLevel(`the checksum of the block at byte ${offset} does not match`);
}

function contentOf(bytes: Uint8Array, block: Handle): Uint8Array {
  checkBlock(bytes, block);
  const content = bytes.subarray(block.offset, block.offset + block.size);
  return bytes[block.offset + block.size] === packedBySnappy ? unpackSnappy(content) : content;
}

/** The values of an index block: entries of shared and own key bytes and a value, then offsets and their count. */
function handlesOf(index: Uint8Array): Handle[] {
  const restarts = new DataView(index.buffer, index.byteOffset + index.length - 4, 4).getUint32(0, true);
  const entries = new LevelReader(index.subarray(0, index.length - 4 * (restarts + 1)));
  const handles: Handle[] = [];
  while (!entries.done) {
    entries.uint();
    const [ownBytes, valueBytes] = [entries.uint(), entries.uint()];
    entries.take(ownBytes);
    handles.push(readHandle(new LevelReader(entries.take(valueBytes))));
  }
  return handles;
}
