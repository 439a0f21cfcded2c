import type { CoterieError } from '@coterie/errors';
import type { BackupOptions, BackupReport, ByteSink, CallOptions, EndlessOptions, Kv } from '@coterie/mvcc';
import type { MemberInfo, PeerDiagnostics, PeerStatus, QuotaInfo } from './engine/engine.js';

/** Why a peer has stopped serving. */
export interface PeerClosed {
  readonly reason: 'closed' | 'left' | 'removed' | 'failed';
  readonly error?: CoterieError;
}

/** The members of the cluster, as this peer sees them. */
export interface Members {
  list(opts?: CallOptions): Promise<readonly MemberInfo[]>;
}

/**
 * Quotas on live bytes: of the newest versions of keys, whatever files and history take. State of the cluster, the same
 * on every member and kept through restarts; there is one of the whole store always, 2 GiB unless it is set.
 *
 * A write that would grow beyond one is refused with `ERR_NO_SPACE`, nothing applied; deletes, compaction and whatever
 * makes no key longer are always taken. It takes writes again by itself as soon as there is room.
 */
export interface Quotas {
  /**
   * Sets the quota of the keys that begin with `prefix`, or of the whole store. Keys that are there already are counted
   * in the background; until then a new quota refuses nothing (`counting` in the list).
   *
   * @throws CoterieError ERR_TOO_MANY_OPS when 64 prefixes have one, ERR_FEATURE_LEVEL while a member of the cluster
   *   runs a build that knows no quotas, ERR_INVALID_ARGUMENT; as any write
   */
  set(quota: { readonly prefix?: string | undefined; readonly bytes: number }, opts?: CallOptions): Promise<void>;
  /** Takes the quota of a prefix away; that of the whole store goes back to its default. */
  remove(quota: { readonly prefix?: string | undefined }, opts?: CallOptions): Promise<void>;
  /** All quotas with what they allow and what is used, that of the whole store first. */
  list(opts?: CallOptions): Promise<readonly QuotaInfo[]>;
}

/**
 * A member of a cluster inside this process, and its key-value store.
 *
 * An open peer keeps the process alive (see `unref`). It installs no signal handler, and no fault of it throws out of a
 * timer or emits an unheard `'error'`: it shows in `status()`, in `closed` and in the error of the next call.
 */
export interface Peer extends Kv, AsyncDisposable {
  readonly name: string;
  /**
   * Resolves when a leader is known and this peer has applied what was committed when asked. Waits without end unless
   * told.
   *
   * @throws CoterieError ERR_NO_LEADER when the time is over, or at once when the survivors of a cluster have lost
   *   their quorum; ERR_INVALID_ARGUMENT when the other peers have another list
   */
  ready(opts?: CallOptions): Promise<void>;
  /** Resolves, never rejects, when this peer has stopped serving: why. */
  readonly closed: Promise<PeerClosed>;
  /** The present state, without waiting. Indexes and revision may be one heartbeat old. */
  status(): PeerStatus;
  /**
   * The present state first, then the latest after each change; a slow reader skips. Ends when `signal` fires or the
   * peer closes.
   */
  statusChanges(opts?: EndlessOptions): AsyncIterableIterator<PeerStatus>;
  readonly members: Members;
  /** Quotas on what keys and values take. */
  readonly quotas: Quotas;
  /**
   * Hands leadership to another voter, the furthest one unless `to` names it. Resolves when another one leads. Any peer
   * may be asked: one that does not lead passes the wish on to its leader.
   *
   * @throws CoterieError ERR_NO_LEADER without a leader or when nobody can take over, ERR_INVALID_ARGUMENT for an
   *   unknown name, ERR_TIMEOUT when nobody took over in time
   */
  transferLeadership(opts?: CallOptions & { to?: string | undefined }): Promise<void>;
  /**
   * Writes everything at one revision to a stream and ends it, while the cluster goes on: at the stream's pace, with
   * one page in memory. `restoreBackup` and `restoreStore` read it; `docs/backup-format.md` has the bytes.
   *
   * When anything fails the stream is destroyed.
   *
   * @throws CoterieError ERR_STORAGE for what the stream says, ERR_TIMEOUT (also when it takes nothing for a minute),
   *   ERR_ABORTED, ERR_CORRUPT, ERR_CLOSED; ERR_OVERLOADED when writes since it began hold back too much memory
   */
  backup(to: ByteSink, opts?: BackupOptions): Promise<BackupReport>;
  /** Figures for tests, benchmarks and support: state hash, syncs, writes under way. */
  diagnostics(opts?: CallOptions): Promise<PeerDiagnostics>;
  /**
   * Runs what `onClose` registered, hands leadership over, stops. Never changes the membership. Resolves within
   * `closeTimeoutMs`, always; nothing of the peer is left running. Idempotent.
   */
  close(): Promise<void>;
  /** Keeps the process alive again (the default). */
  ref(): this;
  /** Lets the process end although the peer is open. */
  unref(): this;
}
