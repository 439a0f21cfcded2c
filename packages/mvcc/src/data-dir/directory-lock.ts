import { CoterieError } from '@coterie/errors';
import fs from 'node:fs';
import path from 'node:path';
import { classicOrderedStores } from '../store/classic-ordered-store.js';

/** Held while a process uses a data directory. */
export interface DataDirLock {
  /** Idempotent. */
  release(): Promise<void>;
}

interface Holder {
  readonly pid: number;
  /**
   * When the process started, as the system counts it: a process id alone may have been given to somebody else since.
   */
  readonly started: string;
}

// Several copies of this package may be loaded into one process: they must see each other's directories.
const registryKey = Symbol.for('coterie.open-data-dirs');
const openHere = ((globalThis as Record<symbol, unknown>)[registryKey] ??= new Set<string>()) as Set<string>;

/**
 * Takes a data directory for this process.
 *
 * The lock file names its holder, and can refuse without anything being written; but process ids mean nothing across
 * containers that share a volume. What counts is a lock that the system holds and drops with the process: LevelDB's, on
 * an empty store that exists for nothing else.
 *
 * @throws CoterieError ERR_DATA_DIR_IN_USE
 */
export async function lockDataDir(dir: string): Promise<DataDirLock> {
  const real = fs.realpathSync(dir);
  const file = path.join(real, 'LOCK');
  if (openHere.has(real)) throw inUse(real, process.pid);
  openHere.add(real);
  try {
    const system = await classicOrderedStores.open(path.join(real, 'lock'));
    // Whatever stands there is of nobody: the system's lock is ours.
    const mine: Holder = { pid: process.pid, started: startOf(process.pid) ?? '' };
    fs.writeFileSync(file, JSON.stringify(mine));
    let held = true;
    return {
      release: async () => {
        if (!held) return;
        held = false;
        fs.rmSync(file, { force: true });
        await new Promise<void>((resolve) => {
          system.close(() => {
            resolve();
          });
        });
        openHere.delete(real);
      },
    };
  } catch (error) {
    openHere.delete(real);
    throw error;
  }
}

/** Looks at the lock without taking it. @throws CoterieError ERR_DATA_DIR_IN_USE */
export function checkUnlocked(dir: string): void {
  const real = fs.realpathSync(dir);
  if (openHere.has(real)) throw inUse(real, process.pid);
  const holder = readHolder(path.join(real, 'LOCK'));
  if (holder !== undefined && alive(holder)) throw inUse(real, holder.pid);
}

function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as Holder;
  } catch (error) {
    // A half-written lock is of a process that died while it wrote: nobody holds it.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : { pid: -1, started: '' };
  }
}

function alive(holder: Holder): boolean {
  if (!Number.isSafeInteger(holder.pid) || holder.pid <= 0) return false;
  // The same process id with nothing open here: left by an earlier process that had our number, or by ourselves and
  // never released.
  if (holder.pid === process.pid) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const started = startOf(holder.pid);
  return started === undefined || holder.started === '' || started === holder.started;
}

/**
 * Field 22 of /proc/PID/stat, start time in clock ticks since boot (proc(5)); undefined where there is no such file
 * system.
 */
function startOf(pid: number): string | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function inUse(dir: string, pid: number): CoterieError {
  const by = pid === process.pid ? 'this process' : `process ${pid}`;
  return new CoterieError('ERR_DATA_DIR_IN_USE', { message: `the data directory ${dir} is in use by ${by}` });
}
