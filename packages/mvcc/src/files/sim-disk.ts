import type { Random } from '@coterie/raft';
import type { BackgroundFiles, FileDone, FileResult } from './background-files.js';
import type { FileHandle, FileSystem, OpenMode } from './file-system.js';
import { happens, sectorBytes, type SimInode } from './sim-inode.js';
import { SimNames, systemError } from './sim-names.js';
import { flipSomeBit, type DiskOperation, type DiskSaboteur, type DiskStrike } from './sim-strike.js';

/** Chances from 0 to 1, drawn at each operation; all default to 0. */
export interface DiskFaults {
  /** A write puts a part of its bytes and fails with EIO. */
  readonly writeError: number;
  /** A sync makes some of its sectors durable, forgets the others and fails with EIO. */
  readonly syncError: number;
}

export interface SimDiskOptions {
  /** The only source of chance. */
  readonly random: Random;
  /** Virtual time: calls `fn` once, `latencyMs` later. */
  readonly schedule: (latencyMs: number, fn: () => void) => void;
  /** How long a background operation takes, in ms. Default: 0.1. */
  readonly latencyMs?: (operation: DiskOperation, bytes: number) => number;
  /** Room for the contents of all files; writes beyond it fail with ENOSPC. Default: no limit. Adjustable. */
  readonly capacityBytes?: number;
  readonly faults?: Partial<DiskFaults>;
}

/** How often each fault fired: a run in which a fault is 0 has not tested it. */
export interface DiskCounters {
  calls: number;
  powerLosses: number;
  kills: number;
  lostSectors: number;
  lostNames: number;
  writeErrors: number;
  syncErrors: number;
  scriptedErrors: number;
  noSpace: number;
  bitFlips: number;
  misdirectedWrites: number;
  shortReads: number;
}

/** What every call throws once the process was stopped in the middle of one: nothing may catch it and go on. */
export class SimulatedStop extends Error {
  override readonly name = 'SimulatedStop';
}

/** What a strike does to a read or a write that goes on. */
type Twist = Exclude<DiskStrike['kind'], 'stop' | 'error'>;

interface OpenFile {
  readonly node: SimInode;
  readonly path: string;
  readonly writable: boolean;
}

/**
 * A disk of virtual time that forgets what was not synced.
 *
 * Both file ports stand on it. {@link crash} is a power loss: of every unsynced 512-byte sector one of its contents
 * since the last sync survives, of every unsynced name either state. {@link kill} is the death of the process alone:
 * the page cache stays. After either the disk goes on as a fresh process finds it: handles are gone and callbacks of
 * the old process are never called.
 */
export class SimDisk {
  readonly counters: DiskCounters = {
    calls: 0,
    powerLosses: 0,
    kills: 0,
    lostSectors: 0,
    lostNames: 0,
    writeErrors: 0,
    syncErrors: 0,
    scriptedErrors: 0,
    noSpace: 0,
    bitFlips: 0,
    misdirectedWrites: 0,
    shortReads: 0,
  };
  /** @see SimDiskOptions.capacityBytes */
  capacityBytes: number;
  /** Chances of faults from now on. */
  faults: DiskFaults;
  /** @see DiskSaboteur */
  saboteur: DiskSaboteur | undefined;
  readonly files: FileSystem;
  readonly background: BackgroundFiles;

  readonly #options: SimDiskOptions;
  readonly #random: Random;
  readonly #names = new SimNames();
  readonly #open = new Map<FileHandle, OpenFile>();
  readonly #scripted = new Map<DiskOperation, string[]>();
  /** Background operations that were started and have not completed. */
  readonly #inFlight = new Set<() => void>();
  #handles = 2;
  #stopAtCall = Infinity;
  #stopped = false;

  constructor(options: SimDiskOptions) {
    this.#options = options;
    this.#random = options.random;
    this.capacityBytes = options.capacityBytes ?? Infinity;
    this.faults = { writeError: 0, syncError: 0, ...options.faults };
    this.files = this.#synchronous();
    this.background = this.#later(this.files);
  }

  /** Files that are open now. */
  get openFiles(): number {
    return this.#open.size;
  }

  /** Whether a {@link stopAtCall} has struck. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** The process dies at this call (1 is the next one): before it, in the middle of it or right after it. */
  stopAtCall(call: number): void {
    this.#stopAtCall = this.counters.calls + call;
  }

  /** The next operation of this kind fails with this system error code. Queues up. */
  failNext(operation: DiskOperation, code: string): void {
    const codes = this.#scripted.get(operation);
    if (codes === undefined) this.#scripted.set(operation, [code]);
    else codes.push(code);
  }

