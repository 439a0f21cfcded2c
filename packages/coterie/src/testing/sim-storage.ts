import { InlineWalRunner, type WalRunner } from '@coterie/mvcc';
import { ModelOrderedStores, SimDisk, SimulatedStop } from '@coterie/mvcc/testing';

import type { ProcessTime, SeededRandom, VirtualTime } from '@coterie/raft/testing';
import type { Identity } from '../data-dir/identity.js';
import { PortStorage, type StoragePorts } from '../data-dir/port-storage.js';
import type { MemberLog, PeerStorage } from '../data-dir/storage.js';

/** How long the parts of a commit take on a healthy disk, in ms. */
const diskMs = { write: 0.05, sync: 0.4, maintain: 1, background: 0.3 } as const;

/** One simulated computer's disks. They outlive the processes that run on it. */
export class SimMachine {
  readonly time: VirtualTime;
  readonly random: SeededRandom;
  disk: SimDisk;
  ordered: ModelOrderedStores;
  /** Multiplies what every operation of the log takes. */
  slowness = 1;
  /** The same for store and history: a checkpoint that is faster than the log must wait for it. */
  storeSlowness = 1;
  /** Counts the disks this machine has had. */
  incarnation = 0;
  #lostBefore = 0;

  constructor(time: VirtualTime, random: SeededRandom) {
    this.time = time;
    this.random = random;
    this.disk = this.#newDisk();
    this.ordered = this.#newOrdered();
  }

  get lostSectors(): number {
    return this.#lostBefore + this.disk.counters.lostSectors;
  }

  /** The process dies, the page cache stays. */
  kill(): void {
    this.disk.kill();
    this.ordered.kill();
  }

  /** What was not synced is lost, in any combination. */
  losePower(): void {
    this.disk.crash();
    this.ordered.crash(() => this.random.chance(0.5));
  }

  /** A new, empty disk. */
  wipe(): void {
    this.disk.kill();
    this.ordered.kill();
    this.#lostBefore = this.lostSectors;
    this.incarnation++;
    this.disk = this.#newDisk();
    this.ordered = this.#newOrdered();
  }

  latency(step: keyof typeof diskMs): number {
    return diskMs[step] * (step === 'background' ? this.storeSlowness : this.slowness) * (0.5 + this.random.next());
  }

  #newDisk(): SimDisk {
    return new SimDisk({
      random: this.random,
      schedule: (ms, fn) => this.time.schedule(ms, fn),
      latencyMs: () => this.latency('background'),
    });
  }

  #newOrdered(): ModelOrderedStores {
    return new ModelOrderedStores((fn) => this.time.schedule(this.latency('background'), fn));
  }
}

interface Process {
  readonly process: ProcessTime;
  readonly time: VirtualTime;
  readonly dead: () => boolean;
  readonly limits: { readonly checkpointBytes: number; readonly segmentBytes: number };
  /** Every log passes through here when it is opened. */
  watchLog(log: MemberLog, identity: Identity): MemberLog;
  logErased(): void;
}

/**
 * What one process sees of its machine's disks: the code of production over simulated files, and nothing once the
 * process is dead.
 */
export function simStorage(machine: SimMachine, process: Process): { readonly storage: PeerStorage; abandon(): void } {
  const { time, dead, limits } = process;
  const { turns } = process.process;
  const runners: InlineWalRunner[] = [];
  // A promise chain of a dead process may run on for a few steps; the disk of its successor must not feel them.
  const files = whileAlive(machine.disk.files, dead);
  const newRunner = (): WalRunner => {
    const later = (ms: number, fn: () => void): void => time.schedule(ms, () => (dead() ? undefined : fn()));
    const runner = new InlineWalRunner({ fs: files, schedule: later, latencyMs: (step) => machine.latency(step) });
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
      storeLimits: { ...limits, sliceRecords: 16, recentBytes: 4096 },
    },
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
  readonly #process: Process;

  constructor(ports: StoragePorts, process: Process) {
    super(ports);
    this.#process = process;
  }

  override openLog(identity: Identity): MemberLog {
    return this.#process.watchLog(super.openLog(identity), identity);
  }

  override async erase(): Promise<void> {
    this.#process.logErased();
    await super.erase();
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
