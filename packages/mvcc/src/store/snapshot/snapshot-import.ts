import type { SnapshotMeta, SnapshotSink } from '@coterie/raft';
import { CoterieError } from '@coterie/errors';
import type { BackgroundFiles } from '../../files/background-files.js';
import { decodeCheckpoint, encodeCheckpoint, type CheckpointRecord } from '../checkpoint-record.js';
import { nextTurn, type Defer } from '../completion.js';
import { ChangeAssembler } from '../history/change-assembler.js';
import { ListedRun } from '../history/change-run.js';
import { emptyManifest, type HistoryManifest } from '../history/manifest.js';
import { SegmentWriter } from '../history/segment-writer.js';
import type { OrderedStore } from '../ordered-store.js';
import { encodeRecord } from '../record-codec.js';
import { checkpointKey, storedKey } from '../stored-keys.js';
import { SyncedBatches } from '../synced-batches.js';
import type { StoreState } from '../types.js';
import { SnapshotContents } from './snapshot-contents.js';
import {
  blockHeadBytes,
  blockKinds,
  corruptSnapshot,
  decodeBlock,
  decodeItems,
  decodeTotals,
  type Block,
  type SnapshotTotals,
} from './snapshot-format.js';

export interface ImportTarget {
  readonly directory: string;
  readonly store: OrderedStore;
  readonly files: BackgroundFiles;
  readonly limits: { readonly segmentBytes: number; readonly sliceBytes: number };
  readonly defer: Defer;
  readonly close: () => Promise<void>;
  /** Removes what was built; closed before. */
  readonly remove: () => Promise<void>;
}

/**
 * Builds a store from the bytes of a snapshot, beside the one that is running.
 *
 * Every block and every record in it is checked before it is stored, and what all of them make against what the state
 * says before the record of the checkpoint goes in, last: a store without it is not complete, and the next start
 * removes it.
 */
export class SnapshotImport implements SnapshotSink {
  readonly meta: SnapshotMeta;
  readonly #target: ImportTarget;
  readonly #writer: SegmentWriter;
  readonly #batches: SyncedBatches;
  readonly #assembler = new ChangeAssembler(0);
  #unread: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #state: StoreState | undefined;
  #totals: SnapshotTotals | undefined;
  readonly #contents = new SnapshotContents();
  #lastKind = 0;
  #history: HistoryManifest = emptyManifest;
  #checkpoint: CheckpointRecord | undefined;
  #fault: Error | undefined;
  #ending: Promise<void> | undefined;
  /** The step that is under way. */
  #step: Promise<void> = Promise.resolve();

  constructor(meta: SnapshotMeta, target: ImportTarget) {
    this.meta = meta;
    this.#target = target;
    this.#batches = new SyncedBatches(target.store);
    this.#writer = new SegmentWriter(target.files, target.directory, emptyManifest, target.limits);
  }

  get offset(): number {
    return this.#offset;
  }

  /** The received checkpoint, once it is durable. */
  get checkpoint(): CheckpointRecord | undefined {
    return this.#checkpoint;
  }

  get directory(): string {
    return this.#target.directory;
  }

  get store(): OrderedStore {
    return this.#target.store;
  }

  /** Whether it can still become a store. */
  get usable(): boolean {
    return this.#fault === undefined;
  }

  /** One call at a time. @throws CoterieError ERR_CORRUPT, ERR_STORAGE; nothing of it can be used after that */
  async write(chunk: Uint8Array): Promise<void> {
    await this.#guard(async () => {
      if (this.#offset + chunk.length > this.meta.size)
        throw corruptSnapshot(`it is longer than ${this.meta.size} bytes`);
      let bytes: Uint8Array = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
      for (let block = decodeBlock(bytes); block !== undefined; block = decodeBlock(bytes)) {
        await this.#take(block);
        await nextTurn(this.#target.defer);
        if (this.#fault !== undefined) throw this.#fault;
        bytes = bytes.subarray(blockHeadBytes + block.content.length);
      }
      // Copied: the chunk belongs to the transport's frame.
      this.#unread = Uint8Array.from(bytes);
      this.#offset += chunk.length;
    });
  }

  /** Durable, not yet current. @throws CoterieError ERR_CORRUPT, ERR_STORAGE */
  async commit(): Promise<void> {
    await this.#guard(async () => {
      const state = this.#complete();
      await this.#writer.close();
      const checkpoint = { state, history: this.#history };
      await this.#batches.flush();
      await this.#batches.put(checkpointKey, encodeCheckpoint(checkpoint));
      await this.#batches.flush();
      this.#checkpoint = checkpoint;
    });
  }

