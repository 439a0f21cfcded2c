import fs from 'node:fs';

const folder = '/proc/self/task';
const poolThreads = Number(process.env.UV_THREADPOOL_SIZE ?? 4);
const profiler = /^v8:Prof/;

/** The thread of JavaScript, whose time the stages share out. */
export const mainThread = 'event loop';
/** The kinds of threads of a member. */
export const threadKinds = [mainThread, 'log thread', 'shared pool of threads', 'LevelDB', 'helpers of V8'] as const;
export type ThreadKind = (typeof threadKinds)[number];

/**
 * Which thread of this process is of which kind, by when it was there first: Linux does not tell, Node 20 names none.
 */
export class ThreadTimes {
  readonly #kinds = new Map<string, ThreadKind>();

  /** To be made when the first module of a process runs: of its threads the last ones are then those of the pool. */
  constructor() {
    const first = threads();
    first.forEach((thread, i) => {
      const kind = i < first.length - poolThreads ? 'helpers of V8' : 'shared pool of threads';
      this.#kinds.set(thread, thread === String(process.pid) ? mainThread : kind);
    });
  }

  /** @returns processor time of each kind so far, in µs */
  read(): ReadonlyMap<ThreadKind, number> {
    this.#meetNewOnes();
    const micros = new Map<ThreadKind, number>();
    for (const thread of threads()) {
      const kind = this.#kinds.get(thread);
      if (kind === undefined) continue;
      // Nanoseconds on a processor, waiting for one, turns: Documentation/scheduler/sched-stats of Linux.
      const [nanos] = readOf(thread, 'schedstat').split(' ');
      micros.set(kind, (micros.get(kind) ?? 0) + Number(nanos) / 1000);
    }
    return micros;
  }

  /** The log is opened before LevelDB has reason to merge tables, which it does on a thread of its own. */
  #meetNewOnes(): void {
    for (const thread of threads()) {
      if (this.#kinds.has(thread) || profiler.test(readOf(thread, 'comm'))) continue;
      this.#kinds.set(thread, [...this.#kinds.values()].includes('log thread') ? 'LevelDB' : 'log thread');
    }
  }
}

const threads = (): readonly string[] => fs.readdirSync(folder).sort((a, b) => Number(a) - Number(b));

const readOf = (thread: string, file: string): string => fs.readFileSync(`${folder}/${thread}/${file}`, 'utf8');
