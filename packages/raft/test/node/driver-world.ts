import { invariant } from '@coterie/errors';
import {
  completeNodeOptions,
  foundingBatch,
  MemoryNetwork,
  RaftNode,
  type AppendBatch,
  type ClusterState,
  type CommandFilter,
  type CommittedEntry,
  type CoreConfig,
  type Entry,
  type LoadedLog,
  type LogStorage,
  type NodeOptions,
  type RaftEvent,
  type SnapshotStore,
  type StateMachine,
  type StateMachineHost,
  type Transport,
} from '../../src/index.js';
import { SeededRandom, VirtualTime, type ProcessTime } from '../../src/testing/index.js';

/** A log whose durable part survives the process, with the order rules of the port. */
export class TestLog implements LogStorage {
  entries: Entry[] = [];
  hardState = { term: 0, vote: 0, commit: 0 };
  start = { index: 0, term: 0 };
  syncCount = 0;
  constructor(private readonly complete: (fn: () => void) => void) {}
  load(): LoadedLog {
    return { hardState: this.hardState, start: this.start, entries: [...this.entries] };
  }
  append(batch: AppendBatch, done: (error?: Error) => void): void {
    this.complete(() => {
      this.write(batch);
      done();
    });
  }
  write(batch: AppendBatch): void {
    if (batch.entries.length > 0) this.entries.splice(batch.entries[0]!.index - this.start.index - 1);
    this.entries.push(...batch.entries);
    if (batch.hardState !== undefined) this.hardState = batch.hardState;
    this.syncCount++;
  }
  release(): void {}
  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Keeps the commands it was given; forgets everything with its process, as a machine without checkpoints does. */
export class ListMachine implements StateMachine, SnapshotStore {
  readonly commands: string[] = [];
  readonly stamps: number[] = [];
  prepared: (() => void) | undefined;
  holdPrepare = false;
  #applied = { index: 0, term: 0 };
  #cluster: ClusterState | undefined;
  #logTimeMs = 0;
  applied() {
    return this.#applied;
  }
  cluster() {
    return this.#cluster;
  }
  logTimeMs() {
    return this.#logTimeMs;
  }
  attach(_host: StateMachineHost): void {}
  prepare(_entry: CommittedEntry, ready: () => void): boolean {
    if (!this.holdPrepare) return true;
    this.prepared = ready;
    return false;
  }
  apply(entry: CommittedEntry): void {
    invariant(entry.index > this.#applied.index, 'in order');
    this.#applied = { index: entry.index, term: entry.term };
    for (const command of entry.commands) this.commands.push(Buffer.from(command).toString());
    if (entry.commands.length > 0) this.stamps.push(entry.stampMs);
    this.#logTimeMs = Math.max(this.#logTimeMs, entry.stampMs);
  }
  applyCluster(at: { index: number; term: number }, state: ClusterState): void {
    this.#applied = at;
    this.#cluster = state;
  }
  logDurable(): void {}
  openSnapshot(): Promise<never> {
    return Promise.reject(new Error('no snapshots'));
  }
  receiveSnapshot(): Promise<never> {
    return Promise.reject(new Error('no snapshots'));
  }
  installSnapshot(): void {
    throw new Error('no snapshots');
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

export interface TestMember {
  readonly id: number;
  readonly log: TestLog;
  machine: ListMachine;
  node: RaftNode;
  transport: Transport;
  process: ProcessTime;
  events: RaftEvent[];
  dead: boolean;
}

export interface WorldOptions {
  readonly options?: Partial<NodeOptions>;
  readonly core?: Partial<CoreConfig>;
  /** Frames on the way from one member to another; default 10,000. */
  readonly maxFrames?: number;
  optionsOf?(id: number): Partial<NodeOptions>;
  filterOf?(id: number): CommandFilter;
}

/** Drivers over the memory network in virtual time. */
export class DriverWorld {
  readonly time = new VirtualTime();
  readonly random: SeededRandom;
  readonly network: MemoryNetwork;
  readonly members: TestMember[] = [];
  syncMs = 1;

  constructor(
    count: number,
    seed: number,
    private readonly more: WorldOptions = {},
  ) {
    this.random = new SeededRandom(seed);
    this.network = new MemoryNetwork({
      schedule: (ms, fn) => this.time.schedule(ms, fn),
      random: this.random,
      maxFrames: more.maxFrames,
    });
    for (let id = 1; id <= count; id++) {
      const log = new TestLog((fn) => this.time.schedule(this.syncMs, fn));
      log.write(foundingBatch(Array.from({ length: count }, () => new Uint8Array([1]))));
      this.members.push(this.boot(id, log));
    }
  }

  boot(id: number, log: TestLog): TestMember {
    const member = { id, log, events: [] as RaftEvent[], dead: false } as unknown as TestMember;
    member.process = this.time.process(() => member.dead);
    const { process } = member;
    const { clock, turns } = process;
    member.machine = new ListMachine();
    member.transport = this.network.transport();
    const peers = [1, 2, 3, 4, 5].map((each) => ({ id: each, name: `n${each}`, address: `memory:${each}` }));
    member.transport.setPeers(peers.filter((peer) => peer.id !== id));
    void member.transport.start({
      self: peers[id - 1]!,
      clusterId: 'test',
      onMessages: (_from, messages) => process.run(() => member.node.receive(messages)),
      onBytes: (_from, bytes) => process.run(() => member.node.receiveForwarded(bytes)),
      onSnapshot: () => Promise.reject(new Error('none')),
      onUnreachable: (peer, reason) => process.run(() => member.node.unreachable(peer, reason)),
    });
    member.node = new RaftNode({
      id,
      options: completeNodeOptions({ ...this.more.options, ...this.more.optionsOf?.(id) }),
      core: this.more.core ?? {},
      loaded: log.load(),
      storage: log,
      machine: member.machine,
      snapshots: member.machine,
      transport: member.transport,
      clock,
      turns,
      wall: { wallMs: () => 1_700_000_000_000 + this.time.now },
      random: this.random,
      observer: (event) => member.events.push(event),
      ...(this.more.filterOf && { filter: this.more.filterOf(id) }),
    });
    return member;
  }

  run(ms: number): void {
    const until = this.time.now + ms;
    while (this.time.step(until));
  }

  /** Runs until it holds. @throws when it does not within `ms` */
  until(claim: string, condition: () => boolean, ms = 20_000): void {
    const until = this.time.now + ms;
    while (!condition()) if (!this.time.step(until)) throw new Error(`not within ${ms} ms: ${claim}`);
  }

  leader(): TestMember {
    this.until('a leader that all follow', () => {
      const alive = this.members.filter((m) => !m.dead);
      const leader = alive.find((m) => m.node.isLeader);
      return leader !== undefined && alive.every((m) => m.node.leader === leader.id);
    });
    return this.members.find((m) => !m.dead && m.node.isLeader)!;
  }

  kill(member: TestMember): void {
    member.dead = true;
    member.node.stop();
    void member.transport.close();
  }

  restart(member: TestMember): TestMember {
    const again = this.boot(member.id, member.log);
    this.members[this.members.indexOf(member)] = again;
    return again;
  }
}

export function command(text: string): Uint8Array {
  return Buffer.from(text);
}
