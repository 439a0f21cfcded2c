import { CoterieError } from '@coterie/errors';
import {
  MvccStateMachine,
  Proposer,
  TakenCommands,
  type BackupChunk,
  type EngineStream,
  type MvccLimits,
  type Store,
  type UpkeepHost,
} from '@coterie/mvcc';
import {
  foundingBatch,
  RaftNode,
  type Clock,
  type CoreConfig,
  type LoadedLog,
  type NodeOptions,
  type Observer,
  type Random,
  type SubmitResult,
  type Transport,
  type TurnScheduler,
  type WallClock,
} from '@coterie/raft';
import type { Identity } from '../data-dir/identity.js';
import type { MemberLog, PeerStorage } from '../data-dir/storage.js';
import { encodeMember } from '../membership/member-record.js';

/** Log bytes that wait for the disk; beyond it no command is taken. */
export const logBacklogBytesMax = 32 << 20;

/** Time, turns and chance. */
export interface SystemPorts {
  readonly clock: Clock;
  readonly turns: TurnScheduler;
  readonly wall: WallClock;
  readonly random: Random;
}

export interface ReplicaParts {
  readonly ports: SystemPorts;
  readonly storage: PeerStorage;
  readonly transport: Transport;
  readonly identity: Identity;
  readonly options: NodeOptions;
  readonly core?: Partial<CoreConfig> | undefined;
  readonly limits: Partial<MvccLimits>;
  /** The highest feature level that this member takes part in. */
  readonly featureLevel: number;
  readonly requestTimeoutMs: number;
  readonly observer: Observer;
  /** At multiples of which index state hashes are kept. */
  readonly hashEvery?: number | undefined;
  /** No command is taken just now. */
  readonly paused: () => boolean;
}

/** The applied state cannot be read, while the log can: it may be built anew from another member's. */
export class DamagedStore extends Error {
  override readonly cause: CoterieError;

  constructor(cause: CoterieError) {
    super(cause.message);
    this.cause = cause;
  }
}

/**
 * One member's copy of the state and what keeps it: log, store, state machine, raft node, and the session of this
 * process's writes.
 */
export class Replica implements UpkeepHost {
  readonly identity: Identity;
  readonly log: MemberLog;
  readonly machine: MvccStateMachine;
  readonly node: RaftNode;
  readonly proposer: Proposer;
  readonly #wall: WallClock;

  private constructor(parts: ReplicaParts, log: MemberLog, loaded: LoadedLog, machine: MvccStateMachine) {
    const { ports, identity } = parts;
    this.identity = identity;
    this.#wall = ports.wall;
    this.log = log;
    this.machine = machine;
    const taken = new TakenCommands();
    // Before the proposer: what apply refuses must be forgotten by the time it is sent again.
    machine.listen(taken);
    this.node = new RaftNode({
      id: identity.memberId!,
      options: parts.options,
      core: { ...parts.core, group: identity.uid! },
      loaded,
      storage: log,
      machine,
      snapshots: machine,
      transport: parts.transport,
      clock: ports.clock,
      wall: ports.wall,
      turns: ports.turns,
      random: ports.random,
      observer: (event) => parts.observer(event),
      overloaded: () => parts.paused() || machine.overloaded || log.outOfSpace || log.backlogBytes > logBacklogBytesMax,
      filter: taken,
    });
    this.proposer = new Proposer({
      replica: machine,
      clock: ports.clock,
      random: ports.random,
      submit: (commands) => this.node.submit(commands),
      leaderKnown: () => this.node.leader !== 0,
      limits: parts.limits,
      requestTimeoutMs: parts.requestTimeoutMs,
      resendMs: parts.options.electionTimeoutMs,
    });
  }

