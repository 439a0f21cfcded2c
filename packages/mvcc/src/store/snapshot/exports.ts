import type { SnapshotSource } from '@coterie/raft';
import { CoterieError } from '@coterie/errors';
import type { BackgroundFiles } from '../../files/background-files.js';
import type { FileHandle } from '../../files/file-system.js';
import { storageError } from '../../files/storage-error.js';
import { completion } from '../completion.js';
import type { StoreState } from '../types.js';
import { writeExport, type ExportSource } from './snapshot-export.js';

interface ExportedFile {
  readonly path: string;
  readonly file: FileHandle;
  readonly size: number;
}

interface Export {
  readonly written: Promise<ExportedFile>;
  readers: number;
  removed: boolean;
}

/**
 * The exported snapshots that are being sent: one file for each checkpoint, shared by all that begin while nobody has
 * ended.
 *
 * Whoever ends may have refused what it was sent, because the file is damaged. With several members that try again and
 * again a file that is shared for as long as anybody reads it would never go; so the next one to begin gets a new file,
 * and at most as many files are there as transfers.
 */
export class Exports {
  readonly #files: BackgroundFiles;
  readonly #path: (index: number, count: number) => string;
  /** To be shared. */
  readonly #byState = new Map<StoreState, Export>();
  readonly #open = new Set<Export>();
  #count = 0;

  constructor(files: BackgroundFiles, path: (index: number, count: number) => string) {
    this.#files = files;
    this.#path = path;
  }

  /**
   * @param hold takes hold of what is exported, for a file that is not there yet.
   *
   * @throws CoterieError ERR_CORRUPT, ERR_STORAGE
   */
  async open(state: StoreState, hold: () => ExportSource & { release(): void }): Promise<SnapshotSource> {
    const found = this.#byState.get(state);
    const shared = found ?? { written: this.#write(state, hold()), readers: 0, removed: false };
    this.#byState.set(state, shared);
    this.#open.add(shared);
    shared.readers++;
    try {
      const exported = await shared.written;
      return this.#source(exported, shared, () => this.#leave(state, shared));
    } catch (error) {
      await this.#leave(state, shared);
      throw error;
    }
  }

  /** Ends all of them; reads of an open source fail from then on. */
  async close(): Promise<void> {
    this.#byState.clear();
    await Promise.all([...this.#open].map((shared) => this.#drop(shared)));
  }

  async #write(state: StoreState, source: ExportSource & { release(): void }): Promise<ExportedFile> {
    const path = this.#path(state.appliedIndex, ++this.#count);
    try {
      const file = await completion<FileHandle>((done) => {
        this.#files.open(path, 'create', done);
      });
      try {
        return { path, file, size: await writeExport(this.#files, file, source) };
      } catch (error) {
        await this.#remove(path, file);
        throw error;
      }
    } catch (error) {
      throw storageError('cannot export a snapshot', error);
    } finally {
      source.release();
    }
  }

  #source({ file, size }: ExportedFile, shared: Export, leave: () => Promise<void>): SnapshotSource {
    let open = true;
    return {
      size,
      read: async (offset, length) => {
        if (!open || shared.removed) throw new CoterieError('ERR_CLOSED', { message: 'the snapshot is closed' });
        const bytes = Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, size - offset)));
        try {
          const got = await completion<number>((done) => {
            this.#files.read(file, bytes, offset, done);
          });
          return bytes.subarray(0, got);
        } catch (error) {
          throw storageError('cannot read the snapshot', error);
        }
      },
      close: async () => {
        if (!open) return;
        open = false;
        await leave();
      },
    };
  }

  async #leave(state: StoreState, shared: Export): Promise<void> {
    if (this.#byState.get(state) === shared) this.#byState.delete(state);
    if (--shared.readers > 0) return;
    await this.#drop(shared);
  }

  async #drop(shared: Export): Promise<void> {
    if (shared.removed) return;
    shared.removed = true;
    this.#open.delete(shared);
    const exported = await shared.written.catch(() => undefined);
    if (exported !== undefined) await this.#remove(exported.path, exported.file);
  }

  /** What cannot be removed now goes at the next start. */
  async #remove(path: string, file: FileHandle): Promise<void> {
    await completion<undefined>((done) => {
      this.#files.close(file, () => {
        this.#files.unlink(path, () => {
          done(undefined);
        });
      });
    });
  }
}
