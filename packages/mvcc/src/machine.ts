import { CoterieError, invariant } from '@coterie/errors';
import type {
  Clock,
  ClusterState,
  CommittedEntry,
  SnapshotMeta,
  SnapshotSink,
  SnapshotSource,
  SnapshotStore,
  StateMachine,
  StateMachineHost,
  TurnScheduler,
} from '@coterie/raft';
import { backupStream, type BackupChunk, type BackupOrigin } from './backup/write-backup.js';
import type { RawEntry, RawRange, SettingRequest, WriteRequest, WriteResult } from './command/operation.js';
import type { CallControl, EngineStream, IterateRequest, RawBatch, RawLease, WatchRequest } from './engine/engine.js';
import { featureLevels, firstFeatureLevel, newestFeatureLevel } from './features.js';
import { LeaseReads } from './lease/lease-reads.js';
import type { DueLease } from './lease/lease-table.js';
import { type MvccLimits, replicatedLimits, resolveLimits } from './limits.js';
import { Scrub, type ScrubStep } from './integrity/scrub.js';
import { refusingQuota } from './quota/refusing-quota.js';
import type { Exceeded, QuotaUse } from './quota/quotas.js';
import { recall } from './read/recall.js';
import { type LocalRange, Reads } from './read/reads.js';
import { RevisionWaiters } from './read/revision-waiters.js';
import type { SessionListener, SessionLookup, SessionReplica } from './session/replica.js';
import { decodeCluster, encodeCluster } from './state/cluster-codec.js';
import { commandBytes, EntryCommands } from './state/entry-commands.js';
import { EntryLoading } from './state/entry-loading.js';
import { ReplicatedState } from './state/replicated-state.js';
import type { StateHash } from './state/state-hashes.js';
import type { Store } from './store/store.js';
import type { StoreStatistics } from './store/store-statistics.js';
import type { BinaryKey } from './store/types.js';
import { WatchHub } from './watch/watch-hub.js';

/** What a state machine stands on. */
export interface MvccStateMachineOptions {
  readonly store: Store;
  /** For the deadlines of reads that wait for a revision. */
  readonly clock: Clock;
  /** Where long catch-ups of watches give the event loop back. */
  readonly scheduler: TurnScheduler;
  readonly limits?: Partial<MvccLimits>;
  /** At multiples of which index a state hash is kept for comparison with other members; default 1,024. */
  readonly hashEvery?: number;
  /**
   * The highest feature level that this member takes part in; default, and highest value, is the newest that this build
   * knows. A lower one makes it an earlier build, as far as the log goes.
   */
  readonly featureLevel?: number;
}

/** Sessions that one call of `expiredSessions` names at the most. */
const expiredMax = 1_024;

/**
 * The multi-version store as a replicated state machine: what committed entries do to keys, sessions and watches, and
 * the reads of this replica.
 *
 * Everything that `apply` decides, it decides from the state and the entry alone. A throw out of it is a broken
 * invariant: the driver stops the peer.
 *
 * @example
 * ```ts
 * import { MvccStateMachine, type MvccStateMachineOptions } from '@coterie/mvcc';
 * import type { CommittedEntry } from '@coterie/raft';
 *
 * export async function applyOne(options: MvccStateMachineOptions, entry: CommittedEntry): Promise<number> {
 *   const machine = new MvccStateMachine(options);
 *   await new Promise<void>((ready) => {
 *     if (machine.prepare(entry, ready)) ready();
 *   });
 *   machine.apply(entry);
 *   return machine.revision;
 * }
 * ```
 */
export class MvccStateMachine implements Required<StateMachine>, SnapshotStore, SessionReplica {
  readonly #store: Store;
  readonly #commands: EntryCommands;
  readonly #loading: EntryLoading;
  readonly #state: ReplicatedState;
  readonly #reads: Reads;
  readonly #hub: WatchHub;
  readonly #waiters: RevisionWaiters;
  readonly #leaseReads: LeaseReads;
  readonly #scrub: Scrub;
  #host: StateMachineHost | undefined;
  #damage: CoterieError | undefined;
  readonly #listeners: SessionListener[] = [];
  #closed: Promise<void> | undefined;

