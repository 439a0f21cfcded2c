import { CoterieError, invariant } from '@coterie/errors';
import type { Index, Term } from '../core/messages.js';
import type { ClusterState, CommittedEntry, StateMachine, StateMachineHost } from '../ports/state-machine.js';
import type { KeptSnapshot, MemorySnapshotStore } from './memory-snapshot-store.js';
import { decodeImage, encodeImage } from './state-image.js';

/** What a {@link MemoryStateMachine} keeps and how commands change it. */
export interface MemoryStateMachineOptions<S> {
  /** The state before the first entry; a new one at each call. */
  readonly initial: () => S;
  /**
   * The state after a command: the same object, changed, or a new one. Deterministic: no clock, no chance, nothing but
   * its arguments. It does not change the command, and copies what it keeps of it. A throw stops the member.
   */
  readonly fold: (state: S, command: Uint8Array, entry: CommittedEntry) => S;
  /** The state as bytes; called between two applies. */
  readonly encode: (state: S) => Uint8Array;
  /** What `encode` wrote; the result shares nothing with the bytes. */
  readonly decode: (bytes: Uint8Array) => S;
  /** Where checkpoints go, and what a restart finds. One for each member. */
  readonly snapshots: MemorySnapshotStore;
  /** Calls `fn` once, later: when a checkpoint is told of. `setImmediate` serves. */
  readonly defer: (fn: () => void) => void;
  /** Where the loaded log begins: `load().start.index`. Default 0, a log that goes back to the first entry. */
  readonly logStart?: Index;
  /** Entries between two checkpoints. Default 1,000. */
  readonly checkpointEntries?: number;
}

/**
 * A state machine in memory: a fold over the commands of the log, with checkpoints in a {@link MemorySnapshotStore}.
 *
 * It keeps every rule of the port, so that it serves small states (a register, a counter, a few thousand settings) as
 * it is, and is the pattern for larger ones. A checkpoint encodes the whole state at once; while one waits for the log
 * to be durable no other is made.
 *
 * @example
 * ```ts
 * import { MemorySnapshotStore, MemoryStateMachine } from '@coterie/raft';
 *
 * const counter = new MemoryStateMachine<number>({
 *   initial: () => 0,
 *   fold: (sum, command) => sum + command.length,
 *   encode: (sum) => Buffer.from(String(sum)),
 *   decode: (bytes) => Number(Buffer.from(bytes).toString()),
 *   snapshots: new MemorySnapshotStore(),
 *   defer: setImmediate,
 * });
 * counter.apply({ index: 1, term: 1, stampMs: 5, wallMs: 0, commands: [Uint8Array.of(1, 2, 3)] });
 * console.log(counter.state);
 * ```
 */
export class MemoryStateMachine<S> implements StateMachine {
  readonly #options: MemoryStateMachineOptions<S>;
  readonly #checkpointEntries: number;
  #state: S;
  #at: { readonly index: Index; readonly term: Term } = { index: 0, term: 0 };
  #cluster: ClusterState | undefined;
  #logTimeMs = 0;
  #checkpointedIndex: Index = 0;
  #durable: Index = 0;
  #frozen: KeptSnapshot | undefined;
  #telling = false;
  #host: StateMachineHost | undefined;
  #closed = false;

  /** @throws CoterieError ERR_INVALID_ARGUMENT; ERR_CORRUPT when log and snapshots do not meet */
  constructor(options: MemoryStateMachineOptions<S>) {
    const every = options.checkpointEntries ?? 1_000;
    if (!Number.isSafeInteger(every) || every < 1) {
      const message = 'checkpointEntries must be a positive whole number';
      throw new CoterieError('ERR_INVALID_ARGUMENT', { message, argument: 'checkpointEntries' });
    }
    this.#options = options;
    this.#checkpointEntries = every;
    this.#state = options.initial();
    const found = options.snapshots.open(options.logStart ?? 0, (snapshot) => {
      if (!this.#closed) this.#restore(snapshot);
    });
    if (found !== undefined) this.#restore(found);
  }

  /** The state as of `applied()`. Not to be changed. */
  get state(): S {
    return this.#state;
  }

  applied(): { readonly index: Index; readonly term: Term } {
    return this.#at;
  }

  cluster(): ClusterState | undefined {
    return this.#cluster;
  }

  logTimeMs(): number {
    return this.#logTimeMs;
  }

  attach(host: StateMachineHost): void {
    this.#host = host;
  }

  /** Everything is in memory. */
  prepare(_entry: CommittedEntry, _ready: () => void): boolean {
    return true;
  }

  apply(entry: CommittedEntry): void {
    this.#advance(entry);
    for (const command of entry.commands) this.#state = this.#options.fold(this.#state, command, entry);
    if (entry.commands.length > 0) this.#logTimeMs = Math.max(this.#logTimeMs, entry.stampMs);
    this.#freeze();
  }

  applyCluster(at: { readonly index: Index; readonly term: Term }, state: ClusterState): void {
    this.#advance(at);
    this.#cluster = state;
    this.#freeze();
  }

  logDurable(index: Index): void {
    this.#durable = index;
    this.#tellLater();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#frozen = undefined;
    return Promise.resolve();
  }

  #advance({ index, term }: { readonly index: Index; readonly term: Term }): void {
    invariant(!this.#closed, 'nothing is applied after close', { index });
    invariant(index === this.#at.index + 1, 'entries apply without a gap', { index, applied: this.#at.index });
    this.#at = { index, term };
  }

  /** The state as it is now becomes a checkpoint as soon as the log is durable up to here. */
  #freeze(): void {
    if (this.#frozen !== undefined || this.#cluster === undefined) return;
    if (this.#at.index - this.#checkpointedIndex < this.#checkpointEntries) return;
    const { members, conf } = this.#cluster;
    const state = encodeImage(members, this.#logTimeMs, this.#options.encode(this.#state));
    this.#frozen = { ...this.#at, conf, state };
    this.#tellLater();
  }

  /**
   * Later, because the driver must not hear of a checkpoint from inside an apply: it would shorten the log it reads.
   */
  #tellLater(): void {
    if (this.#telling || this.#frozen === undefined || this.#frozen.index > this.#durable) return;
    this.#telling = true;
    this.#options.defer(() => {
      this.#telling = false;
      this.#checkpoint();
    });
  }

  #checkpoint(): void {
    const frozen = this.#frozen;
    // A new leader may have taken back what was durable a moment ago, and a snapshot may have replaced everything.
    if (this.#closed || frozen === undefined || frozen.index > this.#durable) return;
    this.#frozen = undefined;
    try {
      this.#options.snapshots.keep(frozen);
    } catch (error) {
      this.#host?.failed(error as Error);
      return;
    }
    this.#checkpointedIndex = frozen.index;
    this.#host?.checkpointed({ index: frozen.index, term: frozen.term });
  }

  #restore({ index, term, conf, state }: KeptSnapshot): void {
    invariant(index >= this.#at.index, 'a snapshot never goes back', { index, applied: this.#at.index });
    const image = decodeImage(state);
    this.#state = this.#options.decode(image.state);
    this.#at = { index, term };
    this.#cluster = { conf, members: image.members };
    this.#logTimeMs = image.logTimeMs;
    this.#checkpointedIndex = index;
    this.#frozen = undefined;
  }
}
