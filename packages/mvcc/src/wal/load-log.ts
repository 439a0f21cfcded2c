import { CoterieError } from '@coterie/errors';
import type { LoadedLog } from '@coterie/raft';
import { readWholeFile, type FileSystem } from '../files/file-system.js';
import { nextSegmentName, recordTypes, segmentName, sequenceOf } from './format.js';
import { entryIndexAt } from './payloads.js';
import { ReplayedLog } from './replayed-log.js';
import type { HeadState } from './segment-head.js';
import { corrupt, readSegment, type SegmentContent } from './segment-reader.js';
import { createFirstSegment, type FullSegment, type WriterInit } from './segment-writer.js';

/** A new log begins with a small segment: a peer starts at once, and one that writes little takes little. */
const firstSegmentBytes = 4 * 1024 * 1024;

export interface LoadOptions {
  readonly fs: FileSystem;
  readonly dir: string;
  readonly metadata: Uint8Array;
  readonly segmentBytes: number;
  readonly group: number;
  /** Whether an empty directory becomes a new log; otherwise it is one that lost everything. */
  readonly create: boolean;
}

/** What was found, and where writing goes on. */
export interface LoadResult {
  readonly log: LoadedLog;
  readonly writer: WriterInit;
}

interface LastSegment {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly content: SegmentContent;
}

/**
 * Reads a log, or creates it. Nothing is written before all of it was found to be sound.
 *
 * @throws CoterieError ERR_CORRUPT, ERR_DATA_DIR_MISMATCH, or what the file system throws
 */
export function loadLog(options: LoadOptions): LoadResult {
  const { fs, dir, segmentBytes } = options;
  if (options.create) fs.mkdir(dir);
  let sequences = findSegments(fs, dir);
  if (sequences.length === 0) {
    if (!options.create) throw new CoterieError('ERR_CORRUPT', { message: `there is no log in ${dir}` });
    createFirstSegment(fs, dir, Math.min(segmentBytes, firstSegmentBytes), { metadata: options.metadata });
    sequences = [1];
  }
  const loader = new Loader(options);
  for (const sequence of sequences) loader.read(sequence, sequence === sequences.at(-1));
  const log = loader.finish();
  settle(fs, loader.last);
  removeLeftover(fs, dir);
  // The names may be in the page cache only: of a new log, or of a process that died between a rename and this.
  fs.syncDirectory(dir);
  return { log, writer: loader.writerInit() };
}

function findSegments(fs: FileSystem, dir: string): number[] {
  const sequences = fs
    .readdir(dir)
    .map(sequenceOf)
    .filter((sequence) => sequence !== undefined);
  sequences.forEach((sequence, i) => {
    const expected = (sequences[0] as number) + i;
    if (sequence === expected) return;
    throw new CoterieError('ERR_CORRUPT', { message: `the log in ${dir} lacks segment ${segmentName(expected)}` });
  });
  return sequences;
}

class Loader {
  readonly #options: LoadOptions;
  readonly #replayed: ReplayedLog;
  readonly #full: FullSegment[] = [];
  readonly #head: HeadState;
  #last: (LastSegment & FullSegment) | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#replayed = new ReplayedLog(options.group);
    this.#head = { metadata: options.metadata };
  }

  get last(): LastSegment {
    return this.#last as LastSegment;
  }

  read(sequence: number, last: boolean): void {
    const path = `${this.#options.dir}/${segmentName(sequence)}`;
    // A segment that seems to end too early would look like a log that ends there.
    const bytes = readWholeFile(this.#options.fs, path);
    const content = readSegment({ path, sequence, bytes, last });
    const before = this.#last;
    if (before !== undefined) {
      if (before.content.running !== content.carried)
        throw corrupt(path, 0, 'it does not follow the segment before it');
      this.#full.push({ sequence: before.sequence, lastIndex: before.lastIndex });
    }
    this.#last = { path, bytes, content, sequence, lastIndex: this.#replay(path, content) };
  }

  finish(): LoadedLog {
    return this.#replayed.finish();
  }

  writerInit(): WriterInit {
    const { sequence, bytes, content, lastIndex } = this.#last as LastSegment & FullSegment;
    return {
      dir: this.#options.dir,
      segmentBytes: this.#options.segmentBytes,
      sequence,
      offset: content.end,
      capacity: bytes.length,
      headLength: content.headLength,
      running: content.running,
      lastIndex,
      head: this.#head,
      full: this.#full,
      released: this.#replayed.start.index,
    };
  }

  /** @returns the highest index of an entry in the segment */
  #replay(path: string, content: SegmentContent): number {
    let lastIndex = 0;
    let identified = false;
    for (const record of content.records) {
      if (record.type === recordTypes.metadata) {
        this.#checkMetadata(path, record.payload);
        identified = true;
      } else if (record.type === recordTypes.hardState) this.#head.hardState = record.payload.slice();
      else if (record.type === recordTypes.snapshot) this.#head.snapshot = record.payload.slice();
      else if (record.type === recordTypes.release) this.#head.release = record.payload.slice();
      if (!this.#replayed.replay(record))
        throw corrupt(path, 0, `a record of type ${record.type} cannot be understood`);
      if (record.type === recordTypes.entry) lastIndex = Math.max(lastIndex, entryIndexAt(record.view, 0));
    }
    if (!identified) throw corrupt(path, 0, 'the head names no owner');
    return lastIndex;
  }

  #checkMetadata(path: string, found: Uint8Array): void {
    const expected = this.#options.metadata;
    if (found.length === expected.length && found.every((byte, i) => byte === expected[i])) return;
    throw new CoterieError('ERR_DATA_DIR_MISMATCH', {
      message: `log segment ${path} belongs to another member or cluster`,
    });
  }
}

/**
 * Makes the end of the log what it was read as: durable, with zeros behind it.
 *
 * What was written after the last known sync is written again, not only synced: after a sync that failed, the kernel
 * may hold pages that it takes for clean and that never reached the disk
 * (https://wiki.postgresql.org/wiki/Fsync_Errors). What is behind the end must not be found again by a later reader,
 * past a hole (etcd issue #6378).
 */
function settle(fs: FileSystem, { path, bytes, content }: LastSegment): void {
  const { end, synced, used } = content;
  if (end === synced && used === end) return;
  const file = fs.open(path, 'write');
  try {
    fs.write(file, bytes.subarray(synced, end), synced);
    fs.write(file, new Uint8Array(used - end), end);
    fs.datasync(file);
  } finally {
    fs.close(file);
  }
}

function removeLeftover(fs: FileSystem, dir: string): void {
  const path = `${dir}/${nextSegmentName}`;
  if (fs.exists(path)) fs.unlink(path);
}
