import { CoterieError, toPlainError } from '@coterie/errors';
import type { Clock, Random, SubmitResult, TurnScheduler, WallClock } from '@coterie/raft';
import type { RawEntry, RawRange, WriteRequest, WriteResult } from '../command/operation.js';
import type { BackupRequest } from '../backup/back-up.js';
import type { BackupChunk } from '../backup/write-backup.js';
import type { DataDir } from '../data-dir/data-dir.js';
import type {
  CallControl,
  EngineStream,
  GetRequest,
  IterateRequest,
  RangeRequest,
  RawBatch,
  RawLease,
  ReadRequest,
  WatchRequest,
} from '../engine/engine.js';
import { storageError } from '../files/storage-error.js';
import { throwIfAborted } from '../kv/call-control.js';
import type { Logger } from '../kv/logger.js';
import { newestFeatureLevel } from '../features.js';
import type { MvccLimits } from '../limits.js';
import type { MvccStateMachine } from '../machine.js';
import { Proposer } from '../session/proposer.js';
import { refuseLater, whyRefuseWrite } from '../session/refused-write.js';
import { whyNoSpace } from '../session/why-no-space.js';
import type { HistoryLimits } from '../upkeep/history-keeper.js';
import { Upkeep, type UpkeepHost } from '../upkeep/upkeep.js';
import type { Wal } from '../wal/wal.js';
import type { LocalDiagnostics, LocalEngine, LocalStop } from './engine.js';
import { LocalLog, type Durability, type LocalLogLimits } from './local-log.js';
import { localIdentity, type LocalIdentity } from './local-identity.js';
import { openReplica, type LocalReplica } from './open-replica.js';
import { physicallyDeleted } from './physical-compaction.js';

/** Everything a {@link StoreEngine} stands on. */
export interface StoreEngineParts {
  readonly dir: DataDir;
  readonly clock: Clock;
  readonly wall: WallClock;
  readonly turns: TurnScheduler;
  readonly random: Random;
  readonly limits: Partial<MvccLimits>;
  readonly log: LocalLogLimits;
  readonly history: HistoryLimits;
  readonly durability: Durability;
  readonly requestTimeoutMs: number;
  readonly closeTimeoutMs: number;
  readonly logger: Logger;
}

/** The engine of a store of one process: the same log, state machine and sessions as a peer's, without the others. */
export class StoreEngine implements LocalEngine, UpkeepHost {
  readonly machine: MvccStateMachine;
  readonly proposer: Proposer;
  readonly #parts: StoreEngineParts;
  readonly #wal: Wal;
  readonly #identity: LocalIdentity;
  readonly #log: LocalLog;
  readonly #releaseLog: () => void;
  readonly #stopped: Promise<LocalStop>;
  readonly #timers: readonly unknown[];
  #settleStopped!: (stop: LocalStop) => void;
  #error: CoterieError | undefined;
  #closing: Promise<null> | undefined;