  constructor(options: MvccStateMachineOptions) {
    const { store, clock, scheduler } = options;
    const limits = resolveLimits(options.limits);
    this.#store = store;
    this.#state = new ReplicatedState(store, supportedLevel(options.featureLevel), options.hashEvery);
    this.#commands = new EntryCommands((lease) => this.#state.leases.find(lease)?.keys ?? []);
    this.#loading = new EntryLoading(store, this.#commands);
    this.#reads = new Reads(store, this.#state, limits, scheduler);
    this.#waiters = new RevisionWaiters(clock, limits.revisionWaiters);
    this.#leaseReads = new LeaseReads(this.#state, clock);
    this.#scrub = new Scrub({
      store,
      content: () => this.#state.content,
      revision: () => this.#state.revision,
      compactRevision: () => this.#state.compactRevision,
    });
    const { revision, compactRevision } = this.#state;
    this.#hub = new WatchHub({ store, scheduler, limits, revision, compactRevision });
  }

  // ----------------------------------------------------------------------------------------------------- state machine

  applied(): { readonly index: number; readonly term: number } {
    return { index: this.#state.appliedIndex, term: this.#state.appliedTerm };
  }

  cluster(): ClusterState | undefined {
    return decodeCluster(this.#state.cluster);
  }

  logTimeMs(): number {
    return this.#state.logTimeMs;
  }

  attach(host: StateMachineHost): void {
    this.#host = host;
    this.#store.attach({
      freeze: () => this.#state.freezeSliced(),
      checkpointed: ({ appliedIndex, appliedTerm }) => {
        host.checkpointed({ index: appliedIndex, term: appliedTerm });
      },
      failed: (error) => {
        this.#fail(host, error);
      },
    });
  }

  #fail(host: StateMachineHost, error: Error): void {
    if (error instanceof CoterieError && error.code === 'ERR_CORRUPT') this.#damage ??= error;
    host.failed(error);
  }

  foresee(entry: CommittedEntry): void {
    this.#loading.foresee(entry);
  }

  prepare(entry: CommittedEntry, ready: () => void): boolean {
    return this.#loading.prepare(entry, ready);
  }

  diskWait(): number | undefined {
    return this.#store.diskWait;
  }

  apply(entry: CommittedEntry): void {
    const effects = this.#state.apply(entry, this.#commands.take(entry));
    for (const change of effects.changes) this.#scrub.applied(change);
    this.#store.entryApplied(entry.index, commandBytes(entry));
    this.#leaseReads.applied();
    // Only now, when the entry is applied as a whole, does anybody hear of it: none of them can see half an entry.
    if (effects.compactRevision !== undefined) this.#hub.compacted(effects.compactRevision);
    if (effects.changes.length > 0) {
      this.#hub.publish(effects.changes);
      this.#waiters.reached(this.#state.revision);
    }
    for (const listener of this.#listeners) for (const tell of effects.sessionEvents) tell(listener);
  }

  applyCluster(at: { readonly index: number; readonly term: number }, cluster: ClusterState): void {
    this.#state.applyCluster(at, encodeCluster(cluster));
    this.#store.entryApplied(at.index, 0);
  }

  logDurable(index: number): void {
    this.#store.logDurable(index);
  }

  /** Brings everything applied so far to disk, so that the next start replays nothing. */
  checkpointNow(): Promise<void> {
    return this.#store.checkpointNow();
  }

  /** @see Store.unload */
  unload(): Promise<void> {
    return this.#store.unload();
  }

  /**
   * The bytes of a backup of this very moment.
   *
   * @throws CoterieError ERR_CLOSED, ERR_OVERLOADED; what a view and the disk can say comes from the stream
   */
  backup(origin: BackupOrigin): EngineStream<BackupChunk> {
    // Taken between two applies, so state and keys are of one entry.
    const view = this.#store.view();
    return backupStream({ header: { ...origin, revision: this.#state.revision }, state: this.#state.freeze(), view });
  }

  async openSnapshot(): Promise<{ readonly meta: SnapshotMeta; readonly source: SnapshotSource }> {
    const { state, meta, source } = await this.#store.openSnapshot();
    const cluster = decodeCluster(state.cluster);
    if (cluster === undefined) {
      await source.close();
      throw new CoterieError('ERR_STORAGE', { message: 'the checkpoint holds no cluster yet: nothing to send' });
    }
    return { meta: { ...meta, conf: cluster.conf }, source };
  }

  receiveSnapshot(meta: SnapshotMeta): Promise<SnapshotSink> {
    return this.#store.receiveSnapshot(meta);
  }

  installSnapshot(meta: SnapshotMeta): void {
    const before = this.#state.appliedIndex;
    this.#store.installSnapshot(meta);
    this.#commands.clear();
    this.#state.recover();
    this.#scrub.restart();
    invariant(this.#state.appliedIndex === meta.index && meta.index >= before, 'a snapshot never goes back', {
      before,
      snapshot: meta.index,
      state: this.#state.appliedIndex,
    });
    this.#hub.rebind(this.#state.revision, this.#state.compactRevision);
    this.#waiters.reached(this.#state.revision);
    for (const listener of this.#listeners) listener.rebound();
  }

  /** Ends watches and iterators normally and waiters with ERR_CLOSED, then closes the store. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await new Promise<void>((done) => {
      this.#hub.close(done);
    });
    this.#reads.close();
    this.#waiters.close();
    await this.#scrub.close();
    await this.#store.close();
  }

  // ---------------------------------------------------------------------------------------------------------- sessions

  get sessions(): SessionLookup {
    return this.#state.sessions;
  }

  listen(listener: SessionListener): void {
    this.#listeners.push(listener);
  }

  /** @throws CoterieError ERR_RESULT_GONE with outcome 'applied' */
  recall(request: WriteRequest, kept: WriteResult): Promise<WriteResult> {
    return recall(this.#store, this.#state, request, kept);
  }

  /** Sessions that a leader may end at this log time, by `encodeEndSession(id)` for each; at most 1,024 a call. */
  expiredSessions(logTimeMs: number): readonly number[] {
    return this.#state.sessions.expired(logTimeMs, expiredMax);
  }

  // ------------------------------------------------------------------------------------------------------------ leases

  /**
   * Leases whose time is over at this log time, for a leader to propose their end by `encodeExpireLeases`: as many as
   * one entry may end, so that many which end at once do so over some time. What was named is not named again for a
   * second.
   */
  takeDueLeases(logTimeMs: number): readonly DueLease[] {
    const { expiriesPerEntry, leaseDeletesPerEntry } = replicatedLimits;
    return this.#state.leases.takeDue(logTimeMs, expiriesPerEntry, leaseDeletesPerEntry);
  }

  /** A lease with its keys in order, as this replica has it. */
  lease(id: number): (RawLease & { readonly keys: readonly BinaryKey[] }) | undefined {
    return this.#leaseReads.get(id);
  }

  /** All leases of this replica, in the order of granting. */
  leases(): EngineStream<RawLease> {
    return this.#leaseReads.list();
  }

  // ------------------------------------------------------------------------------------------------------------- state

  get revision(): number {
    return this.#state.revision;
  }

  get compactRevision(): number {
    return this.#state.compactRevision;
  }

  /** Where to compact to so that this member's files of history take at most so many bytes; 0 when they do. */
  historyFrom(maxBytes: number): number {
    return this.#store.historyFrom(maxBytes);
  }

  /**
   * Resolves when the files that hold nothing but changes below a compacted revision are gone from this member's disk.
   *
   * @throws CoterieError ERR_CLOSED, ERR_STORAGE
   */
  deleteCompacted(revision: number): Promise<void> {
    return this.#store.deleteCompacted(revision);
  }

  /** The level of features in force in the cluster, as of the last applied entry. */
  get featureLevel(): number {
    return this.#state.featureLevel;
  }

  /** Bytes of all live keys, values and their metadata, as of the last applied entry. */
  get liveBytes(): number {
    return this.#state.quotas.liveBytes;
  }

  /** The store's own quota first, then those of prefixes. */
  quotas(): readonly QuotaUse[] {
    return this.#state.quotas.list();
  }

  /** Commands that go on with the counts of new quotas, for a leader to propose; one for each quota being counted. */
  quotaCounts(): readonly SettingRequest[] {
    return this.#state.quotas.uncounted().map(({ prefix, range }) => ({ kind: 'countQuota', prefix, range }));
  }

  /** The quota that would refuse this write on the state of this moment, if one surely would. */
  quotaRefusing(request: WriteRequest): Exceeded | undefined {
    return this.#state.featureLevel < featureLevels.quotas
      ? undefined
      : refusingQuota(request, this.#state.quotas, this.#store);
  }

  /** The store takes no more for now: proposals are to be refused with ERR_OVERLOADED. */
  get overloaded(): boolean {
    return this.#store.overloaded;
  }

  get storeStatistics(): StoreStatistics {
    return this.#store.statistics;
  }

  /** The state hash as of the last applied entry: equal on all members at equal index. */
  stateHash(): StateHash {
    return this.#state.hash();
  }

  /**
   * The hashes at the last 16 indexes that are multiples of 1,024, oldest first: what members compare with one another.
   */
  stateHashes(): readonly StateHash[] {
    return this.#state.hashes;
  }

  // --------------------------------------------------------------------------------------------------------- integrity

  /**
   * Reads the next slice of everything that is stored and holds it against its checksums, and at the end of a round
   * against the sum that apply keeps. Damage is told to the host too: the member stops.
   *
   * @returns undefined when there was nothing to do just now
   * @throws CoterieError ERR_CORRUPT; what a read throws otherwise, after which the slice is read again
   */
  async scrub(): Promise<ScrubStep | undefined> {
    try {
      return await this.#scrub.step();
    } catch (error) {
      const corrupt = error instanceof CoterieError && error.code === 'ERR_CORRUPT';
      if (corrupt && this.#host !== undefined) this.#fail(this.#host, error);
      throw error;
    }
  }

  /** What a read of the stored state has found damaged, if anything: that state is not to be used any more. */
  get damage(): CoterieError | undefined {
    return this.#damage;
  }

  /** The entry at which the last durable checkpoint stands. */
  get checkpointIndex(): number {
    return this.#store.recovered().appliedIndex;
  }

  /** Why no checkpoint could be written, while the disk is full; the upkeep tries it again. */
  get noSpace(): CoterieError | undefined {
    return this.#store.noSpace;
  }

  /** Writes the checkpoint again that was given up for want of room, if there is one. */
  retryCheckpoint(): void {
    this.#store.retryCheckpoint();
  }

  /** Begins a checkpoint of everything applied, so that a newer snapshot can be sent than there is. */
  checkpointSoon(): void {
    this.#store.checkpointSoon();
  }

  // ------------------------------------------------------------------------------------------------------------- reads

  /** @throws CoterieError ERR_FUTURE_REVISION, ERR_COMPACTED, ERR_CORRUPT, ERR_CLOSED */
  get(key: BinaryKey, revision?: number): Promise<{ readonly revision: number; readonly entry?: RawEntry }> {
    return this.#reads.get(key, revision);
  }

  /** @throws CoterieError as `get`, and ERR_TOO_LARGE; `revision` of the result is that of the state which was read */
  range(request: LocalRange): Promise<{ readonly revision: number } & RawRange> {
    return this.#reads.range(request);
  }

  /**
   * @throws CoterieError ERR_OVERLOADED, ERR_CLOSED; ERR_FUTURE_REVISION, ERR_COMPACTED and ERR_CORRUPT come from the
   *   stream
   */
  iterate(request: IterateRequest): EngineStream<RawEntry> {
    return this.#reads.iterate(request);
  }

  /**
   * @throws CoterieError ERR_INVALID_ARGUMENT, ERR_TOO_MANY_OPS, ERR_OVERLOADED, ERR_CLOSED; the rest comes from the
   *   stream
   */
  watch(request: WatchRequest): EngineStream<RawBatch> {
    return this.#hub.watch(request);
  }

  /**
   * Resolves when this replica has applied the revision.
   * @throws CoterieError ERR_TIMEOUT, ERR_ABORTED, ERR_CLOSED, ERR_OVERLOADED
   */
  waitForRevision(minRevision: number, control: CallControl = {}): Promise<void> {
    return minRevision <= this.#state.revision ? Promise.resolve() : this.#waiters.wait(minRevision, control);
  }
}

/** @throws CoterieError ERR_INVALID_ARGUMENT */
function supportedLevel(given = newestFeatureLevel): number {
  if (Number.isSafeInteger(given) && given >= firstFeatureLevel && given <= newestFeatureLevel) return given;
  const message = `featureLevel must be an integer from ${firstFeatureLevel} to ${newestFeatureLevel}, not ${given}`;
  throw new CoterieError('ERR_INVALID_ARGUMENT', { message, argument: 'featureLevel' });
}
