import { CoterieError, fromPlainError } from '@coterie/errors';
import {
  backUp,
  callControl,
  KvHandle,
  type BackupOptions,
  type BackupReport,
  type ByteSink,
  type CallOptions,
  type EndlessOptions,
  type KvLimits,
  options,
  signalOf,
} from '@coterie/mvcc';
import type { Engine, PeerDiagnostics, PeerStatus } from './engine/engine.js';
import type { Members, Peer, PeerClosed, Quotas } from './peer.js';
import { quotaCalls } from './quota-calls.js';

/** What a handle needs besides the engine. */
export interface HandleParts {
  readonly name: string;
  readonly engine: Engine;
  readonly limits: Partial<KvLimits>;
  readonly closeTimeoutMs: number;
  /** The status before the engine has said one. */
  readonly initial: PeerStatus;
  readonly onHandlerError: (error: unknown) => void;
  /** Holds the process, or lets it go. */
  keepAlive(on: boolean): void;
}

/** What an application holds: everything it does goes over the engine's boundary. */
export class PeerHandle extends KvHandle implements Peer {
  readonly name: string;
  readonly closed: Promise<PeerClosed>;
  readonly members: Members;
  readonly quotas: Quotas;
  readonly #parts: HandleParts;
  #status: PeerStatus;

  constructor(parts: HandleParts) {
    const { engine, limits, closeTimeoutMs, onHandlerError } = parts;
    super(engine, {
      limits,
      closeTimeoutMs,
      onHandlerError,
      keepAlive: (on) => parts.keepAlive(on),
      closeEngine: async () => {
        await engine.close(null, {});
        this.#status = { ...this.#status, state: 'closed' };
      },
    });
    this.#parts = parts;
    this.#status = parts.initial;
    this.name = parts.name;
    this.closed = parts.engine.stopped(null, {}).then(
      ({ reason, error }): PeerClosed => (error === undefined ? { reason } : { reason, error: fromPlainError(error) }),
      () => ({ reason: 'closed' as const }),
    );
    this.members = { list: async (opts?: CallOptions) => parts.engine.members(null, callControl(opts)) };
    this.quotas = quotaCalls(parts.engine);
    void this.#follow();
  }

  async ready(opts?: CallOptions): Promise<void> {
    // Unlike a read or a write it waits for others, so it has no time limit of its own.
    this.#status = await this.#parts.engine.ready(null, { timeoutMs: 0, ...callControl(opts) });
  }

  status(): PeerStatus {
    return this.#status;
  }

  async *statusChanges(opts?: EndlessOptions): AsyncIterableIterator<PeerStatus> {
    const signal = signalOf(options(opts)?.signal);
    const stream = this.#parts.engine.statuses(null);
    const stop = (): void => stream.close();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      while (signal?.aborted !== true) {
        const next = await stream.next();
        if (next === undefined) return;
        yield* next;
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      stream.close();
    }
  }

  async transferLeadership(opts?: CallOptions & { to?: string | undefined }): Promise<void> {
    const to: unknown = opts?.to;
    if (to !== undefined && typeof to !== 'string') {
      throw new CoterieError('ERR_INVALID_ARGUMENT', { message: 'to must be the name of a member', argument: 'to' });
    }
    await this.#parts.engine.transferLeadership(to === undefined ? {} : { to }, callControl(opts));
  }

  async backup(to: ByteSink, opts?: BackupOptions): Promise<BackupReport> {
    this.lifecycle.assertOpen();
    return backUp((request) => this.#parts.engine.backup(request), to, opts);
  }

  async diagnostics(opts?: CallOptions): Promise<PeerDiagnostics> {
    return this.#parts.engine.diagnostics(null, callControl(opts));
  }

  async #follow(): Promise<void> {
    const stream = this.#parts.engine.statuses(null);
    try {
      for (;;) {
        const next = await stream.next();
        if (next === undefined) return;
        this.#status = next.at(-1)!;
      }
    } catch {
      // The engine is gone; what it said last stands.
    }
  }
}
