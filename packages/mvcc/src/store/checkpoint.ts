import { CheckpointSealing, type CheckpointRecord } from './checkpoint-record.js';
import { noSpaceError } from '../files/storage-error.js';
import { completion, nextTurn, type Defer } from './completion.js';
import type { RunPart } from './history/change-run.js';
import type { History } from './history/history.js';
import { withoutCompacted } from './history/manifest.js';
import type { Memtable } from './memtable.js';
import type { OrderedBatch, OrderedStore } from './ordered-store.js';
import { encodeRecord } from './record-codec.js';
import type { StoreLimits } from './store-limits.js';
import type { StoreCounters } from './store-statistics.js';
import { checkpointKey, storedKey, unfinishedKey } from './stored-keys.js';
import type { FrozenPart, FrozenState } from './types.js';

/** About a millisecond of checksums. */
const sealSliceBytes = 1024 * 1024;
/** LevelDB writes a batch into its log, and then into a table before that log goes. */
const roomBatches = 2;
/** What its compactions, which go on by themselves, take beside that before they give something back. */
const roomBytes = 16 * 1024 * 1024;

/** Slices of a checkpoint in one turn, at the most: some milliseconds. */
const hasteMax = 4;

/**
 * How many slices of a checkpoint a turn takes while this memtable fills.
 *
 * A checkpoint goes on once a turn, and a turn at full load is long. One that took longer than memory takes to fill
 * again would have writes refused; so it does more a turn when that comes near, by counts that the simulator has too.
 */
export function hasteFor(active: Memtable, entries: number, limits: StoreLimits): number {
  const { checkpointBytes, checkpointOperations } = limits;
  const filled = Math.max(active.bytes / checkpointBytes, (active.operations + entries) / checkpointOperations);
  return filled < 1 / 4 ? 1 : filled < 1 / 2 ? 2 : hasteMax;
}

/** What one checkpoint is made of, frozen between two applies. */
export interface CheckpointJob {
  readonly store: OrderedStore;
  readonly frozen: Memtable;
  readonly state: FrozenState;
  /** The revision of the last checkpoint. */
  readonly previous: number;
  /** The changes since then, in runs. */
  readonly changes: readonly RunPart[];
  readonly history: History;
  readonly limits: StoreLimits;
  readonly counters: StoreCounters;
  readonly defer: Defer;
  /** Settles when the own log is durable up to an index. */
  readonly logDurable: (index: number) => Promise<void>;
  /** Bytes that may still be written; undefined when nobody can tell. */
  readonly freeBytes: () => Promise<number | undefined>;
  /** How many slices one turn takes: more of them, the nearer the next checkpoint is. */
  readonly haste: () => number;
  /** The store is closed or replaced: nothing more is to be written. */
  readonly cancelled: () => boolean;
}

/**
 * Writes a checkpoint: history first, then keys and state in one atomic, synced batch, or in several of them where one
 * would be too large.
 *
 * A crash at any point leaves the last checkpoint or this one. History that was written ahead of its checkpoint is not
 * named by any and goes at the next start. Of several batches, each is durable before the next one is written; the
 * first says what the checkpoint will be, and from then on history holds all that is missing: the next start completes
 * it (`recoverCheckpoint`). Until then everybody reads the image of the last one.
 *
 * Batches wait for the own log, so that none holds what a crash of this member could still take back: apply may run
 * ahead of the own disk, because the others' disks made a quorum; a state on disk must not.
 *
 * A full disk is noticed before LevelDB has it: LevelDB refuses everything after one write that has failed, and where
 * its log breaks off nothing may follow, so only a restart would help. Behind `ERR_NO_SPACE` nothing of the checkpoint
 * is left, and the same one may be written again.
 *
 * @returns what the checkpoint names; undefined when it was cancelled, which is as if it had crashed
 * @throws CoterieError ERR_STORAGE, ERR_NO_SPACE
 */
