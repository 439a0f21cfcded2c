import type { BackgroundFiles } from '../../files/background-files.js';
import type { FileHandle } from '../../files/file-system.js';
import { storageError } from '../../files/storage-error.js';
import { completion } from '../completion.js';
import { changesBefore, type EventPosition, type RunPart } from './change-run.js';
import { segmentName, type HistoryManifest, type HistorySegment } from './manifest.js';

/** The file that is appended to, and what of it was written: not all of it is named by a checkpoint yet. */
interface OpenSegment {
  readonly file: FileHandle;
  readonly segment: HistorySegment;
}

/**
 * Appends changes to history files, and makes them durable before a checkpoint names them.
 *
 * A file of an earlier process is never appended to: behind what its checkpoint names there may be the torn remains of
 * the next one.
 */
export class SegmentWriter {
  readonly #files: BackgroundFiles;
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #sliceBytes: number;
  #open: OpenSegment | undefined;
  /** For the open one, and not yet written. */
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  /** The last one of which something is gathered. */
  #gatheredRevision = 0;
  #nextOrdinal: number;
  #steps = 0;
  /** Without the open one. */
  #finished: HistorySegment[];

  constructor(
    files: BackgroundFiles,
    directory: string,
    manifest: HistoryManifest,
    limits: { readonly segmentBytes: number; readonly sliceBytes: number },
  ) {
    this.#files = files;
    this.#directory = directory;
    this.#segmentBytes = limits.segmentBytes;
    this.#sliceBytes = limits.sliceBytes;
    this.#nextOrdinal = manifest.nextOrdinal;
    this.#finished = [...manifest.segments];
  }

  /** Writes and syncs that have ended. */
  get steps(): number {
    return this.#steps;
  }

  /**
   * Appends changes from the revision `keepFrom` on, syncs, and tells which files hold all that is kept from there on.
   *
   * One call at a time.
   *
   * @param haste how many slices go into one write; default one
   *
   * @throws CoterieError ERR_STORAGE; nothing more may be appended after it before `rollBack`
   */
  async append(runs: readonly RunPart[], keepFrom: number, haste: () => number = () => 1): Promise<HistoryManifest> {
    try {
      await this.#write(runs, keepFrom, haste);
      // The newest revision is never compacted, so the open file stays.
      this.#finished = this.#finished.filter(({ lastRevision }) => lastRevision >= keepFrom);
    } catch (error) {
      throw storageError('cannot write the history', error);
    }
    const segments = this.#open === undefined ? this.#finished : [...this.#finished, this.#open.segment];
    return { nextOrdinal: this.#nextOrdinal, segments: [...segments] };
  }

  /**
   * Goes back to what a durable checkpoint names, and removes the files that came after it: a full disk needs the room.
   *
   * What it names was synced then. Nothing is appended to any of these files again, nor is a sync of them tried again:
   * after one that failed nobody knows what of the file is on the disk.
   *
   * @throws CoterieError ERR_STORAGE
   */
  async rollBack(manifest: HistoryManifest): Promise<void> {
    const named = new Set(manifest.segments.map(({ ordinal }) => ordinal));
    const written = this.#open === undefined ? this.#finished : [...this.#finished, this.#open.segment];
    await this.close();
    this.#finished = [...manifest.segments];
    for (const { ordinal } of written) {
      if (named.has(ordinal)) continue;
      try {
        await completion<undefined>((done) => {
          this.#files.unlink(`${this.#directory}/${segmentName(ordinal)}`, done);
        });
      } catch (error) {
        throw storageError('cannot remove unused history', error);
      }
    }
  }

  /** Idempotent. @throws CoterieError ERR_STORAGE */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    this.#forget();
    if (open === undefined) return;
    try {
      await completion<undefined>((done) => {
        this.#files.close(open.file, done);
      });
    } catch (error) {
      throw storageError('cannot close the history', error);
    }
  }

  async #write(runs: readonly RunPart[], keepFrom: number, haste: () => number): Promise<void> {
    const before = this.#nextOrdinal;
    let some = false;
    for (const { run, from, to } of runs) {
      const kept = Math.max(from, changesBefore(run, keepFrom));
      if (kept >= to) continue;
      some = true;
      await this.#writeRun({ run, from: kept, to }, haste);
    }
    if (some) await this.#sync();
    if (this.#nextOrdinal > before) {
      await completion<undefined>((done) => {
        this.#files.syncDirectory(this.#directory, done);
      });
    }
  }

  async #writeRun({ run, from, to }: RunPart, haste: () => number): Promise<void> {
    let position: EventPosition = { at: from, sub: 0 };
    while (position.at < to) {
      const between = position.sub === 0;
      if (between && this.#segmentRoom <= 0) await this.#finish();
      if (this.#open === undefined) await this.#create(run.revisionAt(position.at));
      // Cut where the file is full, but only between two revisions: a revision never spans two files.
      const room = Math.max(1, Math.min(this.#sliceBytes, this.#segmentRoom));
      const { bytes, next } = run.frames(position, to, room);
      this.#gathered.push(bytes);
      this.#gatheredBytes += bytes.length;
      this.#gatheredRevision = run.revisionAt(next.sub === 0 ? next.at - 1 : next.at);
      // A run has a little less than a slice, and is not to wait for the next one.
      if (this.#gatheredBytes > (haste() - 1 / 2) * this.#sliceBytes) await this.#flush();
      position = next;
    }
  }

  async #create(firstRevision: number): Promise<void> {
    const ordinal = this.#nextOrdinal++;
    const file = await completion<FileHandle>((done) => {
      this.#files.open(`${this.#directory}/${segmentName(ordinal)}`, 'create', done);
    });
    this.#open = { file, segment: { ordinal, firstRevision, lastRevision: firstRevision, bytes: 0 } };
  }

  /** What is left of the open file until it is full. */
  get #segmentRoom(): number {
    return this.#segmentBytes - (this.#open?.segment.bytes ?? 0) - this.#gatheredBytes;
  }

  async #flush(): Promise<void> {
    const { file, segment } = this.#open as OpenSegment;
    const gathered = this.#gathered;
    if (gathered.length === 0) return;
    const bytes = gathered.length === 1 ? gathered[0]! : Buffer.concat(gathered, this.#gatheredBytes);
    this.#forget();
    await completion<undefined>((done) => {
      this.#files.write(file, bytes, segment.bytes, done);
    });
    this.#steps++;
    const lastRevision = this.#gatheredRevision;
    this.#open = { file, segment: { ...segment, lastRevision, bytes: segment.bytes + bytes.length } };
  }

  #forget(): void {
    this.#gathered = [];
    this.#gatheredBytes = 0;
  }

  async #sync(): Promise<void> {
    await this.#flush();
    const { file } = this.#open as OpenSegment;
    await completion<undefined>((done) => {
      this.#files.datasync(file, done);
    });
    this.#steps++;
  }

  async #finish(): Promise<void> {
    await this.#sync();
    this.#finished.push((this.#open as OpenSegment).segment);
    await this.close();
  }
}
