import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { median } from '../row.js';
import { table, type MicroRow, type Suite, type SuiteOptions } from '../suite.js';
import type { StoreFigure, StoreTask } from './store-messages.js';

const processFile = fileURLToPath(new URL('./store-process.js', import.meta.url));
const watcherCounts = [1, 100, 10_000];
const opensOf = 3;
const cases = ['open', 'operations', 'watch', 'compaction', 'checkpoint', 'log', 'put-latency'] as const;

/** The store of one process, alone: what it does a second, how it opens, what holds its event loop. */
export const storeSuite: Suite = {
  summary: 'the store of one process: operations, opening, checkpoints, compaction, its log',
  cases,
  systems: [],
  async run(options) {
    const run = new StoreRun(options);
    const [few, many, revisions] = options.quick ? [10_000, 100_000, 100_000] : [100_000, 1_000_000, 1_000_000];
    const ms = options.quick ? 2_000 : 10_000;
    if (run.wanted('open')) {
      await run.openEmpty();
      for (const keys of [few, many]) await run.open(keys);
    }
    if (run.wanted('operations')) {
      await run.one((dir) => ({ do: 'operations', dir, durability: 'fsync', ms }));
      await run.one((dir) => ({ do: 'operations', dir, durability: 'os', ms }));
    }
    if (run.wanted('watch'))
      for (const watchers of watcherCounts) await run.one((dir) => ({ do: 'watch', dir, watchers, ms }));
    if (run.wanted('compaction')) await run.one((dir) => ({ do: 'compaction', dir, revisions }));
    if (run.wanted('checkpoint')) await run.one((dir) => ({ do: 'checkpoint', dir, ms: 3 * ms }));
    if (run.wanted('log')) for (const batch of [1, 64, 1000]) await run.one((dir) => ({ do: 'log', dir, batch, ms }));
    if (run.wanted('put-latency')) {
      // Turn about, several times: the ratio of two figures of one disk.
      const at = [1000, many];
      for (let i = 0; i < opensOf; i++)
        for (const keys of at) await run.one((dir) => ({ do: 'put-latency', dir, keys, ms: ms / 2 }));
      run.compare(at.map((keys) => `put at ${keys} keys`));
    }
    options.print(print(run.figures));
    const rows = run.figures.map((figure): StoreFigure & MicroRow => ({
      system: 'coterie',
      usPerOp: 1e6 / (figure.opsPerSec ?? Number.NaN),
      ...figure,
      opsPerSec: figure.opsPerSec ?? 0,
    }));
    return { rows };
  },
};

class StoreRun {
  readonly figures: StoreFigure[] = [];
  readonly #options: SuiteOptions;
  #folders = 0;

  constructor(options: SuiteOptions) {
    this.#options = options;
  }

  wanted(name: (typeof cases)[number]): boolean {
    return this.#options.cases?.has(name) ?? true;
  }

  async one(task: (dir: string) => StoreTask): Promise<void> {
    await this.#inFolder(async (dir) => {
      for (const figure of await this.#run(task(dir))) this.#add(figure);
    });
  }

  /** The medians of each case as shares of those of the first one. */
  compare([first, ...others]: readonly string[]): void {
    const of = (name: string, what: 'p50Us' | 'p99Us'): number =>
      median(this.figures.flatMap((figure) => (figure.case === name ? [figure[what] ?? 0] : [])));
    for (const name of others) {
      const times = (what: 'p50Us' | 'p99Us'): string => (of(name, what) / of(first!, what)).toFixed(2);
      this.#add({ case: `${name} : ${first}`, note: `${times('p50Us')} times the p50, ${times('p99Us')} the p99` });
    }
  }

  async openEmpty(): Promise<void> {
    await this.#inFolder(async (dir) => {
      await this.#run({ do: 'fill', dir, keys: 0 });
      this.#add(await this.#opened(dir, 0, 'open an empty store'));
    });
  }

  async open(keys: number): Promise<void> {
    const count = keys.toLocaleString('en-US');
    await this.#inFolder(async (dir) => {
      await this.#run({ do: 'fill', dir, keys });
      this.#add(await this.#opened(dir, keys, `open ${count} keys after a close`));
      const child = this.#start({ do: 'fill-and-wait', dir, keys });
      for await (const line of createInterface({ input: child.stdout! })) if (line.startsWith('{')) break;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      const copy = `${dir}-killed`;
      fs.cpSync(dir, copy, { recursive: true });
      // The first opening replays, and closes with a checkpoint: each is of the directory as the kill left it.
      const times: StoreFigure[] = [];
      for (let i = 0; i < opensOf; i++) {
        fs.rmSync(dir, { recursive: true });
        fs.cpSync(copy, dir, { recursive: true });
        times.push(...(await this.#run({ do: 'open', dir, keys })));
      }
      fs.rmSync(copy, { recursive: true });
      this.#add(medianOf(times, `open ${count} keys after a kill before a checkpoint`));
    });
  }

  async #opened(dir: string, keys: number, name: string): Promise<StoreFigure> {
    const times: StoreFigure[] = [];
    for (let i = 0; i < opensOf; i++) times.push(...(await this.#run({ do: 'open', dir, keys })));
    return medianOf(times, name);
  }

  async #run(task: StoreTask): Promise<readonly StoreFigure[]> {
    const child = this.#start(task);
    const found: StoreFigure[] = [];
    const lines = createInterface({ input: child.stdout! });
    lines.on('line', (line) => found.push(JSON.parse(line) as StoreFigure));
    const [code] = (await once(child, 'exit')) as [number | null];
    this.#options.signal.throwIfAborted();
    if (code !== 0) throw new Error(`${task.do} ended with code ${String(code)}`);
    return found;
  }

  #start(task: StoreTask): ChildProcess {
    const { signal } = this.#options;
    return spawn(process.execPath, [processFile, JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      signal,
    }).on('error', () => undefined);
  }

  #add(figure: StoreFigure): void {
    this.figures.push(figure);
    this.#options.print(`  ${cells(figure).filter(Boolean).join('  ')}`);
  }

  async #inFolder(act: (dir: string) => Promise<void>): Promise<void> {
    const dir = path.join(this.#options.folder, `store-${++this.#folders}`);
    fs.mkdirSync(dir);
    try {
      await act(dir);
    } finally {
      fs.rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
  }
}

function medianOf(figures: readonly StoreFigure[], name: string): StoreFigure {
  const of = (what: 'ms' | 'rssAnonMiB'): number => median(figures.map((figure) => figure[what] ?? 0));
  return { case: name, ms: of('ms'), rssAnonMiB: of('rssAnonMiB') };
}

const show = (n: number | undefined, unit: string, digits = 0): string =>
  n === undefined ? '' : `${n.toLocaleString('en-US', { maximumFractionDigits: digits })} ${unit}`;

function cells(figure: StoreFigure): string[] {
  return [
    figure.case,
    show(figure.opsPerSec, '/s'),
    show(figure.ms, 'ms', 1),
    show(figure.p50Us, 'µs p50'),
    show(figure.p99Us, 'µs p99'),
    show(figure.loopStallMs, 'ms stall', 1),
    show(figure.rssAnonMiB, 'MiB anon', 0),
    show(figure.bytesPerSec === undefined ? undefined : figure.bytesPerSec / 2 ** 20, 'MiB/s', 1),
    figure.note ?? '',
  ];
}

function print(figures: readonly StoreFigure[]): string {
  const rows = figures.map(cells);
  const used = (rows[0] ?? []).map((_, at) => rows.some((row) => row[at] !== ''));
  return table(rows.map((row) => row.filter((_, at) => used[at])));
}
