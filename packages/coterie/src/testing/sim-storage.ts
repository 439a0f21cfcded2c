import { CoterieError, InvariantError } from '@coterie/errors';
import { InlineWalRunner, type Condemned, type DataDirPorts, type Store, type WalRunner } from '@coterie/mvcc';
import { ModelOrderedStores, SimDisk, SimulatedStop } from '@coterie/mvcc/testing';

import type { ProcessTime, SeededRandom, VirtualTime } from '@coterie/raft/testing';
import type { Identity } from '../data-dir/identity.js';
import { PortStorage } from '../data-dir/port-storage.js';
import type { MemberLog, PeerStorage } from '../data-dir/storage.js';
import { DiskPace } from './disk-pace.js';
import { diskPoint, Sabotage } from './sabotage.js';
import { failingLog, failingStore, type Pass } from './sim-failpoints.js';

/** How long the parts of a commit take on a healthy disk, in ms. */
const logMs = { write: 0.05, sync: 0.4, maintain: 1 } as const;
/** The same for one operation of store or history. */
const storeMs = 0.3;

/** What a disk in trouble may take for one write or sync, in ms, without an error. */
const longStallMs = 5000;

/** One simulated computer's disks. They outlive the processes that run on it. */
export class SimMachine {
  readonly time: VirtualTime;
  readonly random: SeededRandom;
  disk: SimDisk;
  ordered: ModelOrderedStores;
  /** Counts the disks this machine has had. */
  incarnation = 0;
  /** Faults that wait for their moment; they stay over restarts and new disks. */
  readonly sabotage = new Sabotage(() => this.#wire());
  /** What the disk holds is not what was written, so that a process may refuse it with ERR_CORRUPT. */
  damaged = false;
  /** That is in its store alone, which its process can build anew by itself. */
  healable = false;
  /** An operation of this process has failed, or was answered wrongly: it may stop with such an error. */
  readonly excuses = { storage: false, corrupt: false };
  /**
   * Syncs of the log that are still to come before a reader can find a damage: until later records tell of it, what a
   * misdirected write left out looks like the end of the log.
   */
  untraceable = 0;
  /** Operations of the log that took {@link longStallMs} or more. */
  longStalls = 0;
  /** Operations of store and history that have ended. */
  storeOperations = 0;
  readonly #logPace: DiskPace;
  readonly #storePace: DiskPace;
  #lostBefore = 0;

  constructor(time: VirtualTime, random: SeededRandom) {
    this.time = time;
    this.random = random;
    this.#logPace = new DiskPace(time);
    this.#storePace = new DiskPace(time);
    this.disk = this.#newDisk();
    this.ordered = this.#newOrdered();
  }

  /** Multiplies what every operation of the log takes. */
  get slowness(): number {
    return this.#logPace.slowness;
  }

  set slowness(slowness: number) {
    this.#logPace.slowness = slowness;
  }

  /** The same for store and history: a checkpoint that is faster than the log must wait for it. */
  get storeSlowness(): number {
    return this.#storePace.slowness;
  }

  set storeSlowness(slowness: number) {
    this.#storePace.slowness = slowness;
  }

  get lostSectors(): number {
    return this.#lostBefore + this.disk.counters.lostSectors;
  }

  /** A process begins. */
  booted(): void {
    this.excuses.storage = this.disk.capacityBytes !== Infinity;
    this.excuses.corrupt = false;
  }

  /** Whether a fault of its disks explains that a process stopped with this error; never a broken invariant. */
  explains(error: Error): boolean {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      if (cause instanceof InvariantError) return false;
    }
    const code = error instanceof CoterieError ? error.code : undefined;
    if (code === 'ERR_CORRUPT') return this.damaged || this.excuses.corrupt;
    return this.excuses.storage && (code === 'ERR_STORAGE' || code === 'ERR_NO_SPACE');
  }

  /**
   * A point between the parts of a process is reached; a plan may let the process die before or after it. What a dead
   * process still does until its call stack ends has no effect: its disks, network and time are gone.
   */
  readonly pass: Pass = (point, act) => {
    const strike = this.sabotage.idle ? undefined : this.sabotage.strike(point);
    if (strike?.kind !== 'stop') return act();
    if (strike.when === 'before') strike.struck();
    const result = act();
    if (strike.when !== 'before') strike.struck();
    return result;
  };

  /** The process dies, the page cache stays. */
  kill(): void {
    if (this.untraceable > 0) {
      this.wipe();
      return;
    }
    this.disk.kill();
    this.ordered.kill();
  }

  /** What was not synced is lost, in any combination. */
  losePower(): void {
    if (this.untraceable > 0) {
      this.wipe();
      return;
    }
    this.disk.crash();
    this.ordered.crash(() => this.random.chance(0.5));
  }

  /** A new, empty disk. */
  wipe(): void {
    this.disk.kill();
    this.ordered.kill();
    this.#lostBefore = this.lostSectors;
    this.incarnation++;
    this.damaged = this.healable = false;
    this.untraceable = 0;
    this.disk = this.#newDisk();
    this.ordered = this.#newOrdered();
    this.#wire();
  }

  /** How long a step of the log takes now. */
  logLatency(step: keyof typeof logMs): number {
    return logMs[step] * this.slowness * (0.5 + this.random.next());
  }

