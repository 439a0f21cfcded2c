import { CoterieError } from '@coterie/errors';
import type { BackgroundFiles } from '../../files/background-files.js';
import type { FileHandle } from '../../files/file-system.js';
import { storageError } from '../../files/storage-error.js';
import { encodeCheckpoint } from '../checkpoint-record.js';
import { completion } from '../completion.js';
import { ContentSum } from '../content-sum.js';
import type { DiskImage } from '../disk-image.js';
import { ListedRun } from '../history/change-run.js';
import type { History } from '../history/history.js';
import { emptyManifest, type HistoryManifest } from '../history/manifest.js';
import type { KeyedRecord, StoreState } from '../types.js';
import {
  blockBytes,
  blockKinds,
  encodeBlock,
  encodeItem,
  encodeTotals,
  type BlockKind,
  type SnapshotTotals,
} from './snapshot-format.js';

/** The checkpoint that is exported, held for as long as that takes. */
export interface ExportSource {
  readonly state: StoreState;
  readonly image: DiskImage;
  readonly history: History;
  readonly manifest: HistoryManifest;
  /** Bytes of one read. */
  readonly sliceBytes: number;
}

/**
 * Writes a checkpoint as one file in the format of `snapshot-format.ts`.
 *
 * A file and not a stream from the store: its size is known before the first byte is sent, any offset can be read
 * again, and the checkpoint it came from need not be held until a slow member has it all. It is not synced, because no
 * restart ever needs it.
 *
 * @returns its size. @throws CoterieError ERR_CORRUPT, ERR_STORAGE
 */
export async function writeExport(files: BackgroundFiles, file: FileHandle, source: ExportSource): Promise<number> {
  const writer = new BlockWriter(files, file);
  await writer.put(blockKinds.state, encodeCheckpoint({ state: source.state, history: emptyManifest }));
  await writer.flush();
  const keys = await exportKeys(writer, source);
  const events = await exportEvents(writer, source);
  const totals: SnapshotTotals = { keys, events };
  await writer.put(blockKinds.end, encodeTotals(totals));
  await writer.flush();
  return writer.size;
}

/** What is gone from the disk is damage like a bad checksum: whoever took the rest would refuse it again and again. */
async function exportKeys(writer: BlockWriter, { state, image, sliceBytes }: ExportSource): Promise<number> {
  const cursor = image.iterate({ start: '' }, false, sliceBytes);
  const found = new ContentSum();
  try {
    for (;;) {
      const page = await completion<readonly KeyedRecord[]>((done) => {
        cursor.next(done);
      });
      for (const entry of page) {
        await writer.put(blockKinds.keys, encodeItem(entry));
        found.add(entry.record.crc32c);
      }
      if (page.length === 0) break;
    }
  } finally {
    cursor.close();
  }
  if (!found.equals(new ContentSum(state.contentSum, state.keys))) {
    const message = `the disk holds ${found.keys} keys whose sum is not that of the ${state.keys} keys of the checkpoint`;
    throw image.damaged(new CoterieError('ERR_CORRUPT', { message }));
  }
  await writer.flush();
  return found.keys;
}

async function exportEvents(
  writer: BlockWriter,
  { state, history, manifest, sliceBytes }: ExportSource,
): Promise<number> {
  let count = 0;
  for (let from = state.compactRevision; ;) {
    const changes = await history.read(from, sliceBytes, manifest);
    const last = changes.at(-1);
    if (last === undefined) break;
    const run = new ListedRun(changes);
    for (let position = { at: 0, sub: 0 }; position.at < run.length; count++) {
      const { bytes, next } = run.frames(position, run.length, 1);
      await writer.put(blockKinds.events, bytes);
      position = next;
    }
    from = last.revision + 1;
  }
  await writer.flush();
  return count;
}

/** Gathers items of one kind into blocks, and writes each block when it is full. */
class BlockWriter {
  size = 0;
  readonly #files: BackgroundFiles;
  readonly #file: FileHandle;
  #kind: BlockKind = blockKinds.state;
  #items: Uint8Array[] = [];
  #bytes = 0;

  constructor(files: BackgroundFiles, file: FileHandle) {
    this.#files = files;
    this.#file = file;
  }

  async put(kind: BlockKind, item: Uint8Array): Promise<void> {
    this.#kind = kind;
    this.#items.push(item);
    this.#bytes += item.length;
    if (this.#bytes >= blockBytes) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#items.length === 0) return;
    const block = encodeBlock(this.#kind, Buffer.concat(this.#items, this.#bytes));
    this.#items = [];
    this.#bytes = 0;
    const position = this.size;
    this.size += block.length;
    try {
      await completion<undefined>((done) => {
        this.#files.write(this.#file, block, position, done);
      });
    } catch (error) {
      throw storageError('cannot write the snapshot', error);
    }
  }
}
