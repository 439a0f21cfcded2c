import type { Clock } from '@coterie/raft';
import { DataDir } from '../data-dir/data-dir.js';
import { diskPorts, memoryPorts } from '../data-dir/data-dir-ports.js';
import { invalid, isPlainObject, kindOf } from '../kv/arguments.js';
import { resolveKvLimits, type KvLimits } from '../kv/limits.js';
import { guardedLogger, type Logger } from '../kv/logger.js';
import { systemScheduler } from '../kv/system-time.js';
import type { HistoryLimits } from '../upkeep/history-keeper.js';
import type { Durability } from './local-log.js';
import { sortStoreLimits } from './local-limits.js';
import { LocalStore, type KvStore } from './local-store.js';
import { StoreEngine } from './store-engine.js';
import { LocalClock, localRandom, localWall } from './system-ports.js';

/** What {@link openStore} takes. An option that is `undefined` is as if left out. */
export interface OpenStoreOptions {
  /** The data directory, made when it is missing. Left out: everything is in memory. One process at a time. */
  readonly dir?: string | undefined;
  /**
   * When a write resolves. `'fsync'`, the default: when it is on the disk. `'os'`: when the operating system has it,
   * and the sync follows within about a second: a killed process loses nothing, a power loss may take the newest
   * writes.
   */
  readonly durability?: Durability | undefined;
  /** Default for every read and write, in ms. Default 10,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** `close()` resolves within this time, in ms, always. Default 5,000. */
  readonly closeTimeoutMs?: number | undefined;
  readonly logger?: Logger | undefined;
  /** Monotonic time, in ms. Default: `performance.now` and timers. */
  readonly clock?: Clock | undefined;
  /** `docs/limits.md` has each. */
  readonly limits?: Readonly<Record<string, number | undefined>> | undefined;
}

const known: Readonly<Record<keyof OpenStoreOptions, true>> = {
  ...{ dir: true, durability: true, requestTimeoutMs: true, closeTimeoutMs: true },
  ...{ logger: true, clock: true, limits: true },
};

/**
 * Opens the store of one process: the same `Kv` as a peer's, on a write-ahead log of its own, without a cluster.
 *
 * Resolves when the log is replayed. The directory is locked until `close()`.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT before anything is touched; ERR_DATA_DIR_IN_USE and ERR_DATA_DIR_MISMATCH
 *   (the directory of a peer) before anything is written; ERR_CORRUPT, ERR_STORAGE
 */
export async function openStore(options: OpenStoreOptions = {}): Promise<KvStore> {
  const open = await openStoreEngine(options);
  return new LocalStore({ ...open, closeTimeoutMs: options.closeTimeoutMs ?? 5000 });
}

/** What stands behind a store, without its handle: for handles in other threads, and for tests of the boundary. */
export interface OpenStoreEngine {
  readonly engine: StoreEngine;
  readonly limits: KvLimits;
  readonly logger: Logger;
  keepAlive(on: boolean): void;
}

/** As {@link openStore}, up to the engine. */
export async function openStoreEngine(options: OpenStoreOptions = {}): Promise<OpenStoreEngine> {
  checkOptions(options);
  const limits = sortStoreLimits(options.limits);
  const ownClock = new LocalClock();
  const logger = guardedLogger(options.logger);
  const engine = await StoreEngine.open({
    dir: new DataDir(options.dir === undefined ? memoryPorts() : diskPorts(options.dir, limits.checkpointBytes)),
    clock: options.clock ?? ownClock,
    wall: localWall,
    turns: systemScheduler,
    random: localRandom,
    limits: limits.kv,
    log: limits.log,
    history: limits.history satisfies HistoryLimits,
    durability: options.durability ?? 'fsync',
    requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
    closeTimeoutMs: options.closeTimeoutMs ?? 5000,
    logger,
  });
  return { engine, limits: resolveKvLimits(limits.kv), logger, keepAlive: (on) => ownClock.keepAlive(on) };
}

function checkOptions(options: OpenStoreOptions): void {
  if (!isPlainObject(options)) throw invalid('options', `must be a plain object, not ${kindOf(options)}`);
  for (const name of Object.keys(options)) if (!Object.hasOwn(known, name)) throw invalid(name, 'is no option');
  const { dir, durability } = options as { readonly dir?: unknown; readonly durability?: unknown };
  if (dir !== undefined && (typeof dir !== 'string' || dir === '' || dir.includes('\0'))) {
    throw invalid('dir', 'must be the path of a directory');
  }
  if (durability !== undefined && durability !== 'fsync' && durability !== 'os') {
    throw invalid('durability', "must be 'fsync' or 'os'");
  }
  for (const name of ['requestTimeoutMs', 'closeTimeoutMs'] as const) {
    const value: unknown = options[name];
    const sound = typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= 2 ** 31 - 1;
    if (value !== undefined && !sound) throw invalid(name, `must be a whole number of ms from 1 to ${2 ** 31 - 1}`);
  }
  checkMethods('clock', options.clock, ['now', 'setInterval', 'clearInterval']);
  checkMethods('logger', options.logger, ['debug', 'info', 'warn', 'error']);
}

function checkMethods(argument: string, value: unknown, names: readonly string[]): void {
  if (value === undefined) return;
  for (const name of names) {
    const method: unknown =
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
    if (typeof method !== 'function') throw invalid(`${argument}.${name}`, 'must be a function');
  }
}