  /**
   * Opens a member's log and store and starts it.
   *
   * @throws DamagedStore when it is the store alone that is damaged; CoterieError ERR_CORRUPT when the log is, or does
   *   not hold the entry where the store stands; ERR_FEATURE_LEVEL when the cluster is further than this build;
   *   ERR_STORAGE
   */
  static async open(parts: ReplicaParts): Promise<Replica> {
    const log = parts.storage.openLog(parts.identity);
    let opened: Store | undefined;
    try {
      const loaded = log.load();
      const store = await parts.storage.openStore(loaded.start.index).catch(asDamage);
      opened = store;
      // Before anything of it is believed. A log that ends before it has lost what it acknowledged: that is no damage
      // of the store, and throwing the store away would take away the only witness.
      checkFit(loaded, store.recovered());
      return new Replica(parts, log, loaded, openMachine(store, parts));
    } catch (error) {
      await opened?.close();
      await log.close();
      throw error;
    }
  }

  /** Writes the first entries of a new cluster, before the directory says that it is a member of it. */
  static async found(storage: PeerStorage, identity: Identity): Promise<void> {
    await storage.erase();
    const log = storage.openLog(identity);
    try {
      log.load();
      await new Promise<void>((resolve, reject) => {
        log.append(foundingBatch(identity.founders!.map(encodeMember)), (error) =>
          error === undefined ? resolve() : reject(error),
        );
      });
    } finally {
      // It is opened again as the member's own: one owner at a time.
      await log.close();
    }
  }

  /** Makes the empty log of a member that joins: the leader will fill it. */
  static async begin(storage: PeerStorage, identity: Identity): Promise<void> {
    await storage.erase();
    const log = storage.openLog(identity);
    log.load();
    await log.close();
  }

  /** A backup of this moment. */
  backup(): EngineStream<BackupChunk> {
    const { clusterId, uid } = this.identity;
    return this.machine.backup({ source: 'peer', clusterId, uid: String(uid), wallMs: this.#wall.wallMs() });
  }

  logTimeMs(): number | undefined {
    return this.node.logTimeMs();
  }

  submit(commands: readonly Uint8Array[]): SubmitResult {
    return this.node.submit(commands);
  }

  /** Where the last durable checkpoint stands. */
  get checkpointIndex(): number {
    return this.machine.checkpointIndex;
  }

  /** Stops at once, without any of the work of an orderly close. Safe to call twice. */
  halt(reason: CoterieError): void {
    this.node.stop();
    this.proposer.close(reason);
  }

  /** Stops, ends watches, writes what was given to the log and closes it. */
  async close(reason: CoterieError): Promise<void> {
    this.halt(reason);
    await this.machine.close();
    await this.log.close();
  }
}

function openMachine(store: Store, { ports, limits, featureLevel, hashEvery }: ReplicaParts): MvccStateMachine {
  const { clock, turns } = ports;
  const often = hashEvery === undefined ? {} : { hashEvery };
  try {
    return new MvccStateMachine({ store, clock, scheduler: turns, limits, featureLevel, ...often });
  } catch (error) {
    return asDamage(error);
  }
}

function asDamage(error: unknown): never {
  if (error instanceof CoterieError && error.code === 'ERR_CORRUPT') throw new DamagedStore(error);
  throw error;
}

/**
 * A store goes with a log only where the log holds the entry that the store stands at.
 *
 * @throws CoterieError ERR_CORRUPT
 */
export function checkFit(
  loaded: LoadedLog,
  { appliedIndex, appliedTerm }: { readonly appliedIndex: number; readonly appliedTerm: number },
): void {
  const term = termAt(loaded, appliedIndex);
  if (term === appliedTerm || appliedIndex === 0) return;
  const last = loaded.entries.at(-1)?.index ?? loaded.start.index;
  const stands = `the store stands at entry ${appliedIndex} of term ${appliedTerm}`;
  const message = `${stands}; the log holds ${loaded.start.index + 1} to ${last}, there of term ${term ?? 'none'}`;
  throw new CoterieError('ERR_CORRUPT', { message });
}

/** Undefined where the log does not reach. */
function termAt(loaded: LoadedLog, index: number): number | undefined {
  if (index === loaded.start.index) return loaded.start.term;
  return loaded.entries[index - loaded.start.index - 1]?.term;
}
