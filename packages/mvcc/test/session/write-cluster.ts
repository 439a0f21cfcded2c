import type { CommittedEntry, Random, SubmitResult } from '@coterie/raft';
import { encodeEndSession } from '../../src/command/encode.js';
import { MvccStateMachine } from '../../src/machine.js';
import { Proposer, type ProposerOptions } from '../../src/session/proposer.js';
import { MemoryStore } from '../machine/memory-store.js';
import { ManualScheduler, VirtualClock } from '../machine/virtual-clock.js';

/** How badly commands travel, in percent. */
export interface Faults {
  readonly refusePercent: number;
  readonly losePercent: number;
  readonly repeatPercent: number;
  readonly reorderPercent: number;
}

const host = { checkpointed: () => undefined, failed: () => undefined };

/** One process: a replica that applies a shared log at its own pace, and the proposer of its writes. */
export class Process {
  readonly store: MemoryStore;
  readonly machine: MvccStateMachine;
  readonly proposer: Proposer;
  readonly #cluster: WriteCluster;

  constructor(cluster: WriteCluster, store: MemoryStore, options: Partial<ProposerOptions> = {}) {
    const { clock, random, scheduler } = cluster;
    this.#cluster = cluster;
    this.store = store;
    this.machine = new MvccStateMachine({ store, clock, scheduler });
    this.machine.attach(host);
    this.proposer = new Proposer({
      replica: this.machine,
      clock,
      random,
      submit: (commands) => cluster.submit(commands),
      ...options,
    });
  }

  /** Applies the next entry of the log, if there is one. */
  applyOne(): boolean {
    const entry = this.#cluster.log[this.machine.applied().index];
    if (entry === undefined) return false;
    if (!this.machine.prepare(entry, () => undefined)) throw new Error('everything is in memory');
    this.machine.apply(entry);
    return true;
  }

  applyAll(): void {
    while (this.applyOne());
  }

  /** Jumps over the log by way of a snapshot, as a member that was away for long. */
  installFrom(other: Process): void {
    const image = other.store.checkpoint();
    if (image.state.appliedIndex <= this.machine.applied().index) return;
    this.store.incoming = image;
    const { appliedIndex: index, appliedTerm: term } = image.state;
    const conf = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    this.machine.installSnapshot({ index, term, conf, size: 0 });
  }

  /** The process dies and starts again from its last checkpoint. */
  restart(): Process {
    this.proposer.close();
    return new Process(this.#cluster, new MemoryStore(this.store.image));
  }
}

/** A log, and a network that loses, repeats and reorders what is on its way into it. */
export class WriteCluster {
  readonly clock = new VirtualClock();
  readonly scheduler = new ManualScheduler();
  readonly log: CommittedEntry[] = [];
  readonly random: Random;
  readonly leader: Process;
  faults: Faults = { refusePercent: 0, losePercent: 0, repeatPercent: 0, reorderPercent: 0 };
  #network: (readonly Uint8Array[])[] = [];

  constructor(random: Random) {
    this.random = random;
    this.leader = new Process(this, new MemoryStore());
  }

  get onTheWay(): number {
    return this.#network.length;
  }

  submit(commands: readonly Uint8Array[]): SubmitResult {
    if (this.#happens(this.faults.refusePercent)) return { ok: false, reason: 'overloaded' };
    if (this.#happens(this.faults.losePercent)) return { ok: true };
    this.#network.push(commands);
    if (this.#happens(this.faults.repeatPercent)) this.#network.push(commands);
    return { ok: true };
  }

  /** The leader changed: what was on its way is gone. */
  dropAll(): void {
    this.#network = [];
  }

  /** Some of what is on its way is committed, as one entry. */
  commit(): void {
    const commands: Uint8Array[] = [];
    do {
      const late = this.#happens(this.faults.reorderPercent) ? this.random.nextInt(this.#network.length) : 0;
      commands.push(...(this.#network.splice(late, 1)[0] ?? []));
    } while (this.#network.length > 0 && this.random.nextInt(3) > 0);
    this.append(commands);
  }

  append(commands: readonly Uint8Array[]): void {
    this.log.push({ index: this.log.length + 1, term: 1, stampMs: this.clock.now(), wallMs: 0, commands });
    this.leader.applyAll();
  }

  /** Ends sessions that are due, as a leader does. */
  endExpired(): void {
    const ids = this.leader.machine.expiredSessions(this.clock.now());
    if (ids.length > 0) this.append(ids.map(encodeEndSession));
  }

  #happens(percent: number): boolean {
    return this.random.nextInt(100) < percent;
  }
}
