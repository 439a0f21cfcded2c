import {
  InlineWalRunner,
  openLevelStore,
  Wal,
  writeFileAtomically,
  type BackgroundFiles,
  type FileSystem,
  type Store,
} from '@coterie/mvcc';
import { ModelOrderedStores, SimDisk, SimulatedStop } from '@coterie/mvcc/testing';
import type { Clock, TurnScheduler } from '@coterie/raft';
import type { SeededRandom, VirtualTime } from '@coterie/raft/testing';
import { decodeIdentity, encodeIdentity, type Identity } from '../data-dir/identity.js';
import { logMetadata } from '../data-dir/log-metadata.js';
import type { MemberLog, PeerStorage } from '../data-dir/storage.js';
import { AckBeforeSyncLog, NoRedoLog } from './sim-mutant-logs.js';
import type { Mutant } from './sim-mutants.js';

/** How long the parts of a commit take on a healthy disk, in ms. */
const diskMs = { write: 0.05, sync: 0.4, maintain: 1, background: 0.3 } as const;

/** One simulated computer's disks. They outlive the processes that run on it. */
export class SimMachine {
  readonly time: VirtualTime;
  readonly random: SeededRandom;
  readonly mutant: Mutant | undefined;
  disk: SimDisk;
  ordered: ModelOrderedStores;
  /** Multiplies what every disk operation takes. */
  slowness = 1;
  /** Counts the disks this machine has had. */
  incarnation = 0;
  #lostBefore = 0;

  constructor(time: VirtualTime, random: SeededRandom, mutant: Mutant | undefined) {
    this.time = time;
    this.random = random;
    this.mutant = mutant;
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
    return diskMs[step] * this.slowness * (0.5 + this.random.next());
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
  readonly clock: Clock;
  readonly turns: TurnScheduler;
  readonly time: VirtualTime;
  readonly dead: () => boolean;
  readonly limits: { readonly checkpointBytes: number; readonly segmentBytes: number };
}

/** What one process sees of its machine's disks: the code of production over simulated files, and nothing once the process is dead. */
export class SimStorage implements PeerStorage {
  readonly #machine: SimMachine;
  readonly #process: Process;
  readonly #files: FileSystem;
  readonly #background: BackgroundFiles;
  readonly #runners: InlineWalRunner[] = [];

  constructor(machine: SimMachine, process: Process) {
    this.#machine = machine;
    this.#process = process;
    // A promise chain of a dead process may run on for a few steps; the disk of its successor must not feel them.
    this.#files = whileAlive(machine.disk.files, process.dead);
    this.#background = whileAlive(machine.disk.background, process.dead);
  }

  inspect(): Identity | undefined {
    return this.#files.exists('data/IDENTITY') ? decodeIdentity(this.#files.readFile('data/IDENTITY')) : undefined;
  }

  open(): void {
    if (!this.#files.exists('data')) this.#files.mkdir('data');
  }

  saveIdentity(identity: Identity): void {
    writeFileAtomically(this.#files, 'data/IDENTITY', encodeIdentity(identity));
  }

  async erase(): Promise<void> {
    eraseTree(this.#files, 'data/wal');
    eraseTree(this.#files, 'data/store');
    await this.#machine.ordered.destroy('data/store');
  }

  hasLog(): boolean {
    return this.#files.exists('data/wal');
  }

  openLog(identity: Identity): MemberLog {
    const { time, dead, limits } = this.#process;
    const runner = new InlineWalRunner({
      fs: this.#files,
      schedule: (ms, fn) =>
        time.schedule(ms, () => {
          if (!dead()) fn();
        }),
      latencyMs: (step) => this.#machine.latency(step),
    });
    this.#runners.push(runner);
    const wal = Wal.open({
      dir: 'data/wal',
      fs: this.#files,
      runner,
      metadata: logMetadata(identity),
      segmentBytes: limits.segmentBytes,
    });
    if (this.#machine.mutant === 'ack-before-sync') return new AckBeforeSyncLog(wal, this.#process.turns);
    if (this.#machine.mutant === 'no-redo') return new NoRedoLog(wal);
    return wal;
  }

  openStore(minAppliedIndex: number): Promise<Store> {
    const { limits, turns } = this.#process;
    return openLevelStore({
      directory: 'data/store',
      files: this.#files,
      background: this.#background,
      ordered: this.#machine.ordered,
      defer: (fn) => turns.defer(fn),
      minAppliedIndex,
      limits: { checkpointBytes: limits.checkpointBytes, segmentBytes: limits.segmentBytes, sliceRecords: 16, recentBytes: 4096 },
    });
  }

  release(): void {
    this.abandon();
  }

  abandon(): void {
    for (const runner of this.#runners) runner.abandon();
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

function eraseTree(files: FileSystem, path: string): void {
  if (!files.exists(path)) return;
  for (const name of files.readdir(path)) {
    const child = `${path}/${name}`;
    if (isDirectory(files, child)) eraseTree(files, child);
    else files.unlink(child);
  }
}

function isDirectory(files: FileSystem, path: string): boolean {
  try {
    files.readdir(path);
    return true;
  } catch {
    return false;
  }
}
