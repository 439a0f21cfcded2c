import { crc32c } from '../../files/crc32c.js';

/** LevelDB's log format (its doc/log_format.md): blocks of 32 KiB, fragments with a head of 7 bytes each. */
const blockBytes = 32 * 1024;
const headBytes = 7;
const kinds = { full: 1, first: 2, middle: 3, last: 4 } as const;

/** What stands in a log file of LevelDB, a MANIFEST too. */
export interface LevelLog {
  /** Whole records in front of the first defect. */
  readonly count: number;
  /** Where the first thing stands that is no part of a record; undefined in a file that is sound to its end. */
  readonly defectAt: number | undefined;
  /** A whole record stands behind the defect: LevelDB would leave out what is between and say nothing. */
  readonly soundBehind: boolean;
}

/** LevelDB stores checksums so that one of bytes that hold checksums is no trivial one. */
export function unmasked(stored: number): number {
  const rotated = (stored - 0xa282ead8) >>> 0;
  return ((rotated << 15) | (rotated >>> 17)) >>> 0;
}

/** Pieces of a log in which {@link LevelLogReader} reads it: whole blocks, all but the last. */
export const levelPieceBytes = 32 * blockBytes;

/** Reads on behind a defect as LevelDB does, at the next block, to see whether anything follows. */
export class LevelLogReader {
  readonly #take: ((record: Uint8Array) => void) | undefined;
  #bytes: Uint8Array = new Uint8Array(0);
  #view = viewOf(this.#bytes);
  /** Of the piece, in the log. */
  #base = 0;
  #parts: Uint8Array[] = [];
  /** Where the record that is being put together began. */
  #begin: number | undefined;
  #defectAt: number | undefined;
  #soundBehind = false;
  #count = 0;

  /** @param take gets the records in front of the first defect; left out, none is put together */
  constructor(take?: (record: Uint8Array) => void) {
    this.#take = take;
  }

  /**
   * The next {@link levelPieceBytes} bytes, or what is left. They may be others afterwards where nobody takes records.
   */
  read(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    const { length } = bytes;
    for (let at = 0; at < length;) at = this.#step(at, Math.min(length, nextBlock(at)));
    this.#base += length;
  }

  finish(): LevelLog {
    if (this.#begin !== undefined) this.#defect(this.#begin);
    return { count: this.#count, defectAt: this.#defectAt, soundBehind: this.#soundBehind };
  }

  /** @returns where the next fragment begins */
  #step(at: number, blockEnd: number): number {
    if (nextBlock(at) - at < headBytes) return blockEnd;
    const end = blockEnd - at < headBytes ? undefined : at + headBytes + this.#view.getUint16(at + 4, true);
    if (end === undefined || end > blockEnd || !this.#sound(at, end)) {
      this.#defect(this.#begin ?? this.#base + at);
      return blockEnd;
    }
    this.#fragment(this.#bytes[at + 6] as number, this.#base + at, this.#bytes.subarray(at + headBytes, end));
    return end;
  }

  #sound(at: number, end: number): boolean {
    return unmasked(this.#view.getUint32(at, true)) === crc32c(this.#bytes, 0, at + 6, end);
  }

  #fragment(kind: number, at: number, content: Uint8Array): void {
    const begins = kind === kinds.full || kind === kinds.first;
    const fits = begins || kind === kinds.middle || kind === kinds.last;
    if (!fits || begins !== (this.#begin === undefined)) this.#defect(this.#begin ?? at);
    if (begins) this.#begin = at;
    if (this.#begin === undefined) return;
    if (this.#take !== undefined) this.#parts.push(content);
    if (kind === kinds.full || kind === kinds.last) this.#finish();
  }

  #finish(): void {
    if (this.#defectAt !== undefined) {
      this.#soundBehind = true;
    } else {
      this.#count++;
      this.#take?.(this.#parts.length === 1 ? (this.#parts[0] as Uint8Array) : Buffer.concat(this.#parts));
    }
    this.#parts = [];
    this.#begin = undefined;
  }

  #defect(at: number): void {
    this.#defectAt ??= at;
    this.#parts = [];
    this.#begin = undefined;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function nextBlock(at: number): number {
  return (Math.floor(at / blockBytes) + 1) * blockBytes;
}
