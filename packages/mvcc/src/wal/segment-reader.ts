import { CoterieError } from '@coterie/errors';
import {
  alignmentBytes,
  contentIsSound,
  flags,
  flagsAt,
  formatVersion,
  headerBytes,
  headerIsSound,
  lengthAt,
  payloadBytesReadMax,
  previousAt,
  recordBytes,
  recordTypes,
  runningAt,
  sectorBytes,
  syncedAt,
  typeAt,
  viewOf,
} from './format.js';
import { decodeCarry } from './payloads.js';

/** One record of a whole batch. `view` covers the payload. */
export interface ReadRecord {
  readonly type: number;
  readonly payload: Uint8Array;
  readonly view: DataView;
}

/** What is known of a segment once it was read. */
export interface SegmentContent {
  readonly records: readonly ReadRecord[];
  readonly headLength: number;
  /** The running checksum of the segment before, as this one's head carries it over. */
  readonly carried: number;
  readonly running: number;
  /** The end of the last whole batch. */
  readonly end: number;
  /** Where the zeros begin. Between `end` and here lies what a crash left of batches that nobody was promised. */
  readonly used: number;
  /** Up to here the segment is known to have been synced; what follows may stand in a page cache only. */
  readonly synced: number;
}

/** The segment as bytes, and where it stands in the order. */
export interface SegmentSource {
  readonly path: string;
  readonly sequence: number;
  readonly bytes: Uint8Array;
  /** Only the last segment was being written when the process or the machine stopped. */
  readonly last: boolean;
}

export function corrupt(path: string, offset: number, what: string): Error {
  return new CoterieError('ERR_CORRUPT', { message: `log segment ${path} at byte ${offset}: ${what}` });
}

/**
 * Reads a segment and tells the end of the log from damage to it.
 *
 * A crash can only leave marks of two kinds: sectors of unsynced writes that are still the zeros they were, and a write
 * that stopped at some byte. Both lie behind the last sync, and each record says how far the segment was synced when it
 * was written. So a record that is not sound ends the log if the damage is of these kinds and no later record proves
 * that this place had been synced; otherwise it is corruption, and cutting the log there would forget acknowledged
 * entries (Protocol-Aware Recovery, FAST '18).
 *
 * Worked case: batches A, B, C, a sync after each. A flipped bit in B: C says "synced up to the end of B", so B is
 * corrupt. Power lost while B and C were written with no sync between them, B's sector lost: C says "synced up to the
 * end of A", so both are cut.
 *
 * @throws CoterieError ERR_CORRUPT; ERR_STORAGE for another format version
 */
export function readSegment(source: SegmentSource): SegmentContent {
  return new SegmentReader(source).read();
}

class SegmentReader {
  readonly #source: SegmentSource;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #records: ReadRecord[] = [];
  #batch: ReadRecord[] = [];
  #at = 0;
  #end = 0;
  #headLength = 0;
  #running = 0;
  #runningAtEnd = 0;
  #synced = 0;

  constructor(source: SegmentSource) {
    this.#source = source;
    this.#bytes = source.bytes;
    this.#view = viewOf(source.bytes);
  }

