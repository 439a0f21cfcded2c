import type { PlainError } from '@coterie/errors';
import type { BackupRequest } from '../backup/back-up.js';
import type { BackupChunk } from '../backup/write-backup.js';
import type { CallControl, EngineStream, KvEngine } from '../engine/engine.js';
import { kvSurface, type Surface } from '../engine/surface.js';
import type { StoreStatistics } from '../store/store-statistics.js';

/** Figures of a store, for tests, benchmarks and support. */
export interface LocalDiagnostics {
  /** The chain over everything applied. */
  readonly stateHash: { readonly index: number; readonly revision: number; readonly chain: number };
  /** Syncs of the log since the store was opened. */
  readonly walSyncs: number;
  /** Writes whose fate is not known yet. */
  readonly openWrites: number;
  readonly compactRevision: number;
  /** Why no checkpoint, or no next segment of the log, can be written just now: the disk is full. It is tried again. */
  readonly noSpace?: PlainError;
  /** What the store has done on its disk since it was opened. */
  readonly store: StoreStatistics;
}

/** Why a store stopped serving. */
export interface LocalStop {
  readonly reason: 'closed' | 'failed';
  readonly error?: PlainError;
}

/** All that the store of one process asks of its engine; data only, nothing answers synchronously. */
export interface LocalEngine extends KvEngine {
  /** The bytes of a backup of the moment in which it is first read. */
  backup(request: BackupRequest): EngineStream<BackupChunk>;
  diagnostics(request: null, control: CallControl): Promise<LocalDiagnostics>;
  /** Settles with the reason when the engine has stopped serving. Never rejects. */
  stopped(request: null, control: CallControl): Promise<LocalStop>;
  /** Brings everything to disk, then stops. Resolves within closeTimeoutMs, always. Idempotent. */
  close(request: null, control: CallControl): Promise<null>;
}

/** How the calls of a {@link LocalEngine} cross a port. */
export const localSurface: Surface<LocalEngine> = {
  ...kvSurface,
  backup: 'stream',
  diagnostics: 'read',
  stopped: 'read',
  close: 'read',
};
