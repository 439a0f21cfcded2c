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
  type Place,
} from './format.js';
import { decodeCarry } from './payloads.js';
import type { SegmentBytes } from './segment-bytes.js';

/** What takes the records of a segment, in order. */
export interface RecordTaker {
  /** One record; it counts when its batch is whole. The bytes are others after the call. */
  record(type: number, payload: Uint8Array, view: DataView): void;
  /** The batch of the records since the last one is whole. */
  batchEnd(): void;
}

/** What is known of a segment once it was read. */
export interface SegmentContent {
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

/** The bytes of a segment, and where it stands in the order. */
export interface SegmentSource {
  readonly path: string;
  readonly sequence: number;
  readonly content: SegmentBytes;
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
export function readSegment(source: SegmentSource, taker: RecordTaker): SegmentContent {
  return new SegmentReader(source, taker).read();
}

class SegmentReader {
  readonly #source: SegmentSource;
  readonly #content: SegmentBytes;
  readonly #taker: RecordTaker;
  #at = 0;
  #end = 0;
  #headLength = 0;
  #running = 0;
  #runningAtEnd = 0;
  #synced = 0;

  constructor(source: SegmentSource, taker: RecordTaker) {
    this.#source = source;
    this.#content = source.content;
    this.#taker = taker;
  }

  read(): SegmentContent {
    const carried = this.#readCarry();
    while (this.#readRecord());
    const used = this.#checkRest();
    return {
      headLength: this.#headLength,
      carried,
      running: this.#runningAtEnd,
      end: this.#end,
      used,
      synced: Math.max(this.#synced, this.#headLength),
    };
  }

  /**
   * The first record names the length of the head, all of which was synced before the file got its name.
   *
   * @returns the running checksum that it carries over
   */
  #readCarry(): number {
    const { path } = this.#source;
    const soundHeader = this.#content.size >= headerBytes && this.#headerSoundAt(0);
    if (!soundHeader || !this.#contentSoundAt(0)) throw corrupt(path, 0, 'the head is damaged');
    const { bytes, view } = this.#content;
    if (typeAt(view, 0) !== recordTypes.carry) throw corrupt(path, 0, 'the head is damaged');
    const carry = decodeCarry(...payloadAt(bytes, view, 0));
    if (carry === undefined) throw corrupt(path, 0, 'this is not a log segment');
    if (carry.version !== formatVersion) {
      throw new CoterieError('ERR_STORAGE', {
        message: `log segment ${path} has format ${carry.version}, this program reads ${formatVersion}`,
      });
    }
    this.#headLength = carry.headLength;
    this.#running = previousAt(view, 0);
    return this.#running;
  }

  /** @returns false at the end of what can be read */
  #readRecord(): boolean {
    const at = this.#at;
    const { path } = this.#source;
    if (at + headerBytes > this.#content.size || this.#isZero(at, at + headerBytes)) return false;
    if (!this.#headerSoundAt(at)) return this.#damaged(at, at + headerBytes);
    const length = lengthAt(this.#content.view, this.#content.at(at, at + headerBytes));
    if (length > payloadBytesReadMax) throw corrupt(path, at, 'a record is too long');
    const next = at + recordBytes(length);
    if (!this.#contentSoundAt(at)) return this.#damaged(at, next);
    const here = this.#content.at(at, next);
    const { bytes, view } = this.#content;
    if (previousAt(view, here) !== this.#running || syncedAt(view, here) > at) {
      throw corrupt(path, at, 'a record does not follow the one before it');
    }
    this.#synced = Math.max(this.#synced, syncedAt(view, here));
    this.#running = runningAt(view, here);
    this.#at = next;
    const whole = (flagsAt(view, here) & flags.batchEnd) !== 0;
    this.#taker.record(typeAt(view, here), ...payloadAt(bytes, view, here));
    if (whole) this.#endBatch();
    return true;
  }

  #endBatch(): void {
    this.#taker.batchEnd();
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
    if (end > this.#content.size || this.#isZero(end - 1, end)) return true;
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
    const used = this.#content.lastUsed(this.#end);
    if (used === this.#end) return used;
    if (!last) throw corrupt(path, this.#end, 'the segment does not end at a batch, and later segments follow');
    for (let at = this.#end; at + headerBytes <= used; at += alignmentBytes) {
      if (!this.#headerSoundAt(at)) continue;
      if (syncedAt(this.#content.view, this.#content.at(at, at + headerBytes)) > this.#end) {
        throw corrupt(
          path,
          this.#end,
          `a batch is damaged that was synced before the record at byte ${at} was written`,
        );
      }
    }
    return used;
  }

  #isZero(from: number, to: number): boolean {
    const start = this.#content.at(from, to);
    const { bytes } = this.#content;
    for (let at = start; at < start + to - from; at++) if (bytes[at] !== 0) return false;
    return true;
  }

  #headerSoundAt(at: number): boolean {
    return headerSound(this.#content, { sequence: this.#source.sequence, offset: at });
  }

  #contentSoundAt(at: number): boolean {
    return contentSound(this.#content, at);
  }
}

function headerSound(content: SegmentBytes, place: Place): boolean {
  const here = content.at(place.offset, place.offset + headerBytes);
  return headerIsSound(content.bytes, content.view, here, place);
}

/** Of a record whose header is sound. */
function contentSound(content: SegmentBytes, at: number): boolean {
  const length = lengthAt(content.view, content.at(at, at + headerBytes));
  const end = at + recordBytes(length);
  if (length > payloadBytesReadMax || end > content.size) return false;
  const here = content.at(at, end);
  return contentIsSound(content.bytes, content.view, here);
}

function payloadAt(bytes: Uint8Array, view: DataView, at: number): [Uint8Array, DataView] {
  const payload = bytes.subarray(at + headerBytes, at + headerBytes + lengthAt(view, at));
  return [payload, viewOf(payload)];
}

/** A record of a segment that was read before. Its bytes are others when the next one is asked for. */
export interface SoundRecord {
  readonly at: number;
  readonly next: number;
  readonly type: number;
  readonly payload: Uint8Array;
  readonly view: DataView;
}

/**
 * Reads a part of a segment again that {@link readSegment} found to be sound, from one record to another, and checks it
 * again: it may come from the disk now, and not be what it was.
 *
 * @throws CoterieError ERR_CORRUPT
 */
export function* readAgain(
  { content, path, sequence }: Omit<SegmentSource, 'last'>,
  from: number,
  to: number,
): Generator<SoundRecord, void> {
  let running: number | undefined;
  for (let at = from; at < to;) {
    const sound = at + headerBytes <= to && headerSound(content, { sequence, offset: at }) && contentSound(content, at);
    if (!sound) throw changed(path, at);
    const next = at + recordBytes(lengthAt(content.view, content.at(at, at + headerBytes)));
    const here = content.at(at, next);
    const { bytes, view } = content;
    if (next > to || (running !== undefined && previousAt(view, here) !== running)) throw changed(path, at);
    running = runningAt(view, here);
    const [payload, payloadView] = payloadAt(bytes, view, here);
    yield { at, next, type: typeAt(view, here), payload, view: payloadView };
    at = next;
  }
}

function changed(path: string, at: number): Error {
  return corrupt(path, at, 'a record reads differently a second time');
}
