/**
 * Coterie: an embedded, in-process Raft key-value library for Node.js. The application's own processes form the
 * cluster.
 *
 * @packageDocumentation
 * @example
 * ```ts
 * import { openPeer } from 'coterie';
 *
 * const peer = await openPeer({ name: 'a', cluster: { id: 'example', solo: true } });
 * await peer.ready();
 * const { revision } = await peer.put('greeting', 'hello');
 * const entry = await peer.get('greeting');
 * console.log(entry?.value, revision);
 * await peer.close();
 * ```
 */
export { openPeer } from './open-peer.js';
export { inspectDataDir, recoverCluster, type RecoverOptions } from './recovery/recover-cluster.js';
export type { RecoveryReport } from './recovery/recover-storage.js';
export type { DataDirReport, SurveyedMember } from './recovery/survey.js';
export { restoreBackup, type RestoreOptions } from './backup/restore-backup.js';
export { closeOnSignals, type CloseOnSignalsOptions } from './close-on-signals.js';
export type { ClusterOptions, ListenOptions, Logger, PeerOptions } from './options.js';
export type { Members, Peer, PeerClosed, Quotas } from './peer.js';
export type { MemberInfo, PeerDiagnostics, PeerRole, PeerState, PeerStatus, QuotaInfo } from './engine/engine.js';
export { CoterieError, type ErrorCode, type ErrorFields, type Outcome } from '@coterie/errors';
export type { Clock, Transport } from '@coterie/raft';
export { cmp, op } from '@coterie/mvcc';
export type {
  AddOp,
  BackupHeader,
  BackupOptions,
  BackupReport,
  ByteSink,
  ByteSource,
  RestoreReport,
  AddResult,
  AnyKv,
  AnyOp,
  CallOptions,
  Closable,
  Codec,
  Compare,
  CompareSign,
  Compares,
  Consistency,
  DeleteDone,
  DeleteOp,
  DeleteReason,
  EncodingName,
  EndlessOptions,
  Entry,
  GetOp,
  GetOptions,
  Json,
  KeyEncoding,
  KeyEntry,
  KeyLike,
  Kv,
  Lease,
  LeaseInfo,
  OpResult,
  OpResults,
  Ops,
  PutDone,
  PutOp,
  PutOptions,
  Range,
  RangeOp,
  RangeOptions,
  RangeResult,
  Refused,
  TxnOp,
  TxnResult,
  TxnSpec,
  Unbound,
  ValueEncoding,
  Watch,
  WatchBatch,
  WatchEvent,
  WatchOptions,
} from '@coterie/mvcc';
