import { CoterieError } from '@coterie/errors';
import { MemoryNetwork, type ConfState, type Message, type RaftEvent } from '@coterie/raft';
import { SeededRandom, VirtualTime } from '@coterie/raft/testing';
import { ChangeRecorder } from './checks/change-recorder.js';
import { LeaseLedger } from './checks/lease-ledger.js';
import { SafetyChecks } from './checks/safety-checks.js';
import { FaultAtlas } from './fault-atlas.js';
import { linkIds, SimMember } from './sim-member.js';
import { SimMachine } from './sim-storage.js';
import { SimCounts } from './sim-counts.js';
import type { SimParameters } from './sim-swarm.js';

/** A watch that ended with its member's state is begun again so much later, in ms. */
const attachAgainMs = 20;

/** Everything of one simulated cluster: time, chance, network, machines, and the processes that run on them now. */
export class SimWorld {
  readonly time = new VirtualTime();
  readonly random: SeededRandom;
  readonly network: MemoryNetwork;
  readonly peers: Readonly<Record<string, string>>;
  readonly links: ReadonlyMap<string, number>;
  readonly machines = new Map<string, SimMachine>();
  readonly running = new Map<string, SimMember>();
  readonly checks: SafetyChecks;
  readonly recorder: ChangeRecorder;
  readonly leases: LeaseLedger;
  readonly counts = new SimCounts();
  readonly problems: string[] = [];
  readonly parameters: SimParameters;
  /** The member ids of those whose machines hold a member that has applied a configuration. */
  readonly enrolled = new Map<string, number>();
  /** Changes of the membership that were tried, disks lost included: those lead to some. */
  confChanges = 0;
  readonly #onBoot: ((member: SimMember) => void)[] = [];
  #confIndex = 0;
  /** Which disks may be damaged or lost. */
  readonly atlas = new FaultAtlas(this);
  /** Takes care of a member that a fault of its disks has stopped. */
  onDiskFailure: ((member: SimMember, error: Error) => void) | undefined;
  #hash = 0x811c9dc5;

  constructor(seed: number, parameters: SimParameters) {
    this.random = new SeededRandom(seed);
    this.parameters = parameters;
    this.counts.declare([
      'configuration changed',
      'member replaced in one change',
      'snapshot installed',
      'rebuild begun',
      'rebuild ended',
      'core of a part',
      'write of each member of a core',
      'core of all',
    ]);
    this.network = new MemoryNetwork({
      schedule: (ms, fn) => this.time.schedule(ms, fn),
      random: this.random,
      maxFrames: parameters.linkFrames,
      snapshotChunkBytes: parameters.snapshotChunkBytes,
    });
    const names = Array.from({ length: parameters.members }, (_, i) => String.fromCharCode(97 + i));
    this.peers = Object.fromEntries(names.map((name) => [name, `memory://${name}`]));
    this.links = linkIds(this.peers);
    this.checks = new SafetyChecks(parameters.options, (problem) => this.report(problem), this.#mixed);
    const { leaseReads } = parameters.options;
    this.leases = new LeaseLedger((problem) => this.report(problem), this.counts, leaseReads);
    this.recorder = new ChangeRecorder(
      (problem) => this.report(problem),
      (fn) => this.time.schedule(attachAgainMs, fn),
      (revision, events) => this.leases.shown(revision, events),
    );
    for (const name of names) this.machines.set(name, new SimMachine(this.time, this.random));
  }

  get names(): readonly string[] {
    return [...this.machines.keys()];
  }

  get alive(): readonly SimMember[] {
    return [...this.running.values()];
  }

  /** The leader of the highest term, of those that run. */
  get leader(): SimMember | undefined {
    let found: SimMember | undefined;
    for (const member of this.running.values()) {
      const node = member.engine.replica?.node;
      if (node?.isLeader === true && node.term > (found?.engine.replica?.node.term ?? 0)) found = member;
    }
    return found;
  }

  /** Told of every process that starts. */
  onBoot(fn: (member: SimMember) => void): void {
    this.#onBoot.push(fn);
  }

  report(problem: string): void {
    if (this.problems.length < 20) this.problems.push(`at ${(this.time.now / 1000).toFixed(3)} s: ${problem}`);
  }

  /** Every event of every member goes into one number: two runs of a seed that differ anywhere differ here. */
  note(text: string): void {
    let hash = this.#hash;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.#hash = Math.imul(hash ^ Math.floor(this.time.now * 1000), 0x01000193);
  }

  get eventHash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  boot(name: string): SimMember {
    const member = new SimMember(name, this.machines.get(name)!, {
      time: this.time,
      random: this.random,
      network: this.network,
      peers: this.peers,
      parameters: this.parameters,
      checks: this.checks,
      onDelivered: (message) => this.#onDelivered(message),
      onEvent: (from, event) => this.#onEvent(from, event),
      onCondemned: (from, reason) => this.#onCondemned(from, reason),
      onRebuilt: (from) => this.#onRebuilt(from),
    });
    this.running.set(name, member);
    this.note(`boot ${name}`);
    this.recorder.attach(member);
    for (const fn of this.#onBoot) fn(member);
    member.engine.start().catch((error: unknown) => {
      if (!member.dead) this.#stopped(member, error as Error, 'does not open');
    });
    return member;
  }

  die(name: string, how: 'kill' | 'power' | 'wipe'): void {
    const member = this.running.get(name);
    if (member === undefined) return;
    if (how === 'wipe') this.atlas.lose(member);
    this.running.delete(name);
    this.note(`${how} ${name}`);
    this.counts.add(how === 'kill' ? 'process killed' : how === 'power' ? 'power lost' : 'disk lost');
    if (how === 'wipe') {
      this.enrolled.delete(name);
      this.confChanges++;
    }
    member.die(how);
  }

  cut(from: string, to: string): void {
    this.counts.add('link cut');
    this.note(`cut ${from} ${to}`);
    this.network.cut(this.links.get(from)!, this.links.get(to)!);
  }

  /** A member refuses to go on: right where its disk gave it a reason, and wrong otherwise. */
  #stopped(member: SimMember, error: Error, what: string): void {
    const code = error instanceof CoterieError ? error.code : undefined;
    this.note(`${member.name} ${what} ${code}`);
    if (member.machine.explains(error)) this.onDiskFailure?.(member, error);
    else this.report(`${member.name} ${what}: ${String(error)}`);
  }

  /** A member says that its stored state is damaged, or another one than a majority's. */
  #onCondemned(member: SimMember, reason: string): void {
    if (member.dead) return;
    this.note(`${member.name} condemns its store`);
    this.counts.add('rebuild begun');
    if (!member.machine.damaged && !member.machine.excuses.corrupt)
      this.report(`rebuild: ${member.name} condemns its store without a fault of its disk: ${reason}`);
  }

