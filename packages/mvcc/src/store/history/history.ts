import { CoterieError } from '@coterie/errors';
import type { BackgroundFiles } from '../../files/background-files.js';
import type { FileHandle, FileSystem } from '../../files/file-system.js';
import { isOutOfSpace, noSpaceError, storageError, systemErrorCode } from '../../files/storage-error.js';
import { completion } from '../completion.js';
import type { StoreLimits } from '../store-limits.js';
import type { RevisionEvents } from '../types.js';
import { ChangeAssembler } from './change-assembler.js';
import type { RunPart } from './change-run.js';
import { corruptHistory } from './event-codec.js';
import { segmentName, segmentOrdinal, type HistoryManifest, type HistorySegment } from './manifest.js';
import { SegmentWriter } from './segment-writer.js';

/** Where readers that go on from revision to revision left off. */
const hints = 256;

interface Place {
  readonly ordinal: number;
  readonly offset: number;
}

/**
 * The changes of earlier checkpoints, in files that are only ever appended to and unlinked.
 *
 * What a checkpoint names is readable; what the next one will name is being written behind it. A segment goes when a
 * durable checkpoint no longer names it and nobody holds it.
 */
export class History {
  readonly #files: BackgroundFiles;
  readonly #directory: string;
  readonly #sliceBytes: number;
  readonly #writer: SegmentWriter;
  readonly #failed: (error: Error) => void;
  readonly #places = new Map<number, Place>();
  readonly #holders = new Set<HistoryManifest>();
  readonly #unnamed = new Set<number>();
  #unlinking = 0;
  #waiting: (() => void)[] = [];
  #manifest: HistoryManifest;
  /** What the last append made durable: a checkpoint may name fewer files. */
  #written: HistoryManifest;

  constructor(
    files: BackgroundFiles,
    directory: string,
    manifest: HistoryManifest,
    limits: StoreLimits,
    failed: (error: Error) => void,
  ) {
    this.#files = files;
    this.#directory = directory;
    this.#sliceBytes = limits.sliceBytes;
    this.#manifest = manifest;
    this.#written = manifest;
    this.#failed = failed;
    this.#writer = new SegmentWriter(files, directory, manifest, limits);
  }

  /** What the last durable checkpoint names. */
  get manifest(): HistoryManifest {
    return this.#manifest;
  }

  /** Operations of the files that appending has ended. */
  get steps(): number {
    return this.#writer.steps;
  }

  /**
   * Makes changes durable for the next checkpoint, from a revision on.
   *
   * @throws CoterieError ERR_STORAGE; ERR_NO_SPACE when the disk is full: then nothing of it is left, and it may be
   *   tried again
   */
  async append(changes: readonly RunPart[], keepFrom: number, haste?: () => number): Promise<HistoryManifest> {
    try {
      this.#written = await this.#writer.append(changes, keepFrom, haste);
      return this.#written;
    } catch (error) {
      if (!(error instanceof CoterieError) || !isOutOfSpace(error.cause)) throw error;
      await this.giveUp();
      throw noSpaceError('the disk has no room for the history', error);
    }
  }

  /** Takes back what was appended since the last checkpoint: its own will not be. @throws CoterieError ERR_STORAGE */
  giveUp(): Promise<void> {
    this.#written = this.#manifest;
    return this.#writer.rollBack(this.#manifest);
  }

  /** Where a compaction must reach to leave at most so many bytes in files; 0 when it need not. */
  compactionFor(maxBytes: number): number {
    const { segments } = this.#manifest;
    let bytes = 0;
    for (let at = segments.length - 1; at >= 0; at--) {
      const { bytes: more, lastRevision } = segments[at] as HistorySegment;
      bytes += more;
      if (bytes > maxBytes) return lastRevision + 1;
    }
    return 0;
  }

  /** Bytes of files that a checkpoint with this compact revision will not name any more. */
  compactedBytes(compactRevision: number): number {
    let bytes = 0;
    for (const segment of this.#manifest.segments) {
      if (segment.lastRevision < compactRevision) bytes += segment.bytes;
    }
    return bytes;
  }

