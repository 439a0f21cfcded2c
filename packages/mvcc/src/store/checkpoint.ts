import { encodeCheckpoint, type CheckpointRecord } from './checkpoint-record.js';
import { noSpaceError } from '../files/storage-error.js';
import { completion, nextTurn, type Defer } from './completion.js';
import type { History } from './history/history.js';
import type { Memtable } from './memtable.js';
import type { OrderedBatch, OrderedStore } from './ordered-store.js';
import { encodeRecord } from './record-codec.js';
import type { StoreLimits } from './store-limits.js';
import type { StoreCounters } from './store-statistics.js';
import { checkpointKey, storedKey } from './stored-keys.js';
import type { BinaryKey, KeyRecord, RevisionEvents, StoreState } from './types.js';

/** LevelDB writes a batch into its log, and then into a table before that log goes. */
const roomBatches = 2;
/** What its compactions, which go on by themselves, take beside that before they give something back. */
const roomBytes = 16 * 1024 * 1024;

/** What one checkpoint is made of, frozen between two applies. */
export interface CheckpointJob {
  readonly store: OrderedStore;
  readonly frozen: Memtable;
  readonly state: StoreState;
  /** The changes since the last checkpoint. */
  readonly changes: readonly RevisionEvents[];
  readonly history: History;
  readonly limits: StoreLimits;
  readonly counters: StoreCounters;
  readonly defer: Defer;
  /** Settles when the own log is durable up to an index. */
  readonly logDurable: (index: number) => Promise<void>;
  /** Bytes that may still be written; undefined when nobody can tell. */
  readonly freeBytes: () => Promise<number | undefined>;
  /** Told of every record that goes to disk, once it is in the batch. */
  readonly stored: (key: BinaryKey, record: KeyRecord) => void;
  /** The store is closed or replaced: nothing more is to be written. */
  readonly cancelled: () => boolean;
}

/**
 * Writes a checkpoint: history first, then keys and state in one atomic, synced batch.
 *
 * A crash at any point leaves the last checkpoint or this one. History that was written ahead of its checkpoint is not
 * named by any and goes at the next start. The batch waits for the own log, so that no checkpoint holds what a crash of
 * this member could still take back: apply may run ahead of the own disk, because the others' disks made a quorum; a
 * state on disk must not.
 *
 * A full disk is noticed before LevelDB has it: LevelDB refuses everything after one write that has failed, and where
 * its log breaks off nothing may follow, so only a restart would help. Behind `ERR_NO_SPACE` nothing of the checkpoint
 * is left, and the same one may be written again.
 *
 * @returns what the checkpoint names; undefined when it was cancelled and nothing was written
 * @throws CoterieError ERR_STORAGE, ERR_NO_SPACE
 */
export async function writeCheckpoint(job: CheckpointJob): Promise<CheckpointRecord | undefined> {
  const { state, history, cancelled } = job;
  const manifest = await history.append(job.changes, state.compactRevision);
  if (cancelled()) return undefined;
  const batch = job.store.batch();
  const record = { state, history: manifest };
  try {
    await fill(batch, job);
    if (!cancelled()) await job.logDurable(state.appliedIndex);
  } catch (error) {
    batch.discard();
    throw error;
  }
  if (cancelled()) {
    batch.discard();
    return undefined;
  }
  const bytes = roomBatches * frozenBytes(job) + roomBytes;
  const free = await job.freeBytes();
  if (free !== undefined && free < bytes) {
    batch.discard();
    await history.giveUp();
    throw noSpaceError(`the disk has room for ${free} bytes, a checkpoint wants ${bytes}`);
  }
  batch.put(checkpointKey, encodeCheckpoint(record));
  await completion<undefined>((done) => {
    batch.write({ sync: true }, done);
  });
  return record;
}

function frozenBytes({ frozen, state }: CheckpointJob): number {
  return frozen.bytes + state.leases.length + state.sessions.length;
}

/** In slices that are counted, not timed: the simulator then runs the same ones. */
async function fill(batch: OrderedBatch, job: CheckpointJob): Promise<void> {
  const { sliceRecords, sliceBytes } = job.limits;
  let records = 0;
  let bytes = 0;
  for (const [key, { record }] of job.frozen.entries()) {
    job.counters.diskWrites++;
    if (record === undefined) {
      batch.delete(storedKey(key));
    } else {
      batch.put(storedKey(key), encodeRecord(record));
      job.stored(key, record);
      bytes += record.value.length;
    }
    if (++records < sliceRecords && bytes < sliceBytes) continue;
    await nextTurn(job.defer);
    if (job.cancelled()) return;
    records = 0;
    bytes = 0;
  }
}