  #onRebuilt(member: SimMember): void {
    const { machine, name } = member;
    this.note(`${name} is rebuilt`);
    this.counts.add('rebuild ended');
    this.checks.rebuilt(member);
    if (!machine.healable) return;
    machine.damaged = machine.healable = false;
    this.atlas.spare(this.enrolled.get(name));
  }

  #onEvent(member: SimMember, event: RaftEvent): void {
    this.note(event.type);
    this.note(member.name);
    if ('index' in event) this.#mix(event.index);
    if (event.type === 'applied') {
      const { chain = 0 } = member.engine.replica?.machine.stateHash() ?? {};
      this.#mix(chain);
      this.leases.applied(member);
    }
    if (event.type === 'role') {
      this.note(event.role);
      this.#mix(event.term);
    }
    // It builds its state anew, for a reason that was looked at already.
    const heals = member.engine.status.state === 'rebuilding';
    if (event.type === 'failed' && !heals) this.#stopped(member, event.error, 'stopped itself');
    if (event.type === 'conf') this.#onConf(member, event.index, event.conf);
    if (event.type === 'snapshot' && event.action === 'installed') this.counts.add('snapshot installed');
    this.checks.onEvent(member, event);
  }

  /** Length and first letter tell the types of messages apart. */
  #onDelivered({ type, from, to, term, ...rest }: Message): void {
    this.#mixed((type.length << 8) ^ type.charCodeAt(0), from * 64 + to, term);
    if ('index' in rest && typeof rest.index === 'number') this.#mix(rest.index);
    if (type === 'append' && 'prevIndex' in rest) this.#mix(rest.prevIndex);
  }

  /** Counted once, whoever applies it first. */
  #onConf(member: SimMember, index: number, { voters, votersOutgoing }: ConfState): void {
    this.enrolled.set(member.name, member.engine.replica?.identity.memberId ?? 0);
    if (index <= this.#confIndex) return;
    this.#confIndex = index;
    this.counts.add('configuration changed');
    const comes = votersOutgoing.length > 0 && voters.some((id) => !votersOutgoing.includes(id));
    if (comes && votersOutgoing.some((id) => !voters.includes(id))) this.counts.add('member replaced in one change');
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x01000193);
  }

  /** Numbers of something that happened, and when it did. */
  readonly #mixed = (a: number, b: number, c: number): void => {
    this.#mix(a);
    this.#mix(b);
    this.#mix(c);
    this.#mix(Math.floor(this.time.now * 1000));
  };
}