export async function writeCheckpoint(job: CheckpointJob): Promise<CheckpointRecord | undefined> {
  const { history, cancelled } = job;
  const { leases } = job.state;
  const state = { ...job.state, leases: leases instanceof Uint8Array ? leases : await encoded(leases, job) };
  if (cancelled()) return undefined;
  const inSteps = job.frozen.bytes > job.limits.checkpointBatchBytes;
  // What is compacted needs no file, but in steps it is written again from the files.
  const keepFrom = inSteps ? Math.min(state.compactRevision, job.previous + 1) : state.compactRevision;
  const written = await history.append(job.changes, keepFrom, job.haste);
  if (!cancelled()) await job.logDurable(state.appliedIndex);
  if (cancelled()) return undefined;
  const bytes = roomBatches * (job.frozen.bytes + state.leases.length + state.sessions.length) + roomBytes;
  const free = await job.freeBytes();
  if (cancelled()) return undefined;
  if (free !== undefined && free < bytes) {
    await history.giveUp();
    throw noSpaceError(`the disk has room for ${free} bytes, a checkpoint wants ${bytes}`);
  }
  const record = { state, history: withoutCompacted(written, state.compactRevision) };
  const unfinished = inSteps ? await inSlices({ state, history: written }, job) : undefined;
  const same = record.history.segments.length === written.segments.length;
  const sealed = same && unfinished !== undefined ? unfinished : await inSlices(record, job);
  if (cancelled()) return undefined;
  const batch = await fill(job, unfinished);
  if (batch === undefined) return undefined;
  batch.put(checkpointKey, sealed);
  batch.delete(unfinishedKey);
  await write(batch);
  return record;
}

/** The state in it is that of the freeze, however long it takes. */
async function encoded(part: FrozenPart, { defer, cancelled }: CheckpointJob): Promise<Uint8Array> {
  while (!part.step() && !cancelled()) await nextTurn(defer);
  // Nobody looks at what a cancelled one has.
  return cancelled() ? new Uint8Array(0) : part.finish();
}

/** The checksum of a record of many megabytes is more than a turn may take. */
async function inSlices(record: CheckpointRecord, { defer }: CheckpointJob): Promise<Uint8Array> {
  const sealing = new CheckpointSealing(record);
  while (!sealing.step(sealSliceBytes)) await nextTurn(defer);
  return sealing.bytes;
}

/**
 * In slices that are counted, not timed: the simulator then runs the same ones.
 *
 * @param unfinished what the first of several batches says
 * @returns the last batch, not yet written; undefined when it was cancelled
 */
async function fill(job: CheckpointJob, unfinished: Uint8Array | undefined): Promise<OrderedBatch | undefined> {
  const { sliceRecords, sliceBytes, checkpointBatchBytes } = job.limits;
  let batch = job.store.batch();
  if (unfinished !== undefined) batch.put(unfinishedKey, unfinished);
  let records = 0;
  let bytes = 0;
  let batchBytes = 0;
  let slice = job.haste();
  for (const [key, { record }] of job.frozen.entries()) {
    job.counters.diskWrites++;
    const before = bytes;
    bytes += key.length;
    if (record === undefined) {
      batch.delete(storedKey(key));
    } else {
      const encoded = encodeRecord(record);
      batch.put(storedKey(key), encoded);
      bytes += encoded.length;
    }
    batchBytes += bytes - before;
    const full = unfinished !== undefined && batchBytes >= checkpointBatchBytes;
    if (!full && ++records < slice * sliceRecords && bytes < slice * sliceBytes) continue;
    slice = job.haste();
    records = 0;
    bytes = 0;
    if (full) {
      await write(batch);
      batch = job.store.batch();
      batchBytes = 0;
    } else {
      await nextTurn(job.defer);
    }
    if (job.cancelled()) {
      batch.discard();
      return undefined;
    }
  }
  return batch;
}

function write(batch: OrderedBatch): Promise<void> {
  return completion<undefined>((done) => {
    batch.write({ sync: true }, done);
  });
}