  /** Power is lost and comes back. */
  crash(): void {
    this.#forgetProcess();
    this.counters.powerLosses++;
    this.counters.lostNames += this.#names.crash(this.#random);
    // A file can stand under two names when one half of what happened to its name was lost.
    for (const node of new Set([...this.#names.files()].map((file) => file.node)))
      this.counters.lostSectors += node.crash(this.#random);
  }

  /** The process dies; everything it wrote stays in the page cache. */
  kill(): void {
    this.#forgetProcess();
    this.counters.kills++;
  }

  /**
   * Damages one bit of a file at rest; left out, a random one of what is not zeros, where there is such.
   * @returns the bit, counted from the start of the file
   */
  flipBit(path: string, bit?: number): number {
    const node = this.#names.file(path, 'flipBit');
    const flipped = bit ?? flipSomeBit(contentOf(node), this.#random) ?? 0;
    node.flipBit(flipped);
    this.counters.bitFlips++;
    return flipped;
  }

  /** Every file that processes see. */
  get paths(): readonly string[] {
    return [...this.#names.files()].map(({ path }) => path);
  }

  /** What processes see in a file, without any of the faults of reading it. */
  contentOf(path: string): Uint8Array {
    return contentOf(this.#names.file(path, 'open'));
  }

  /** Bytes of all files. */
  get usedBytes(): number {
    let used = 0;
    for (const { node } of this.#names.files()) used += node.size;
    return used;
  }

  #forgetProcess(): void {
    // An operation that was in flight may or may not have reached the disk; its callback belongs to a process that is
    // gone.
    this.#stopped = false;
    this.#stopAtCall = Infinity;
    for (const effect of this.#inFlight) if (this.#random.nextInt(2) === 0) effect();
    this.#inFlight.clear();
    this.#open.clear();
    this.#scripted.clear();
  }

  /** Wraps every operation: the process may die at it, a fault may strike. */
  #run<T>(operation: DiskOperation, what: string, act: (twist?: Twist) => T, half: () => void = () => undefined): T {
    if (this.#stopped) throw new SimulatedStop(`${operation}: the process was stopped`);
    if (++this.counters.calls >= this.#stopAtCall) {
      this.#stopped = true;
      const when = this.#random.nextInt(3);
      if (when === 1) half();
      if (when === 2) act();
      throw new SimulatedStop(`${operation} '${what}': stopped at call ${this.counters.calls}`);
    }
    const code = this.#scripted.size === 0 ? undefined : this.#scripted.get(operation)?.shift();
    if (code !== undefined) return this.#failAt(code, operation, what, half);
    const strike = this.saboteur?.(operation, what);
    if (strike === undefined) return act();
    if (strike.kind === 'error') return this.#failAt(strike.code, operation, what, half);
    if (strike.kind !== 'stop') return act(strike.kind);
    if (strike.when === 'middle') half();
    if (strike.when === 'after') act();
    strike.struck();
    throw new SimulatedStop(`${operation} '${what}': the process died ${strike.when} it`);
  }

  #failAt(code: string, operation: DiskOperation, what: string, half: () => void): never {
    this.counters.scriptedErrors++;
    half();
    throw systemError(code, operation, what);
  }

  #file(file: FileHandle, operation: DiskOperation): OpenFile {
    const open = this.#open.get(file);
    if (open === undefined) throw systemError('EBADF', operation, String(file));
    return open;
  }

  #openFile(path: string, mode: OpenMode): FileHandle {
    const node = mode === 'create' ? this.#names.create(path) : this.#names.file(path, 'open');
    this.#open.set(++this.#handles, { node, path, writable: mode !== 'read' });
    return this.#handles;
  }

  #write(file: FileHandle, bytes: Uint8Array, position: number): void {
    const { node, path, writable } = this.#file(file, 'write');
    const part = (): void => node.write(bytes.subarray(0, this.#random.nextInt(bytes.length + 1)), position);
    const whole = (twist?: Twist): void => {
      if (!writable) throw systemError('EBADF', 'write', path);
      this.#allocate(node, position + bytes.length, path);
      if (twist === 'misdirect') {
        this.counters.misdirectedWrites++;
        node.write(bytes, this.#elsewhere(node, position));
        return;
      }
      if (happens(this.#random, this.faults.writeError)) {
        this.counters.writeErrors++;
        part();
        throw systemError('EIO', 'write', path);
      }
      node.write(bytes, position);
    };
    this.#run('write', path, whole, part);
  }

  /** Another place of the same alignment, in the file or right behind it. */
  #elsewhere(node: SimInode, position: number): number {
    const sectors = Math.ceil(node.size / sectorBytes) + 1;
    const shift = 1 + this.#random.nextInt(Math.max(1, sectors - 1));
    const sector = (Math.floor(position / sectorBytes) + shift) % (sectors + 1);
    return sector * sectorBytes + (position % sectorBytes);
  }

  #read(node: SimInode, into: Uint8Array, position: number, twist: Twist | undefined): number {
    const got = node.read(into, position);
    if (twist === 'flip' && flipSomeBit(into.subarray(0, got), this.#random) !== undefined) this.counters.bitFlips++;
    if (twist !== 'short' || got === 0) return got;
    this.counters.shortReads++;
    return this.#random.nextInt(got);
  }

  #sync(operation: 'datasync' | 'sync', file: FileHandle): void {
    const { node, path } = this.#file(file, operation);
    const fail = (): void => node.failSync(this.#random);
    const whole = (): void => {
      if (happens(this.#random, this.faults.syncError)) {
        this.counters.syncErrors++;
        fail();
        throw systemError('EIO', operation, path);
      }
      node.sync();
    };
    this.#run(operation, path, whole, fail);
  }

  #allocate(node: SimInode, size: number, path: string): void {
    if (size <= node.size || this.capacityBytes === Infinity) return;
    let used = size - node.size;
    for (const file of this.#names.files()) used += file.node.size;
    if (used <= this.capacityBytes) return;
    this.counters.noSpace++;
    throw systemError('ENOSPC', 'write', path);
  }

  #synchronous(): FileSystem {
    const names = this.#names;
    return {
      open: (path, mode) => this.#run('open', path, () => this.#openFile(path, mode)),
      close: (file) => this.#run('close', this.#file(file, 'close').path, () => void this.#open.delete(file)),
      read: (file, into, position) => {
        const { node, path } = this.#file(file, 'read');
        return this.#run('read', path, (twist) => this.#read(node, into, position, twist));
      },
      write: (file, bytes, position) => this.#write(file, bytes, position),
      datasync: (file) => this.#sync('datasync', file),
      sync: (file) => this.#sync('sync', file),
      truncate: (file, size) => {
        const { node, path } = this.#file(file, 'truncate');
        this.#run('truncate', path, () => {
          this.#allocate(node, size, path);
          node.truncate(size);
        });
      },
      size: (file) => this.#file(file, 'size').node.size,
      readFile: (path) =>
        this.#run('readFile', path, (twist) => {
          const node = names.file(path, 'open');
          const content = new Uint8Array(node.size);
          return content.subarray(0, this.#read(node, content, 0, twist));
        }),
      rename: (from, to) => this.#run('rename', from, () => names.rename(from, to)),
      unlink: (path) => this.#run('unlink', path, () => names.unlink(path)),
      mkdir: (path) =>
        this.#run(
          'mkdir',
          path,
          () => names.mkdir(path, true),
          () => names.mkdir(path, false),
        ),
      readdir: (path) => this.#run('readdir', path, () => [...names.directory(path, 'scandir').cached.keys()].sort()),
      exists: (path) => names.find(path) !== undefined,
      syncDirectory: (path) => this.#run('syncDirectory', path, () => names.sync(names.directory(path, 'fsync'))),
    };
  }

  /** The effect takes place when the operation completes; until then a crash decides whether it ever did. */
  #start<T>(operation: DiskOperation, bytes: number, act: () => T, done: FileResult<T>): void {
    const effect = (): void => {
      try {
        act();
      } catch {
        // The process that would have been told is gone.
      }
    };
    this.#inFlight.add(effect);
    this.#options.schedule(this.#options.latencyMs?.(operation, bytes) ?? 0.1, () => {
      // Deleted only by a crash or a kill: this callback belongs to a process that is gone.
      if (!this.#inFlight.delete(effect)) return;
      let result: T;
      try {
        result = act();
      } catch (error) {
        if (!(error instanceof SimulatedStop)) done(error as Error);
        return;
      }
      done(undefined, result);
    });
  }

  #later(files: FileSystem): BackgroundFiles {
    const plain =
      (done: FileDone): FileResult<void> =>
      (error) =>
        error === undefined ? done() : done(error);
    return {
      open: (path, mode, done) => this.#start('open', 0, () => files.open(path, mode), done),
      close: (file, done) => this.#start('close', 0, () => files.close(file), plain(done)),
      read: (file, into, position, done) =>
        this.#start('read', into.length, () => files.read(file, into, position), done),
      write: (file, bytes, position, done) =>
        this.#start('write', bytes.length, () => files.write(file, bytes, position), plain(done)),
      datasync: (file, done) => this.#start('datasync', 0, () => files.datasync(file), plain(done)),
      sync: (file, done) => this.#start('sync', 0, () => files.sync(file), plain(done)),
      truncate: (file, size, done) => this.#start('truncate', 0, () => files.truncate(file, size), plain(done)),
      size: (file, done) => this.#start('size', 0, () => files.size(file), done),
      rename: (from, to, done) => this.#start('rename', 0, () => files.rename(from, to), plain(done)),
      unlink: (path, done) => this.#start('unlink', 0, () => files.unlink(path), plain(done)),
      mkdir: (path, done) => this.#start('mkdir', 0, () => files.mkdir(path), plain(done)),
      readdir: (path, done) => this.#start('readdir', 0, () => files.readdir(path), done),
      syncDirectory: (path, done) => this.#start('syncDirectory', 0, () => files.syncDirectory(path), plain(done)),
    };
  }
}

function contentOf(node: SimInode): Uint8Array {
  const content = new Uint8Array(node.size);
  node.read(content, 0);
  return content;
}
