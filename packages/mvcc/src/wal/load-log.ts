import { CoterieError } from '@coterie/errors';
import type { LoadedLog } from '@coterie/raft';
import type { FileHandle, FileSystem } from '../files/file-system.js';
import { EntryReader, type ReadSegment } from './entry-reader.js';
import { nextSegmentName, recordTypes, segmentName, sequenceOf } from './format.js';
import { entryHeadBytes, entryIndexAt } from './payloads.js';
import { ReplayedLog } from './replayed-log.js';
import type { HeadState } from './segment-head.js';
import { segmentBytes } from './segment-bytes.js';
import { corrupt, readAgain, readSegment, type RecordTaker, type SegmentContent } from './segment-reader.js';
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
  /** Whether the entries are taken into memory. */
  readonly keepEntries: boolean;
}

/** What was found, and where writing goes on. */
export interface LoadResult {
  /** Without entries where they are not kept. */
  readonly log: LoadedLog;
  readonly lastIndex: number;
  /** Reads them once more, one after the other. */
  readonly entries: EntryReader;
  readonly writer: WriterInit;
}

interface LastSegment extends ReadSegment {
  readonly capacity: number;
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
  return { log, lastIndex: loader.lastIndex, entries: loader.entries(), writer: loader.writerInit() };
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
  readonly #segments: ReadSegment[] = [];
  readonly #head: HeadState;
  #last: LastSegment | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#replayed = new ReplayedLog(options.group, options.keepEntries);
    this.#head = { metadata: options.metadata };
  }

  get last(): LastSegment {
    return this.#last as LastSegment;
  }

  get lastIndex(): number {
    return this.#replayed.lastIndex;
  }

  read(sequence: number, last: boolean): void {
    const path = `${this.#options.dir}/${segmentName(sequence)}`;
    const { fs } = this.#options;
    const file = fs.open(path, 'read');
    try {
      const bytes = segmentBytes(fs, file, path);
      const taker = new SegmentTaker(path, this.#replayed, this.#head);
      const content = readSegment({ path, sequence, content: bytes, last }, taker);
      const before = this.#last?.content;
      if (before !== undefined && before.running !== content.carried)
        throw corrupt(path, 0, 'it does not follow the segment before it');
      if (!taker.identified) throw corrupt(path, 0, 'the head names no owner');
      const { end } = content;
      this.#last = { path, sequence, end, capacity: bytes.size, content, lastIndex: taker.lastIndex };
      this.#segments.push(this.#last);
    } finally {
      fs.close(file);
    }
  }

  finish(): LoadedLog {
    return this.#replayed.finish();
  }

  entries(): EntryReader {
    return new EntryReader(this.#options.fs, this.#segments, this.lastIndex);
  }

  writerInit(): WriterInit {
    const { sequence, capacity, content, lastIndex } = this.last;
    return {
      dir: this.#options.dir,
      segmentBytes: this.#options.segmentBytes,
      sequence,
      offset: content.end,
      capacity,
      headLength: content.headLength,
      running: content.running,
      lastIndex,
      head: this.#head,
      full: this.#segments.slice(0, -1).map((full): FullSegment => ({
        sequence: full.sequence,
        lastIndex: full.lastIndex,
      })),
      released: this.#replayed.start.index,
    };
  }
}

/** What the records of one segment change, batch by batch. */
class SegmentTaker implements RecordTaker {
  /** The highest index of an entry in the segment. */
  lastIndex = 0;
  identified = false;
  readonly #path: string;
  readonly #log: ReplayedLog;
  readonly #head: HeadState;
  #changes: (() => void)[] = [];

  constructor(path: string, log: ReplayedLog, head: HeadState) {
    this.#path = path;
    this.#log = log;
    this.#head = head;
  }

  record(type: number, payload: Uint8Array, view: DataView): void {
    const change = this.#log.decode(type, payload, view) ?? ((): never => this.#refuse(type));
    if (type !== recordTypes.entry) {
      const copy = payload.slice();
      this.#changes.push(() => this.#takeState(type, copy), change);
      return;
    }
    const index = view.byteLength < entryHeadBytes ? 0 : entryIndexAt(view, 0);
    this.#changes.push(() => {
      change();
      this.lastIndex = Math.max(this.lastIndex, index);
    });
  }

  batchEnd(): void {
    for (const change of this.#changes) change();
    this.#changes = [];
  }

  #takeState(type: number, payload: Uint8Array): void {
    if (type === recordTypes.metadata) {
      this.#checkOwner(payload);
      this.identified = true;
    } else if (type === recordTypes.hardState) this.#head.hardState = payload;
    else if (type === recordTypes.snapshot) this.#head.snapshot = payload;
    else if (type === recordTypes.release) this.#head.release = payload;
  }

  #checkOwner(found: Uint8Array): void {
    const expected = this.#head.metadata;
    if (found.length === expected.length && found.every((byte, i) => byte === expected[i])) return;
    throw new CoterieError('ERR_DATA_DIR_MISMATCH', {
      message: `log segment ${this.#path} belongs to another member or cluster`,
    });
  }

  #refuse(type: number): never {
    throw corrupt(this.#path, 0, `a record of type ${type} cannot be understood`);
  }
}

/** How much of the free space is cleared at a time. */
const clearBytes = 1024 * 1024;

/**
 * Makes the end of the log what it was read as: durable, with zeros behind it.
 *
 * What was written after the last known sync is written again, not only synced: after a sync that failed, the kernel
 * may hold pages that it takes for clean and that never reached the disk
 * (https://wiki.postgresql.org/wiki/Fsync_Errors). For the same reason it is checked again as it is read for that. What
 * is behind the end must not be found again by a later reader, past a hole (etcd issue #6378).
 */
function settle(fs: FileSystem, { path, sequence, content }: LastSegment): void {
  const { end, synced, used } = content;
  if (end === synced && used === end) return;
  const file = fs.open(path, 'write');
  try {
    writeAgain(fs, file, { path, sequence, content: segmentBytes(fs, file, path) }, synced, end);
    const zeros = new Uint8Array(Math.min(clearBytes, used - end));
    for (let at = end; at < used; at += zeros.length) fs.write(file, zeros.subarray(0, used - at), at);
    fs.datasync(file);
  } finally {
    fs.close(file);
  }
}

function writeAgain(
  fs: FileSystem,
  file: FileHandle,
  source: Parameters<typeof readAgain>[0],
  from: number,
  to: number,
): void {
  const { content } = source;
  for (const { at, next } of readAgain(source, from, to)) {
    const here = content.at(at, next);
    fs.write(file, content.bytes.subarray(here, here + next - at), at);
  }
}

function removeLeftover(fs: FileSystem, dir: string): void {
  const path = `${dir}/${nextSegmentName}`;
  if (fs.exists(path)) fs.unlink(path);
}
