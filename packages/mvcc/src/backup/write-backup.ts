import type { EngineStream } from '../engine/engine.js';
import { crc32c } from '../files/crc32c.js';
import { encodeCheckpoint } from '../store/checkpoint-record.js';
import { emptyManifest } from '../store/history/manifest.js';
import { encodeItem } from '../store/snapshot/snapshot-format.js';
import type { KeyedRecord, StoreState, StoreView } from '../store/types.js';
import {
  backupBlockBytes,
  backupKinds,
  encodeBackupBlock,
  encodeEnd,
  encodeHeader,
  encodePrefix,
  type BackupHeader,
  type BackupKind,
} from './backup-format.js';

/** The next bytes of a backup, and the revision that all of it is of. */
export interface BackupChunk {
  readonly revision: number;
  readonly bytes: Uint8Array;
}

/** Where a backup comes from. */
export type BackupOrigin = Omit<BackupHeader, 'revision'>;

/** A state and the view of its keys, taken between the same two applies. */
export interface BackupSource {
  readonly header: BackupHeader;
  readonly state: StoreState;
  readonly view: StoreView;
}

const noSessions = new Uint8Array(0);

/**
 * The bytes of a backup, as fast as they are asked for: nothing is read ahead, so a slow reader costs one page.
 *
 * Sessions are left out: they are of processes that speak to this cluster and cannot speak to a restored one.
 */
export function backupStream(source: BackupSource): EngineStream<BackupChunk> {
  const { view } = source;
  const chunks = backupChunks(source);
  let ended = false;
  const end = (): void => {
    ended = true;
    void view.close();
  };
  return {
    next: async () => {
      if (ended) return undefined;
      try {
        const next = await chunks.next();
        if (ended) return undefined;
        if (next.done !== true) return [{ revision: view.revision, bytes: next.value }];
        end();
        return undefined;
      } catch (error) {
        if (ended) return undefined;
        end();
        throw error;
      }
    },
    close: end,
  };
}

async function* backupChunks({ header, state, view }: BackupSource): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  let sum = 0;
  const counted = (chunk: Uint8Array): Uint8Array => {
    bytes += chunk.length;
    sum = crc32c(chunk, sum);
    return chunk;
  };
  const block = (kind: BackupKind, content: Uint8Array): Uint8Array => counted(encodeBackupBlock(kind, content));
  yield counted(encodePrefix());
  yield block(backupKinds.header, encodeHeader(header));
  yield block(
    backupKinds.state,
    encodeCheckpoint({ state: { ...state, sessions: noSessions }, history: emptyManifest }),
  );
  let keys = 0;
  for await (const page of view.scan({ range: { start: '' }, reverse: false, pageBytes: backupBlockBytes })) {
    keys += page.length;
    yield block(backupKinds.keys, encodePage(page));
  }
  yield encodeBackupBlock(backupKinds.end, encodeEnd({ keys, bytes, crc32c: sum }));
}

function encodePage(page: readonly KeyedRecord[]): Uint8Array {
  return Buffer.concat(page.map(encodeItem));
}
