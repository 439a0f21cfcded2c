import { CoterieError, invariant } from '@coterie/errors';
import type { CommittedEntry } from '@coterie/raft';
import { LeaseTable } from '../lease/lease-table.js';
import type { SessionListener } from '../session/replica.js';
import { type Growth, Quotas } from '../quota/quotas.js';
import { SessionTable } from '../session/session-table.js';
import type { Store } from '../store/store.js';
import { ContentSum } from '../store/content-sum.js';
import type {
  BinaryKey,
  KeyedRecord,
  KeyRange,
  KeyRecord,
  RevisionEvents,
  StoreState,
  FrozenState,
} from '../store/types.js';
import type { TxnState } from '../txn/execution.js';
import { EntryApply } from './entry-apply.js';
import type { EntryCommand } from './entry-commands.js';
import { Chain } from './chain.js';
import { defaultHashEvery, type StateHash, StateHashes } from './state-hashes.js';

/** etcd begins at 1, so that the first write is revision 2 and 0 can mean "none". */
const firstRevision = 1;

/** What one entry did, for those who want to hear of it. */
export interface EntryEffects {
  readonly changes: readonly RevisionEvents[];
  readonly compactRevision: number | undefined;
  readonly sessionEvents: readonly ((listener: SessionListener) => void)[];
}

/**
 * All that is replicated: the keys (in the store), revisions, log time, leases, sessions, the cluster, and the chain
 * over what has happened.
 *
 * `freeze` and `recover` are inverse: a machine that starts from a checkpoint and applies the same entries goes through
 * the same states as one that never stopped.
 */
export class ReplicatedState implements TxnState {
  readonly #store: Store;
  readonly #hashes = new StateHashes();
  readonly #hashEvery: number;
  #sessions = new SessionTable();
  #leases = new LeaseTable();
  #quotas = new Quotas();
  #chain = new Chain(0);
  #content = new ContentSum();
  #appliedIndex = 0;
  #appliedTerm = 0;
  #revision = firstRevision;
  #compactRevision = 0;
  #logTimeMs = 0;
  #featureLevel = 0;
  #cluster: Uint8Array = new Uint8Array(0);

  readonly #supportedLevel: number;

