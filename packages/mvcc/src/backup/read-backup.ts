import { crc32c } from '../files/crc32c.js';
import { decodeCheckpoint } from '../store/checkpoint-record.js';
import { ContentSum } from '../store/content-sum.js';
import { decodeItems } from '../store/snapshot/snapshot-format.js';
import type { KeyedRecord, StoreState } from '../store/types.js';
import {
  backupKinds,
  checkPrefix,
  corruptBackup,
  decodeBackupBlock,
  decodeEnd,
  decodeHeader,
  prefixBytes,
  type BackupHeader,
} from './backup-format.js';

/**
 * What a backup holds, in the order in which it comes. The last part is `end`: everything before it is checked then.
 */
export type BackupPart =
  | { readonly kind: 'state'; readonly header: BackupHeader; readonly state: StoreState }
  | { readonly kind: 'keys'; readonly items: readonly KeyedRecord[] }
  | { readonly kind: 'end'; readonly keys: number; readonly bytes: number };

/**
 * Reads a backup from pieces of any size and checks all of it: every block and every record by its checksum, the order
 * of blocks and keys, their number, the sum of contents that the state names, and the checksum over the whole file.
 *
 * @throws CoterieError ERR_CORRUPT; ERR_STORAGE for a version that this build cannot read
 */
export async function* readBackup(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<BackupPart, void, undefined> {
  const reader = new BackupReader();
  for await (const chunk of chunks) yield* reader.take(chunk);
  reader.finish();
}

class BackupReader {
  #unread: Uint8Array = new Uint8Array(0);
  /** How many bytes must be there before it is worth looking again. */
  #need = prefixBytes;
  #begun = false;
  #bytes = 0;
  #sum = 0;
  #header: BackupHeader | undefined;
  #state: StoreState | undefined;
  #ended = false;
  #lastKey: string | undefined;
  readonly #content = new ContentSum();
  #pieces: Uint8Array[] = [];
  #piecesBytes = 0;

  *take(chunk: Uint8Array): Generator<BackupPart, void, undefined> {
    this.#pieces.push(chunk);
    this.#piecesBytes += chunk.length;
    if (this.#unread.length + this.#piecesBytes < this.#need) return;
    const bytes = this.#pieces.length === 1 && this.#unread.length === 0 ? chunk : this.#joined();
    this.#pieces = [];
    this.#piecesBytes = 0;
    let at = 0;
    if (!this.#begun) {
      checkPrefix(bytes);
      this.#count(bytes, 0, prefixBytes);
      this.#begun = true;
      at = prefixBytes;
    }
    for (;;) {
      const block = decodeBackupBlock(bytes, at);
      if ('need' in block) {
        this.#need = block.need;
        break;
      }
      if (this.#ended) throw corruptBackup('bytes stand behind its end');
      const part = this.#part(block.kind, block.content);
      this.#count(bytes, at, at + block.bytes);
      at += block.bytes;
      if (part !== undefined) yield part;
    }
    this.#unread = Uint8Array.from(bytes.subarray(at));
  }

  finish(): void {
    this.#unread = this.#joined();
    if (this.#unread.length > 0 && this.#ended) throw corruptBackup('bytes stand behind its end');
    if (!this.#ended) throw corruptBackup(`it ends after ${this.#bytes + this.#unread.length} bytes, before its end`);
  }

  #joined(): Uint8Array {
    return Buffer.concat([this.#unread, ...this.#pieces]);
  }

  #count(bytes: Uint8Array, from: number, to: number): void {
    this.#sum = crc32c(bytes, this.#sum, from, to);
    this.#bytes += to - from;
  }

  #part(kind: number, content: Uint8Array): BackupPart | undefined {
    if (kind === backupKinds.header && this.#header === undefined) {
      this.#header = decodeHeader(content);
      return undefined;
    }
    if (this.#header === undefined) throw corruptBackup(`its first block is of kind ${kind}`);
    if (kind === backupKinds.state && this.#state === undefined) return this.#takeState(this.#header, content);
    if (this.#state === undefined) throw corruptBackup(`a block of kind ${kind} stands before its state`);
    if (kind === backupKinds.keys) return { kind: 'keys', items: this.#takeKeys(content) };
    if (kind === backupKinds.end) return this.#takeEnd(this.#state, content);
    throw corruptBackup(`a block of kind ${kind} stands where none may`);
  }

  #takeState(header: BackupHeader, content: Uint8Array): BackupPart {
    const { state } = decodeCheckpoint(content);
    if (state.revision !== header.revision) {
      throw corruptBackup(`its header names revision ${header.revision}, its state ${state.revision}`);
    }
    this.#state = state;
    return { kind: 'state', header, state };
  }

  #takeKeys(content: Uint8Array): readonly KeyedRecord[] {
    const items = decodeItems(content);
    for (const { key, record } of items) {
      if (this.#lastKey !== undefined && key <= this.#lastKey) throw corruptBackup('its keys are not in order');
      this.#lastKey = key;
      this.#content.add(record.crc32c);
    }
    return items;
  }

  #takeEnd({ keys, contentSum }: StoreState, content: Uint8Array): BackupPart {
    const end = decodeEnd(content);
    if (end.bytes !== this.#bytes || end.crc32c !== this.#sum) {
      throw corruptBackup('the checksum of the whole does not match');
    }
    if (this.#content.keys !== end.keys || keys !== end.keys || contentSum !== this.#content.sum) {
      throw corruptBackup(`it holds ${this.#content.keys} keys, its end names ${end.keys}, its state ${keys}`);
    }
    this.#ended = true;
    return { kind: 'end', keys: end.keys, bytes: this.#bytes };
  }
}