  /** Calls it so much later, sooner if the disk of the log is mended meanwhile. */
  afterLog(ms: number, fn: () => void): void {
    const begun = this.time.now;
    this.#logPace.schedule(ms, () => {
      if (this.time.now - begun >= longStallMs) this.longStalls++;
      fn();
    });
  }

  #afterStore(ms: number, fn: () => void): void {
    this.#storePace.schedule(ms, () => {
      this.storeOperations++;
      fn();
    });
  }

  #storeLatency(): number {
    return storeMs * this.storeSlowness * (0.5 + this.random.next());
  }

  #wire(): void {
    const { sabotage } = this;
    if (sabotage.idle && this.untraceable === 0) {
      this.disk.saboteur = this.ordered.saboteur = undefined;
      return;
    }
    this.disk.saboteur = (operation, path) => {
      const point = diskPoint(operation, path);
      if (point === 'wal.datasync' && this.untraceable > 0) this.untraceable--;
      return sabotage.strike(point);
    };
    this.ordered.saboteur = (operation) => sabotage.strike(`kv.${operation}`);
  }

  #newDisk(): SimDisk {
    return new SimDisk({
      random: this.random,
      schedule: (ms, fn) => this.#afterStore(ms, fn),
      latencyMs: () => this.#storeLatency(),
    });
  }

  #newOrdered(): ModelOrderedStores {
    return new ModelOrderedStores((fn) => this.#afterStore(this.#storeLatency(), fn), this.random);
  }
}

interface Process {
  readonly process: ProcessTime;
  readonly dead: () => boolean;
  readonly limits: {
    readonly checkpointBytes: number;
    readonly checkpointBatchBytes: number;
    readonly segmentBytes: number;
  };
  /** Every log passes through here when it is opened. */
  watchLog(log: MemberLog, identity: Identity): MemberLog;
  logErased(): void;
  /** The process has given up its stored state, or has a sound one again. */
  condemned(reason: string): void;
  rebuilt(): void;
  /** A checkpoint of the state at this index is durable. */
  checkpointed(index: number): void;
}

/**
 * What one process sees of its machine's disks: the code of production over simulated files, and nothing once the
 * process is dead.
 */
export function simStorage(machine: SimMachine, process: Process): { readonly storage: PeerStorage; abandon(): void } {
  const { dead, limits } = process;
  const { turns } = process.process;
  const runners: InlineWalRunner[] = [];
  // A promise chain of a dead process may run on for a few steps; the disk of its successor must not feel them.
  const files = whileAlive(machine.disk.files, dead);
  const newRunner = (): WalRunner => {
    const later = (ms: number, fn: () => void): void => machine.afterLog(ms, () => (dead() ? undefined : fn()));
    const runner = new InlineWalRunner({ fs: files, schedule: later, latencyMs: (step) => machine.logLatency(step) });
    runners.push(runner);
    return whileRunning(runner, process.process);
  };
  const storage = new WatchedStorage(
    {
      dir: 'data',
      files,
      background: whileAlive(machine.disk.background, dead),
      ordered: machine.ordered,
      newRunner,
      defer: (fn) => turns.defer(fn),
      segmentBytes: limits.segmentBytes,
      storeLimits: { ...limits, sliceRecords: 16, sliceBytes: 4096, recentBytes: 4096, cacheBytes: 6144 },
    },
    machine,
    process,
  );
  return { storage, abandon: () => runners.forEach((runner) => runner.abandon()) };
}

/** The log's thread goes on while its process stands still; what it reports waits. */
function whileRunning(runner: InlineWalRunner, process: ProcessTime): WalRunner {
  return {
    get syncCount() {
      return runner.syncCount;
    },
    get outOfSpace() {
      return runner.outOfSpace;
    },
    start: (init, host) =>
      runner.start(init, {
        completed: (batches) => process.run(() => host.completed(batches)),
        failed: (error) => process.run(() => host.failed(error)),
      }),
    reserve: (bytes) => runner.reserve(bytes),
    publish: () => runner.publish(),
    close: () => runner.close(),
    abandon: () => runner.abandon(),
  };
}

class WatchedStorage extends PortStorage {
  readonly #machine: SimMachine;
  readonly #process: Process;

  constructor(ports: DataDirPorts, machine: SimMachine, process: Process) {
    super(ports);
    this.#machine = machine;
    this.#process = process;
  }

  override saveIdentity(identity: Identity): void {
    if (identity.memberId === undefined) super.saveIdentity(identity);
    else this.#machine.pass('member.identity', () => super.saveIdentity(identity));
  }

  override openLog(identity: Identity): MemberLog {
    const { pass } = this.#machine;
    const log = pass('log.open', () => super.openLog(identity));
    return this.#process.watchLog(failingLog(log, pass), identity);
  }

  override openStore(minAppliedIndex: number): Promise<Store> {
    const { pass } = this.#machine;
    return pass('store.open', () => super.openStore(minAppliedIndex)).then((store) =>
      failingStore(store, pass, (index) => this.#process.checkpointed(index)),
    );
  }

  override condemnStore(why: Condemned): void {
    this.#process.condemned(why.reason);
    this.#machine.pass('rebuild.condemn', () => super.condemnStore(why));
  }

  override discardStore(): Promise<void> {
    return this.#machine.pass('rebuild.discard', () => super.discardStore());
  }

  override storeRebuilt(): void {
    const condemned = this.condemned() !== undefined;
    this.#machine.pass('rebuild.end', () => super.storeRebuilt());
    if (condemned && !this.#process.dead()) this.#process.rebuilt();
  }

  override async erase(): Promise<void> {
    this.#process.logErased();
    await this.#machine.pass('member.erase', () => super.erase());
  }
}

function whileAlive<T extends object>(port: T, dead: () => boolean): T {
  return new Proxy(port, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        if (dead()) throw new SimulatedStop('the process is dead');
        return (member as (...args: unknown[]) => unknown).apply(target, args);
      };
    },
  });
}
