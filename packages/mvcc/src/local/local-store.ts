import { fromPlainError, type CoterieError } from '@coterie/errors';
import { backUp, type BackupOptions, type BackupReport } from '../backup/back-up.js';
import type { ByteSink } from '../backup/byte-streams.js';
import { callControl } from '../kv/call-control.js';
import type { CallOptions } from '../kv/call-options.js';
import { KvRoot } from '../kv/create-kv.js';
import type { Kv } from '../kv/kv.js';
import { KvLifecycle } from '../kv/lifecycle.js';
import type { KvLimits } from '../kv/limits.js';
import type { Logger } from '../kv/logger.js';
import type { LocalDiagnostics, LocalEngine } from './engine.js';

/** Why a store has stopped serving. */
export interface StoreClosed {
  readonly reason: 'closed' | 'failed';
  readonly error?: CoterieError;
}

/**
 * A store inside this process, without a cluster. An open store keeps the process alive (see `unref`); no fault of it
 * throws out of a timer: it shows in `closed` and in the error of the next call.
 */
export interface KvStore extends Kv, AsyncDisposable {
  /** Resolves, never rejects, when this store has stopped serving: why. */
  readonly closed: Promise<StoreClosed>;
  /** Figures for tests, benchmarks and support: state hash, syncs, writes under way. */
  diagnostics(opts?: CallOptions): Promise<LocalDiagnostics>;
  /**
   * Writes everything at one revision to a stream and ends it, while the store goes on: at the stream's pace, with one
   * page in memory. `restoreStore` and `restoreBackup` read it; `docs/backup-format.md` has the bytes.
   *
   * When anything fails the stream is destroyed. @throws CoterieError ERR_STORAGE for what the stream says, ERR_TIMEOUT
   *   (also when it takes nothing for a minute), ERR_ABORTED, ERR_CORRUPT, ERR_CLOSED; ERR_OVERLOADED when writes
   *   since it began hold back too much memory
   */
  backup(to: ByteSink, opts?: BackupOptions): Promise<BackupReport>;
  /**
   * Runs what `onClose` registered, finishes the writes under way, writes a checkpoint so that the next start has
   * nothing to replay, and lets go of the directory. Resolves within `closeTimeoutMs`, always. Idempotent.
   */
  close(): Promise<void>;
  /** Keeps the process alive again (the default). */
  ref(): this;
  /** Lets the process end although the store is open. */
  unref(): this;
}

/** What a handle needs besides the engine. */
export interface LocalStoreParts {
  readonly engine: LocalEngine;
  readonly limits: KvLimits;
  readonly closeTimeoutMs: number;
  readonly logger: Logger;
  /** Holds the process, or lets it go. */
  keepAlive(on: boolean): void;
}

/** What an application holds: everything it does goes over the engine's boundary. */
export class LocalStore extends KvRoot implements KvStore {
  readonly closed: Promise<StoreClosed>;
  readonly #parts: LocalStoreParts;
  readonly #lifecycle: KvLifecycle;
  #closing: Promise<void> | undefined;

  constructor(parts: LocalStoreParts) {
    const lifecycle = new KvLifecycle();
    super(parts.engine, { lifecycle, limits: parts.limits });
    this.#parts = parts;
    this.#lifecycle = lifecycle;
    this.closed = parts.engine.stopped(null, {}).then(
      ({ reason, error }): StoreClosed => (error === undefined ? { reason } : { reason, error: fromPlainError(error) }),
      () => ({ reason: 'closed' as const }),
    );
  }

  async diagnostics(opts?: CallOptions): Promise<LocalDiagnostics> {
    return this.#parts.engine.diagnostics(null, callControl(opts));
  }

  async backup(to: ByteSink, opts?: BackupOptions): Promise<BackupReport> {
    this.#lifecycle.assertOpen();
    return backUp((request) => this.#parts.engine.backup(request), to, opts);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  ref(): this {
    this.#parts.keepAlive(true);
    return this;
  }

  unref(): this {
    this.#parts.keepAlive(false);
    return this;
  }

  /** Handlers first, while everything still serves; half of the time is theirs at the most. */
  async #close(): Promise<void> {
    const { engine, logger, closeTimeoutMs } = this.#parts;
    const patience = AbortSignal.timeout(Math.ceil(closeTimeoutMs / 2));
    await this.#lifecycle.runHandlers((error) => {
      logger.error({ error: String(error) }, 'an onClose handler failed');
    }, patience);
    this.#lifecycle.close();
    await engine.close(null, {});
  }
}