  read(): SegmentContent {
    this.#readCarry();
    while (this.#readRecord());
    const used = this.#checkRest();
    return {
      records: this.#records,
      headLength: this.#headLength,
      carried: previousAt(this.#view, 0),
      running: this.#runningAtEnd,
      end: this.#end,
      used,
      synced: Math.max(this.#synced, this.#headLength),
    };
  }

  /** The first record names the length of the head, all of which was synced before the file got its name. */
  #readCarry(): void {
    const soundHeader = this.#bytes.length >= headerBytes && this.#headerSoundAt(0);
    if (!soundHeader || typeAt(this.#view, 0) !== recordTypes.carry || !this.#contentSoundAt(0)) {
      throw corrupt(this.#source.path, 0, 'the head is damaged');
    }
    const carry = decodeCarry(...this.#payloadAt(0));
    if (carry === undefined) throw corrupt(this.#source.path, 0, 'this is not a log segment');
    if (carry.version !== formatVersion) {
      throw new CoterieError('ERR_STORAGE', {
        message: `log segment ${this.#source.path} has format ${carry.version}, this program reads ${formatVersion}`,
      });
    }
    this.#headLength = carry.headLength;
    this.#running = previousAt(this.#view, 0);
  }

  /** @returns false at the end of what can be read */
  #readRecord(): boolean {
    const at = this.#at;
    if (at + headerBytes > this.#bytes.length || this.#isZero(at, at + headerBytes)) return false;
    if (!this.#headerSoundAt(at)) return this.#damaged(at, at + headerBytes);
    if (lengthAt(this.#view, at) > payloadBytesReadMax) throw corrupt(this.#source.path, at, 'a record is too long');
    const next = at + recordBytes(lengthAt(this.#view, at));
    if (!this.#contentSoundAt(at)) return this.#damaged(at, next);
    if (previousAt(this.#view, at) !== this.#running || syncedAt(this.#view, at) > at) {
      throw corrupt(this.#source.path, at, 'a record does not follow the one before it');
    }
    this.#synced = Math.max(this.#synced, syncedAt(this.#view, at));
    this.#running = runningAt(this.#view, at);
    this.#at = next;
    this.#deliver(at);
    return true;
  }

  #deliver(at: number): void {
    const [payload, view] = this.#payloadAt(at);
    this.#batch.push({ type: typeAt(this.#view, at), payload, view });
    if ((flagsAt(this.#view, at) & flags.batchEnd) === 0) return;
    for (const record of this.#batch) this.#records.push(record);
    this.#batch = [];
    this.#end = this.#at;
    this.#runningAtEnd = this.#running;
  }

  /** A record that is not sound: an end that a crash can have made, or not. */
  #damaged(at: number, end: number): false {
    if (!this.#source.last) throw corrupt(this.#source.path, at, 'a record is damaged, and later segments follow');
    if (!this.#crashLeaves(at, end)) throw corrupt(this.#source.path, at, 'a record is damaged, not torn');
    return false;
  }

  /**
   * Whether a lost sector or a write that stopped explains what is between `at` and `end`. No sound record is or ends
   * in such zeros.
   */
  #crashLeaves(at: number, end: number): boolean {
    if (end > this.#bytes.length || this.#bytes[end - 1] === 0) return true;
    for (let from = at; from < end;) {
      const to = Math.min(end, (Math.floor(from / sectorBytes) + 1) * sectorBytes);
      if (this.#isZero(from, to)) return true;
      from = to;
    }
    return false;
  }

  /** Checks that what lies behind the last whole batch may be there. @returns where it ends */
  #checkRest(): number {
    const { path, last } = this.#source;
    if (this.#end < this.#headLength) throw corrupt(path, this.#at, 'the head is damaged');
    const used = this.#lastUsed(this.#end);
    if (used === this.#end) return used;
    if (!last) throw corrupt(path, this.#end, 'the segment does not end at a batch, and later segments follow');
    for (let at = this.#end; at + headerBytes <= used; at += alignmentBytes) {
      if (!this.#headerSoundAt(at)) continue;
      if (syncedAt(this.#view, at) > this.#end) {
        throw corrupt(
          path,
          this.#end,
          `a batch is damaged that was synced before the record at byte ${at} was written`,
        );
      }
    }
    return used;
  }

  /** The end of the last byte from `from` on that is not zero; `from` if all are. */
  #lastUsed(from: number): number {
    let end = this.#bytes.length;
    while (end > from && this.#bytes[end - 1] === 0) end--;
    return end;
  }

  #isZero(from: number, to: number): boolean {
    for (let at = from; at < to; at++) if (this.#bytes[at] !== 0) return false;
    return true;
  }

  #headerSoundAt(at: number): boolean {
    return headerIsSound(this.#bytes, this.#view, at, { sequence: this.#source.sequence, offset: at });
  }

  #contentSoundAt(at: number): boolean {
    const length = lengthAt(this.#view, at);
    if (length > payloadBytesReadMax || at + recordBytes(length) > this.#bytes.length) return false;
    return contentIsSound(this.#bytes, this.#view, at);
  }

  #payloadAt(at: number): [Uint8Array, DataView] {
    const payload = this.#bytes.subarray(at + headerBytes, at + headerBytes + lengthAt(this.#view, at));
    return [payload, viewOf(payload)];
  }
}