  /**
   * @param supportedLevel the highest feature level that this member knows
   * @param hashEvery at multiples of which index a hash is kept for comparison
   */
  constructor(store: Store, supportedLevel: number, hashEvery = defaultHashEvery) {
    this.#store = store;
    this.#supportedLevel = supportedLevel;
    this.#hashEvery = hashEvery;
    this.recover();
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  get appliedTerm(): number {
    return this.#appliedTerm;
  }

  get revision(): number {
    return this.#revision;
  }

  get compactRevision(): number {
    return this.#compactRevision;
  }

  get logTimeMs(): number {
    return this.#logTimeMs;
  }

  /** Encoded. */
  get cluster(): Uint8Array {
    return this.#cluster;
  }

  get sessions(): SessionTable {
    return this.#sessions;
  }

  get leases(): LeaseTable {
    return this.#leases;
  }

  get quotas(): Quotas {
    return this.#quotas;
  }

  get featureLevel(): number {
    return this.#featureLevel;
  }

  get chain(): Chain {
    return this.#chain;
  }

  /** Over all live records, as of the last applied entry. */
  get content(): ContentSum {
    return this.#content;
  }

  get hashes(): readonly StateHash[] {
    return this.#hashes.all;
  }

  hash(): StateHash {
    return {
      index: this.#appliedIndex,
      revision: this.#revision,
      chain: this.#chain.value,
      content: this.#content.sum,
    };
  }

  /** Takes over the state that the store stands on. @throws CoterieError ERR_CORRUPT, ERR_FEATURE_LEVEL */
  recover(): void {
    const state = this.#store.recovered();
    this.#checkLevel(state.featureLevel);
    this.#featureLevel = state.featureLevel;
    this.#quotas = Quotas.decode(state.quotas);
    this.#sessions = SessionTable.decode(state.sessions);
    this.#leases = LeaseTable.decode(state.leases);
    this.#chain = new Chain(state.chain);
    this.#content = new ContentSum(state.contentSum, state.keys);
    this.#appliedIndex = state.appliedIndex;
    this.#appliedTerm = state.appliedTerm;
    this.#revision = Math.max(state.revision, firstRevision);
    this.#compactRevision = state.compactRevision;
    this.#logTimeMs = state.logTimeMs;
    this.#cluster = state.cluster;
    this.#hashes.clear();
  }

  /** All of it at once. */
  freeze(): StoreState {
    return { ...this.#numbers(), leases: this.#leases.encode() };
  }

  /** For a checkpoint: what is large is encoded while entries go on being applied. One at a time. */
  freezeSliced(): FrozenState {
    return { ...this.#numbers(), leases: this.#leases.freeze() };
  }

  #numbers(): Omit<StoreState, 'leases'> {
    return {
      appliedIndex: this.#appliedIndex,
      appliedTerm: this.#appliedTerm,
      revision: this.#revision,
      compactRevision: this.#compactRevision,
      logTimeMs: this.#logTimeMs,
      chain: this.#chain.value,
      contentSum: this.#content.sum,
      keys: this.#content.keys,
      featureLevel: this.#featureLevel,
      quotas: this.#quotas.encode(),
      cluster: this.#cluster,
      sessions: this.#sessions.encode(),
    };
  }

  apply(entry: CommittedEntry, commands: readonly EntryCommand[]): EntryEffects {
    this.#begin(entry.index, entry.term);
    // Never back, and never to something that is no time: a stamp is a number that came over the network.
    if (entry.stampMs > this.#logTimeMs && Number.isFinite(entry.stampMs)) this.#logTimeMs = entry.stampMs;
    const applied = new EntryApply(this, entry.index);
    for (const command of commands) applied.command(command);
    this.#end();
    return applied;
  }

  applyCluster(at: { readonly index: number; readonly term: number }, cluster: Uint8Array): void {
    this.#begin(at.index, at.term);
    this.#cluster = cluster;
    this.#chain.mixNumber(cluster.length);
    this.#end();
  }

  // ------------------------------------------------------------------------------------- what a command reads and does

  lookup(key: BinaryKey): KeyRecord | undefined {
    return this.#store.lookup(key);
  }

  scan(range: KeyRange, limit: number): readonly KeyedRecord[] {
    const records = this.#store.scan(range, limit);
    invariant(records !== undefined, 'what an entry reads was loaded before it is applied', {
      index: this.#appliedIndex,
      limit,
    });
    return records;
  }

  /** Takes the changes of the next revision, measured before. */
  commit(change: RevisionEvents, growth: Growth): void {
    invariant(change.revision === this.#revision + 1, 'revisions have no gap', {
      revision: this.#revision,
      change: change.revision,
    });
    this.#store.commit(change);
    this.#leases.committed(change);
    this.#revision = change.revision;
    this.#quotas.add(growth);
    for (const event of change.events) {
      const { key, after } = event;
      this.#content.change(event);
      // The checksum of a record covers its key; a delete has none, so its key is mixed itself.
      if (after !== undefined) this.#chain.mix(after.crc32c);
      else this.#chain.mixText(key);
    }
  }

  compact(revision: number): void {
    this.#store.compact(revision);
    this.#compactRevision = revision;
    this.#chain.mixNumber(revision);
  }

  /** @throws CoterieError ERR_FEATURE_LEVEL: this member knows less, and must not guess what comes */
  raiseLevel(level: number): void {
    this.#checkLevel(level);
    this.#featureLevel = level;
    this.#chain.mixNumber(level);
  }

  #checkLevel(level: number): void {
    if (level <= this.#supportedLevel) return;
    throw new CoterieError('ERR_FEATURE_LEVEL', {
      message: `the cluster is at feature level ${level}, this build knows ${this.#supportedLevel}: install a newer one`,
      level,
      supported: this.#supportedLevel,
    });
  }

  #begin(index: number, term: number): void {
    invariant(index === this.#appliedIndex + 1, 'entries apply in order, each once', {
      applied: this.#appliedIndex,
      index,
    });
    this.#appliedIndex = index;
    this.#appliedTerm = term;
  }

  #end(): void {
    this.#chain.mixNumber(this.#appliedIndex);
    this.#chain.mixNumber(this.#revision);
    this.#chain.mixNumber(this.#quotas.liveBytes);
    if (this.#appliedIndex % this.#hashEvery === 0) this.#hashes.add(this.hash());
  }
}
