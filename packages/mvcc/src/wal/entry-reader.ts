import { CoterieError } from '@coterie/errors';
import type { Entry } from '@coterie/raft';
import type { FileSystem } from '../files/file-system.js';
import { recordTypes } from './format.js';
import { decodeEntry } from './payloads.js';
import { segmentBytes } from './segment-bytes.js';
import { corrupt, readAgain } from './segment-reader.js';

/** A segment that was read and found to be sound. */
export interface ReadSegment {
  readonly path: string;
  readonly sequence: number;
  /** Where its last whole batch ends. */
  readonly end: number;
  /** The highest index of an entry in it; 0: none. */
  readonly lastIndex: number;
}

/**
 * Reads the entries of a log that was loaded without them, one after the other: for a log of which every entry is
 * committed, so that none takes the place of another.
 */
export class EntryReader {
  readonly #fs: FileSystem;
  readonly #segments: readonly ReadSegment[];
  readonly #lastIndex: number;

  constructor(fs: FileSystem, segments: readonly ReadSegment[], lastIndex: number) {
    this.#fs = fs;
    this.#segments = segments;
    this.#lastIndex = lastIndex;
  }

  /**
   * The entries behind an index, to the end that the log had when it was loaded. A segment that ends before them may be
   * gone meanwhile.
   *
   * @throws CoterieError ERR_CORRUPT when they are not those that were found then; Error as a file system throws it
   */
  *behind(index: number): Generator<Entry, void> {
    let last = index;
    for (const segment of this.#segments) {
      if (segment.lastIndex <= last) continue;
      for (const entry of this.#read(segment)) {
        if (entry.index <= index && last === index) continue;
        if (entry.index !== last + 1) throw corrupt(segment.path, 0, `entry ${entry.index} follows entry ${last}`);
        last = entry.index;
        yield entry;
      }
    }
    if (last >= this.#lastIndex) return;
    throw new CoterieError('ERR_CORRUPT', { message: `the log lacks entries ${last + 1} to ${this.#lastIndex}` });
  }

  *#read({ path, sequence, end }: ReadSegment): Generator<Entry, void> {
    const file = this.#fs.open(path, 'read');
    try {
      const content = segmentBytes(this.#fs, file, path);
      for (const { at, type, payload, view } of readAgain({ content, path, sequence }, 0, end)) {
        if (type !== recordTypes.entry) continue;
        const entry = decodeEntry(payload, view);
        if (entry === undefined) throw corrupt(path, at, 'an entry cannot be understood');
        yield entry;
      }
    } finally {
      this.#fs.close(file);
    }
  }
}
