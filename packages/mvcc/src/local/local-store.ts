import { fromPlainError, type CoterieError } from '@coterie/errors';
import { backUp, type BackupOptions, type BackupReport } from '../backup/back-up.js';
import type { ByteSink } from '../backup/byte-streams.js';
import { callControl } from '../kv/call-control.js';
import type { CallOptions } from '../kv/call-options.js';
import { KvHandle } from '../kv/kv-handle.js';
import type { Kv } from '../kv/kv.js';
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
export class LocalStore extends KvHandle implements KvStore {
  readonly closed: Promise<StoreClosed>;
  readonly #parts: LocalStoreParts;

  constructor(parts: LocalStoreParts) {
    const { engine, limits, closeTimeoutMs, logger } = parts;
    super(engine, {
      limits,
      closeTimeoutMs,
      onHandlerError: (error) => logger.error({ error: String(error) }, 'an onClose handler failed'),
      keepAlive: (on) => parts.keepAlive(on),
      closeEngine: () => engine.close(null, {}),
    });
    this.#parts = parts;
    this.closed = parts.engine.stopped(null, {}).then(
      ({ reason, error }): StoreClosed => (error === undefined ? { reason } : { reason, error: fromPlainError(error) }),
      () => ({ reason: 'closed' as const }),
    );
  }

  async diagnostics(opts?: CallOptions): Promise<LocalDiagnostics> {
    return this.#parts.engine.diagnostics(null, callControl(opts));
  }

  async backup(to: ByteSink, opts?: BackupOptions): Promise<BackupReport> {
    this.lifecycle.assertOpen();
    return backUp((request) => this.#parts.engine.backup(request), to, opts);
  }
}
