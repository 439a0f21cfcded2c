/**
 * A multi-version key-value store: the `Kv` that applications hold, its types, and what it stands on.
 *
 * `openStore` opens one in this process, on a write-ahead log of its own; `createKv` makes a `Kv` of anything that
 * implements {@link KvEngine}: a replicated peer, or an engine in another thread behind a `MessagePort`.
 *
 * @packageDocumentation
 * @example
 * ```ts
 * import { op, openStore } from '@coterie/mvcc';
 *
 * const store = await openStore(); // in memory; { dir: './data' } keeps it
 * const orders = store.namespace('orders/').withEncoding<{ items: string[] }>({ value: 'json' });
 * const stock = store.namespace('stock/');
 * await stock.put('pen', '3');
 * const bought = await store.txn({
 *   compare: [orders.cmp.version('1', '==', 0)],
 *   success: [orders.op.put('1', { items: ['pen'] }), stock.op.add('pen', -1, { min: 0 }), op.get('owner')],
 * });
 * console.log(bought.succeeded, (await stock.get('pen'))?.value);
 * await store.close();
 * ```
 */

// ---- the Kv and its types
export type { CallOptions, Closable, EndlessOptions } from './kv/call-options.js';
export type {
  Codec,
  DecodedKey,
  DecodedValue,
  EncodingName,
  Json,
  KeyEncoding,
  KeyLike,
  ValueEncoding,
} from './kv/encoding.js';
export type { AddResult, DeleteDone, Entry, KeyEntry, PutDone, RangeResult, Refused } from './kv/entry.js';
export type { AnyKv, Consistency, GetOptions, Kv, PutOptions, RangeOptions, UpdateOptions, Updated } from './kv/kv.js';
export type { AttachLeaseOptions, Lease, LeaseInfo, LeaseOptions, NewLeaseOptions } from './kv/lease.js';
export type { Range } from './kv/range.js';
export type {
  AddOp,
  AnyOp,
  Compare,
  CompareSign,
  Compares,
  DeleteOp,
  FreeOps,
  GetOp,
  OpPutOptions,
  OpRangeOptions,
  OpResult,
  OpResults,
  Ops,
  PutOp,
  RangeOp,
  TxnOp,
  TxnResult,
  TxnSpec,
  Unbound,
} from './kv/transaction.js';
export type { DeleteReason, Watch, WatchBatch, WatchEvent, WatchOptions } from './kv/watch.js';
export { cmp, op } from './kv/operations.js';

// ---- a store of one process
export { openStore, openStoreEngine, type OpenStoreEngine, type OpenStoreOptions } from './local/open-store.js';
export { LocalStore, type KvStore, type LocalStoreParts, type StoreClosed } from './local/local-store.js';
export { localSurface, type LocalDiagnostics, type LocalEngine, type LocalStop } from './local/engine.js';
export type { Durability } from './local/local-log.js';
export type { StoreEngine } from './local/store-engine.js';

// ---- backup and restore
export { backUp, type BackupOptions, type BackupReport, type BackupRequest } from './backup/back-up.js';
export { backupVersion, type BackupHeader } from './backup/backup-format.js';
export { checkSource, readAll, type ByteSink, type ByteSource } from './backup/byte-streams.js';
export { readBackup, type BackupPart } from './backup/read-backup.js';
export {
  checkedBump,
  restoreDirectory,
  type RestoreOwner,
  type RestoreReport,
  type RestoreRequest,
} from './backup/restore-directory.js';
export type { BackupChunk } from './backup/write-backup.js';
export { restoreStore, type RestoreStoreOptions } from './local/restore-store.js';

// ---- making one of an engine
export { createKv, KvRoot, type CreateKvOptions } from './kv/create-kv.js';
export { KvHandle, type KvHandleParts } from './kv/kv-handle.js';
export { KvLifecycle } from './kv/lifecycle.js';
export { defaultKvLimits, resolveKvLimits, type KvLimits } from './kv/limits.js';
export type { KvClock, KvScheduler } from './kv/pacing.js';

// ---- engines, here or behind a port
export type {
  CallControl,
  EngineStream,
  GetRequest,
  IterateRequest,
  KvEngine,
  RangeRequest,
  RawBatch,
  RawEvent,
  RawLease,
  ReadRequest,
  WatchRequest,
} from './engine/engine.js';
export { connectEngine, type ConnectOptions, type EngineConnection } from './engine/connect-engine.js';
export { serveEngine, type EngineServer, type ServeOptions } from './engine/serve-engine.js';
export {
  defaultPortLimits,
  kvSurface,
  type EnginePort,
  type MethodKind,
  type PortLimits,
  type Surface,
} from './engine/surface.js';
export type {
  Comparison,
  LeaseHandle,
  LeaseRequest,
  Operation,
  OperationResult,
  RawEntry,
  RawRange,
  KeyRequest,
  SettingRequest,
  WriteRequest,
  WriteResult,
} from './command/operation.js';
export type { BinaryKey, KeyRange } from './store/types.js';

// ---- errors
export { CoterieError, type ErrorCode, type ErrorFields, type Outcome } from '@coterie/errors';

// ---- what a replicated peer is assembled from
export type { Condemned } from './data-dir/condemned.js';
export { DataDir } from './data-dir/data-dir.js';
export { diskPorts, memoryPorts, type DataDirPorts } from './data-dir/data-dir-ports.js';
export type { DataDirLock } from './data-dir/directory-lock.js';
export { guardedLogger, type Logger } from './kv/logger.js';
export { defaultHistoryLimits, type HistoryLimits } from './upkeep/history-keeper.js';
export { Upkeep, type UpkeepHost } from './upkeep/upkeep.js';
export { encodeEndSession, encodeExpireLeases } from './command/encode.js';
export { prefixRange } from './command/key-range.js';
export { crc32c } from './files/crc32c.js';
export type { BackgroundFiles } from './files/background-files.js';
export { writeFileAtomically, type FileSystem } from './files/file-system.js';
export { nodeBackgroundFiles, nodeFileSystem } from './files/node-files.js';
export { storageError } from './files/storage-error.js';
export { options } from './kv/arguments.js';
export { textToKey } from './kv/codecs.js';
export { callControl, signalOf } from './kv/call-control.js';
export { featureLevels, firstFeatureLevel, newestFeatureLevel } from './features.js';
export { defaultLimits, type MvccLimits } from './limits.js';
export { MvccStateMachine, type MvccStateMachineOptions } from './machine.js';
export { verifyStore } from './integrity/verify-store.js';
export type { ScrubStep } from './integrity/scrub.js';
export type { Exceeded, QuotaUse } from './quota/quotas.js';
export type { StateHash } from './state/state-hashes.js';
export { Proposer, type ProposerOptions } from './session/proposer.js';
export { TakenCommands } from './session/taken-commands.js';
export { whyNoSpace } from './session/why-no-space.js';
export { refuseLater, whyBehind, whyRefuseWrite, type WriteTaker } from './session/refused-write.js';
export { classicOrderedStores } from './store/classic-ordered-store.js';
export type { OrderedStores } from './store/ordered-store.js';
export { openLevelStore, type OpenLevelStoreOptions } from './store/open-level-store.js';
export type { StoreLimits } from './store/store-limits.js';
export type { Store } from './store/store.js';
export type { StoreStatistics } from './store/store-statistics.js';
export { InlineWalRunner, type InlineWalRunnerOptions } from './wal/inline-wal-runner.js';
export { ThreadWalRunner } from './wal/thread-wal-runner.js';
export type { WalRunner } from './wal/wal-runner.js';
export { Wal, type WalOptions } from './wal/wal.js';