  private constructor(parts: StoreEngineParts, replica: LocalReplica) {
    const { clock, random, limits, requestTimeoutMs } = parts;
    this.#parts = parts;
    this.#wal = replica.wal;
    this.#identity = replica.identity;
    this.machine = replica.machine;
    this.#stopped = new Promise((resolve) => (this.#settleStopped = resolve));
    const failed = (error: unknown): void => this.#fail(error);
    this.#log = new LocalLog(
      { ...parts, wal: replica.wal, machine: replica.machine, limits: parts.log, failed },
      replica.lastIndex,
    );
    this.proposer = new Proposer({
      replica: this.machine,
      clock,
      random,
      submit: (commands) => this.submit(commands),
      limits,
      requestTimeoutMs,
    });
    const upkeep = new Upkeep(this, parts.history, parts.logger);
    this.#timers = upkeep.duties.map(({ everyMs, run }) => clock.setInterval(() => this.#guard(run), everyMs));
    this.#releaseLog = () => replica.releaseLog();
    replica.attach(failed);
    // Nobody else has to know it.
    if (this.machine.featureLevel < newestFeatureLevel) upkeep.raiseLevel(newestFeatureLevel, []);
  }

  /**
   * Locks the directory, recovers what it holds and begins to serve.
   *
   * @throws CoterieError ERR_DATA_DIR_IN_USE, ERR_DATA_DIR_MISMATCH, ERR_CORRUPT, ERR_STORAGE
   */
  static async open(parts: StoreEngineParts): Promise<StoreEngine> {
    const { dir } = parts;
    try {
      localIdentity(dir.inspect(), dir.path);
      await dir.open();
      // Looked at again now that nobody else can change it.
      return new StoreEngine(parts, await openReplica(parts, localIdentity(dir.look(), dir.path)));
    } catch (error) {
      await dir.release();
      throw storageError(`the store in ${dir.path} cannot be opened`, error);
    }
  }

  logTimeMs(): number {
    return this.#log.logTimeMs();
  }

  submit(commands: readonly Uint8Array[]): SubmitResult {
    return this.#log.submit(commands);
  }

  // ------------------------------------------------------------------------------------------------------------- calls

  async write(request: WriteRequest, control: CallControl): Promise<WriteResult> {
    if (this.#error !== undefined) throw this.#refusal('not-applied');
    const refusal = this.#whyRefuse(request);
    if (refusal !== undefined) return refuseLater(this.#parts.turns, refusal);
    const result = this.proposer.write(request, control);
    return request.kind === 'compact' && request.physical === true
      ? this.#deleted(request.revision, result, control)
      : result;
  }

  #whyRefuse(request: WriteRequest): CoterieError | undefined {
    return this.#log.whyRefuse() ?? whyRefuseWrite(this, request);
  }

  async #deleted(revision: number, done: Promise<WriteResult>, control: CallControl): Promise<WriteResult> {
    const result = await done;
    const { clock, requestTimeoutMs } = this.#parts;
    const timeoutMs = control.timeoutMs ?? requestTimeoutMs;
    await physicallyDeleted(this.machine.deleteCompacted(revision), clock, { ...control, timeoutMs });
    return result;
  }

  async get(
    request: GetRequest,
    control: CallControl,
  ): Promise<{ readonly revision: number; readonly entry?: RawEntry }> {
    await this.#fresh(request, control);
    return this.machine.get(request.key, request.revision);
  }

  async range(request: RangeRequest, control: CallControl): Promise<{ readonly revision: number } & RawRange> {
    await this.#fresh(request, control);
    return this.machine.range(request);
  }

  iterate(request: IterateRequest): EngineStream<RawEntry> {
    this.#check();
    return this.#whole(this.machine.iterate(request));
  }

  watch(request: WatchRequest): EngineStream<RawBatch> {
    this.#check();
    return this.#whole(this.machine.watch(request));
  }

  async lease(request: { readonly id: number }, control: CallControl): ReturnType<LocalEngine['lease']> {
    await this.#fresh({ consistency: 'linearizable' }, control);
    return this.machine.lease(request.id);
  }

  leases(_: null): EngineStream<RawLease> {
    this.#check();
    return this.#whole(this.machine.leases());
  }

  backup(_request: BackupRequest): EngineStream<BackupChunk> {
    this.#check();
    const wallMs = this.#parts.wall.wallMs();
    return this.#whole(this.machine.backup({ source: 'store', clusterId: '', uid: this.#identity.store, wallMs }));
  }

  diagnostics(_: null, _control: CallControl): Promise<LocalDiagnostics> {
    const noSpace = whyNoSpace({ machine: this.machine, log: this.#wal });
    return Promise.resolve({
      stateHash: this.machine.stateHash(),
      walSyncs: this.#wal.syncCount,
      openWrites: this.proposer.open,
      compactRevision: this.machine.compactRevision,
      store: { ...this.machine.storeStatistics },
      ...(noSpace === undefined ? {} : { noSpace: toPlainError(noSpace) }),
    });
  }

  stopped(_: null, _control: CallControl): Promise<LocalStop> {
    return this.#stopped;
  }

  /** A write is answered when it is applied here, so every read is linearizable as it stands. */
  async #fresh({ minRevision }: ReadRequest, control: CallControl): Promise<void> {
    this.#check();
    throwIfAborted(control.signal);
    if (minRevision === undefined || this.machine.revision >= minRevision) return;
    const timeoutMs = control.timeoutMs ?? this.#parts.requestTimeoutMs;
    await this.machine.waitForRevision(minRevision, { ...control, timeoutMs });
  }

  /**
   * A stream that ends because this store has failed must not look as if it had come to its end. Closing ends watches
   * normally.
   */
  #whole<T>(stream: EngineStream<T>): EngineStream<T> {
    let closed = false;
    return {
      next: async () => {
        const items = await stream.next();
        if (items === undefined && !closed && this.#error !== undefined && this.#error.code !== 'ERR_CLOSED')
          throw this.#refusal();
        return items;
      },
      close: () => {
        closed = true;
        stream.close();
      },
    };
  }

  #check(): void {
    if (this.#error !== undefined) throw this.#refusal();
  }

  #refusal(outcome?: 'not-applied'): CoterieError {
    const { code, message } = this.#error!;
    return new CoterieError(code, { message, cause: this.#error, ...(outcome === undefined ? {} : { outcome }) });
  }

  // --------------------------------------------------------------------------------------------------------------- end

  /** Nothing of ours may throw out of a timer into the application: it stops this store. */
  #guard(work: () => void): void {
    if (this.#error !== undefined) return;
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Serves no more; the directory stays this process's until `close`. */
  #fail(cause: unknown): void {
    if (this.#error !== undefined) return;
    const error = storageError('the store stopped itself', cause) as CoterieError;
    this.#error = error;
    this.#parts.logger.error({ error: error.message, code: error.code }, 'the store stops serving');
    this.#halt(error);
    this.#settleStopped({ reason: 'failed', error: toPlainError(error) });
    void this.machine.close().catch(() => undefined);
  }

  #halt(reason: CoterieError): void {
    for (const timer of this.#timers) this.#parts.clock.clearInterval(timer);
    this.#log.stop();
    this.proposer.close(reason);
  }

  close(_: null = null): Promise<null> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<null> {
    const { closeTimeoutMs, dir } = this.#parts;
    const closed = new CoterieError('ERR_CLOSED', { message: 'the store is closed' });
    const orderly = this.#error === undefined;
    this.#error ??= closed;
    if (orderly) {
      // So that the next start has nothing to replay.
      await this.#within(this.#log.drain(), closeTimeoutMs / 4);
      await this.#within(this.machine.checkpointNow(), closeTimeoutMs / 4);
      this.#releaseLog();
    }
    this.#halt(closed);
    const ending = this.machine.close().then(() => this.#wal.close());
    await this.#within(ending, closeTimeoutMs / 4);
    // Nothing more where everything ended; a disk that does not answer is given up.
    this.#wal.abandon();
    await this.#within(dir.release(), closeTimeoutMs / 8);
    if (orderly) this.#settleStopped({ reason: 'closed' });
    return null;
  }

  /** Waits for the end of this work, however it ends, but no longer than this. */
  #within(work: Promise<unknown>, ms: number): Promise<void> {
    const { clock } = this.#parts;
    return new Promise((resolve) => {
      const done = (): void => {
        clock.clearInterval(timer);
        resolve();
      };
      const timer = clock.setInterval(done, Math.max(1, ms));
      void work.then(done, done);
    });
  }
}