  /**
   * The transfer is over, and the part that came stays for the next one of the same snapshot, unless it is damaged.
   * Behind `commit` it does nothing. Idempotent.
   */
  async abort(): Promise<void> {
    if (this.#checkpoint !== undefined) return;
    if (this.#fault === undefined) await this.#step;
    else await this.end();
  }

  /**
   * Closes it, and removes it unless it is committed: the log may have its mark already, and then only the next start
   * can tell whether it is what the log goes on from.
   */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    this.#fault ??= new CoterieError('ERR_ABORTED', { message: 'the snapshot was given up' });
    // What it builds is removed, so nothing may be added to it any more.
    await this.#step;
    this.#batches.discard();
    await this.#writer.close().catch(() => undefined);
    await this.#target.close();
    if (this.#checkpoint === undefined) await this.#target.remove();
  }

  #complete(): StoreState {
    const { meta } = this;
    if (
      this.#totals === undefined ||
      this.#state === undefined ||
      this.#unread.length > 0 ||
      this.#offset !== meta.size
    ) {
      throw corruptSnapshot(`it ends at ${this.#offset} of ${meta.size} bytes`);
    }
    if (!this.#assembler.whole) throw corruptSnapshot('its history ends inside a revision');
    this.#contents.check(this.#state, this.#totals);
    const { appliedIndex, appliedTerm } = this.#state;
    if (appliedIndex !== meta.index || appliedTerm !== meta.term) {
      throw corruptSnapshot(
        `it is of entry ${appliedIndex} of term ${appliedTerm}, not of ${meta.index} of ${meta.term}`,
      );
    }
    return this.#state;
  }

  async #take({ kind, content }: Block): Promise<void> {
    const first = this.#state === undefined;
    if (kind < this.#lastKind || first !== (kind === blockKinds.state) || this.#totals !== undefined) {
      throw corruptSnapshot(`a block of kind ${kind} stands behind one of kind ${this.#lastKind}`);
    }
    this.#lastKind = kind;
    if (kind === blockKinds.state) this.#state = decodeCheckpoint(content).state;
    else if (kind === blockKinds.keys) await this.#takeKeys(content);
    else if (kind === blockKinds.events) await this.#takeEvents(content);
    else this.#totals = decodeTotals(content);
  }

  async #takeKeys(content: Uint8Array): Promise<void> {
    for (const item of decodeItems(content)) {
      this.#contents.takeKey(item);
      await this.#batches.put(storedKey(item.key), encodeRecord(item.record));
    }
  }

  async #takeEvents(content: Uint8Array): Promise<void> {
    const { used } = this.#assembler.take(content, Number.POSITIVE_INFINITY);
    if (used !== content.length) throw corruptSnapshot('a block ends inside an event');
    const changes = this.#assembler.changes.splice(0);
    for (const change of changes) this.#contents.takeChange(change);
    if (changes.length === 0) return;
    const run = new ListedRun(changes);
    this.#history = await this.#writer.append([{ run, from: 0, to: run.length }], 0);
  }

  async #guard(step: () => Promise<void>): Promise<void> {
    if (this.#fault !== undefined) throw this.#fault;
    const running = step();
    this.#step = running.catch((error: unknown) => {
      this.#fault ??= error as Error;
    });
    await this.#step;
    await running;
  }
}
