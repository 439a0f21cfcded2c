import type { CommittedEntry, Entry } from '@coterie/raft';
import { ByteReader, corrupt } from '../command/byte-reader.js';
import { ByteWriter } from '../command/byte-writer.js';
import { replicatedLimits } from '../limits.js';

const format = 1;
const headBytes = 1 + 8 + 8 + 4;

/** Commands of one entry; far above what one turn makes of them, a bound for bytes that are not what they should be. */
const commandsMax = 1 << 20;

/** The term of every entry: there are no elections in one process. */
export const localTerm = 1;

/** An entry of the log of one process: the commands of one turn, with its stamps. The commands are copied. */
export function encodeLocalEntry({ index, term, stampMs, wallMs, commands }: CommittedEntry): Entry {
  const size = commands.reduce((sum, { length }) => sum + 4 + length, headBytes);
  const out = new ByteWriter(size);
  out.u8(format);
  out.f64(stampMs);
  out.f64(wallMs);
  out.uint(commands.length);
  for (const command of commands) out.bytes(command);
  return { index, term, kind: 'normal', data: out.finish() };
}

/** The commands are views into the entry's data. @throws CoterieError ERR_CORRUPT */
export function decodeLocalEntry({ index, term, kind, data }: Entry): CommittedEntry {
  if (kind !== 'normal') throw corrupt(`entry ${index} is of the kind '${kind}', which only a cluster writes`);
  const from = new ByteReader(data);
  const found = from.u8();
  if (found !== format) throw corrupt(`format ${found} of entry ${index}`);
  const stampMs = from.f64();
  const wallMs = from.f64();
  const commands: Uint8Array[] = [];
  for (let count = from.uint(commandsMax); count > 0; count--) commands.push(from.bytes(replicatedLimits.commandBytes));
  from.end();
  return { index, term, stampMs, wallMs, commands };
}
