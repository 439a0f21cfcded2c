import type { BackgroundFiles } from '../files/background-files.js';
import type { FileSystem } from '../files/file-system.js';
import { decodeCheckpoint, encodeCheckpoint, initialState, type CheckpointRecord } from './checkpoint-record.js';
import { nextTurn, type Defer } from './completion.js';
import { corruptHistory } from './history/event-codec.js';
import { History, reconcileHistory } from './history/history.js';
import { withoutCompacted } from './history/manifest.js';
import type { OrderedStore } from './ordered-store.js';
import { encodeRecord } from './record-codec.js';
import type { StoreLimits } from './store-limits.js';
import { checkpointKey, storedKey, unfinishedKey } from './stored-keys.js';
import { SyncedBatches } from './synced-batches.js';
import type { RevisionEvents } from './types.js';

/** What a checkpoint is recovered with. */
export interface RecoveryPorts {
  readonly files: FileSystem;
  readonly background: BackgroundFiles;
  readonly defer: Defer;
  readonly limits: StoreLimits;
}

/**
 * The checkpoint at which a store stands, after the one that a crash left between its batches was completed.
 *
 * @returns undefined for a store without a checkpoint
 * @throws CoterieError ERR_CORRUPT, ERR_STORAGE
 */
export async function recoverCheckpoint(
  store: OrderedStore,
  directory: string,
  ports: RecoveryPorts,
): Promise<CheckpointRecord | undefined> {
  const last = readCheckpoint(store, checkpointKey);
  const unfinished = readCheckpoint(store, unfinishedKey);
  const applied = last?.state.appliedIndex ?? 0;
  if (unfinished === undefined || unfinished.state.appliedIndex <= applied) return last;
  reconcileHistory(ports.files, directory, unfinished.history);
  const { state } = unfinished;
  const checkpoint = { state, history: withoutCompacted(unfinished.history, state.compactRevision) };
  const batches = new SyncedBatches(store);
  const history = new History(ports.background, directory, unfinished.history, ports.limits, () => undefined);
  try {
    const { revision } = last?.state ?? initialState;
    await redo(history, revision, state.revision, batches, ports);
    // All before it is durable before the checkpoint is. One that is stale is told by its index.
    await batches.flush();
    await batches.put(checkpointKey, encodeCheckpoint(checkpoint));
    await batches.delete(unfinishedKey);
    await batches.flush();
    return checkpoint;
  } finally {
    batches.discard();
    await history.close();
  }
}

function readCheckpoint(store: OrderedStore, key: string): CheckpointRecord | undefined {
  const bytes = store.getSync(key, undefined);
  return bytes === undefined ? undefined : decodeCheckpoint(bytes);
}

/**
 * Puts the changes in (after, through] once more. Whatever of them was stored before, each key ends with the last of
 * its versions.
 */
async function redo(
  history: History,
  after: number,
  through: number,
  batches: SyncedBatches,
  { limits, defer }: RecoveryPorts,
): Promise<void> {
  let reached = after;
  while (reached < through) {
    const changes = await history.read(reached + 1, limits.sliceBytes);
    const last = changes.at(-1)?.revision ?? Number.POSITIVE_INFINITY;
    if (last > through) throw corruptHistory(`an unfinished checkpoint ends at ${through}, its files do not`);
    for (const change of changes) await store(change, batches);
    reached = last;
    await nextTurn(defer);
  }
}

async function store({ events }: RevisionEvents, batches: SyncedBatches): Promise<void> {
  for (const { key, after } of events) {
    if (after === undefined) await batches.delete(storedKey(key));
    else await batches.put(storedKey(key), encodeRecord(after));
  }
}