  /** Calls back once, when no file is left that the last checkpoint does not name. */
  swept(done: () => void): void {
    if (this.#unnamed.size === 0 && this.#unlinking === 0) done();
    else this.#waiting.push(done);
  }

  /** A checkpoint that names this is durable. */
  publish(manifest: HistoryManifest): void {
    const named = new Set(manifest.segments.map(({ ordinal }) => ordinal));
    for (const { segments } of [this.#manifest, this.#written])
      for (const { ordinal } of segments) if (!named.has(ordinal)) this.#unnamed.add(ordinal);
    this.#manifest = manifest;
    this.#sweep();
  }

  /** Keeps the files of the last checkpoint until `release`. */
  hold(): { readonly manifest: HistoryManifest; readonly release: () => void } {
    // An object of its own, so that two holders of one manifest are two.
    const manifest = { ...this.#manifest };
    this.#holders.add(manifest);
    return {
      manifest,
      release: () => {
        this.#holders.delete(manifest);
        this.#sweep();
      },
    };
  }

  /**
   * Whole revisions from `from` on, about `maxBytes` of them; none when the files hold none.
   *
   * @param of a held manifest; left out: the last checkpoint's
   * @throws CoterieError ERR_CORRUPT, ERR_STORAGE
   */
  async read(from: number, maxBytes: number, of?: HistoryManifest): Promise<readonly RevisionEvents[]> {
    const { manifest, release } = this.hold();
    try {
      const segment = (of ?? manifest).segments.find(({ lastRevision }) => lastRevision >= from);
      if (segment === undefined) return [];
      const hint = this.#places.get(from);
      const offset = hint?.ordinal === segment.ordinal ? hint.offset : 0;
      return await this.#readSegment(segment, offset, from, maxBytes);
    } catch (error) {
      const shown = storageError('cannot read the history', error);
      if (shown instanceof CoterieError && shown.code === 'ERR_CORRUPT') this.#failed(shown);
      throw shown;
    } finally {
      release();
    }
  }

  async close(): Promise<void> {
    await this.#writer.close();
  }

  async #readSegment(
    segment: HistorySegment,
    offset: number,
    from: number,
    maxBytes: number,
  ): Promise<readonly RevisionEvents[]> {
    const file = await completion<FileHandle>((done) => {
      this.#files.open(this.#path(segment.ordinal), 'read', done);
    });
    try {
      const assembler = new ChangeAssembler(from);
      const end = await this.#fill(file, segment, offset, assembler, maxBytes);
      const last = assembler.changes.at(-1);
      if (last !== undefined) this.#remember(last.revision + 1, { ordinal: segment.ordinal, offset: end });
      return assembler.changes;
    } finally {
      await completion<undefined>((done) => {
        this.#files.close(file, done);
      });
    }
  }

  /** @returns where the first frame behind the taken ones begins */
  async #fill(
    file: FileHandle,
    segment: HistorySegment,
    offset: number,
    assembler: ChangeAssembler,
    maxBytes: number,
  ): Promise<number> {
    let at = offset;
    let need = 0;
    while (at < segment.bytes) {
      const wanted = Math.min(Math.max(need, this.#sliceBytes), segment.bytes - at);
      if (wanted < need) throw corruptHistory(`it claims ${need} bytes where ${wanted} are left of its file`);
      const buffer = Buffer.allocUnsafeSlow(wanted);
      const got = await completion<number>((done) => {
        this.#files.read(file, buffer, at, done);
      });
      if (got < wanted)
        throw corruptHistory(`file ${segmentName(segment.ordinal)} ends at ${at + got} of ${segment.bytes}`);
      const taken = assembler.take(buffer, maxBytes);
      at += taken.used;
      need = taken.need;
      if (need === 0) return at;
    }
    if (!assembler.whole) throw corruptHistory(`file ${segmentName(segment.ordinal)} ends inside a revision`);
    return at;
  }

  #remember(revision: number, place: Place): void {
    this.#places.delete(revision);
    this.#places.set(revision, place);
    if (this.#places.size <= hints) return;
    for (const oldest of this.#places.keys()) {
      this.#places.delete(oldest);
      return;
    }
  }

  #sweep(): void {
    const held = new Set<number>();
    for (const { segments } of this.#holders) for (const { ordinal } of segments) held.add(ordinal);
    for (const ordinal of this.#unnamed) {
      if (held.has(ordinal)) continue;
      this.#unnamed.delete(ordinal);
      this.#unlinking++;
      this.#files.unlink(this.#path(ordinal), (error) => {
        this.#unlinking--;
        if (error !== undefined && systemErrorCode(error) !== 'ENOENT')
          this.#failed(storageError('cannot remove old history', error));
        this.#tellSwept();
      });
    }
    this.#tellSwept();
  }

  #tellSwept(): void {
    if (this.#unnamed.size > 0 || this.#unlinking > 0) return;
    for (const done of this.#waiting.splice(0)) done();
  }

  #path(ordinal: number): string {
    return `${this.#directory}/${segmentName(ordinal)}`;
  }
}

/**
 * Makes the files of a directory agree with what its checkpoint names, at start-up.
 *
 * Files that it does not name are from a checkpoint that never completed, or were to be unlinked: they go. Bytes behind
 * what it names are torn remains and are never read. A file that is missing or short is damage.
 *
 * @throws CoterieError ERR_CORRUPT
 */
export function reconcileHistory(fs: FileSystem, directory: string, manifest: HistoryManifest): void {
  const named = new Map(manifest.segments.map((segment) => [segment.ordinal, segment]));
  for (const name of fs.readdir(directory)) {
    const ordinal = segmentOrdinal(name);
    if (ordinal !== undefined && !named.has(ordinal)) fs.unlink(`${directory}/${name}`);
  }
  for (const { ordinal, bytes } of manifest.segments) {
    const path = `${directory}/${segmentName(ordinal)}`;
    const size = fs.exists(path) ? sizeOf(fs, path) : 0;
    if (size >= bytes) continue;
    const message = `history file ${segmentName(ordinal)} has ${size} bytes; the checkpoint names ${bytes}`;
    throw new CoterieError('ERR_CORRUPT', { message });
  }
}

function sizeOf(fs: FileSystem, path: string): number {
  const file = fs.open(path, 'read');
  try {
    return fs.size(file);
  } finally {
    fs.close(file);
  }
}
