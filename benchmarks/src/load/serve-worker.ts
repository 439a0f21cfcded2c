// The side of a measured process that its suite talks to, over the channel that it was started with.
import { pbkdf2 } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { promisify } from 'node:util';
import type { Budget } from '../budget/budget.js';
import type { Load } from './put-load.js';
import type {
  FillOptions,
  LoadOptions,
  Mark,
  Progress,
  SystemCounts,
  WorkerReply,
  WorkerRequest,
  WorkerStatus,
} from './worker-messages.js';

/** What a measured process is able to do. */
export interface Served {
  /** Begins puts. */
  load(options: LoadOptions): Load;
  fill(options: FillOptions): Promise<void>;
  status(): WorkerStatus | Promise<WorkerStatus>;
  counts(): SystemCounts | Promise<SystemCounts>;
  /** Where the processor time of this process goes, where its program can tell. */
  readonly budget?: Budget;
  close(): Promise<void>;
}

const derive = promisify(pbkdf2);
/** About 100 ms on the machines this was tried on. */
const burnIterations = 100_000;
const loopResolutionMs = 1;

/** Answers requests until the suite is gone. */
export function serveWorker(served: Served): void {
  const worker = new ServedWorker(served);
  process.on('message', ({ id, request }: { id: number; request: WorkerRequest }) => {
    const reply = (message: WorkerReply): void => void process.send?.(message);
    worker.handle(request).then(
      (result) => reply({ id, result }),
      (error: unknown) => reply({ id, error: String(error) }),
    );
  });
  // The suite ended, however it ended.
  process.on('disconnect', () => process.exit());
  process.send?.('open');
}

class ServedWorker {
  readonly #served: Served;
  readonly #loop = monitorEventLoopDelay({ resolution: loopResolutionMs });
  #load: Load | undefined;
  #burning: { stop: boolean; readonly done: Promise<unknown> } | undefined;
  #last = { at: performance.now(), cpu: process.cpuUsage(), counts: {} as SystemCounts };

  constructor(served: Served) {
    this.#served = served;
    this.#loop.enable();
  }

  async handle(request: WorkerRequest): Promise<unknown> {
    switch (request.type) {
      case 'status':
        return this.#served.status();
      case 'fill':
        await this.#served.fill(request.fill);
        return null;
      case 'progress':
        return this.#progress();
      case 'mark':
        return this.#mark();
      case 'load':
        this.#load = this.#served.load(request.load);
        return null;
      case 'unload':
        await this.#load?.stop();
        this.#load = undefined;
        return null;
      case 'burn':
        this.#burn(request.jobs);
        return null;
      case 'relax':
        await this.#relax();
        return null;
      case 'budget':
        if (request.end) return this.#served.budget?.stop();
        await this.#served.budget?.start();
        return null;
      case 'close':
        await this.#served.close();
        return null;
    }
  }

  async #progress(): Promise<Progress> {
    const { checkpoints = 0 } = await this.#served.counts();
    const { counts, cpu: before } = this.#last;
    const cpu = process.cpuUsage();
    return {
      puts: this.#load?.puts ?? 0,
      checkpoints: checkpoints - (counts.checkpoints ?? 0),
      cpuMicros: cpu.user + cpu.system - before.user - before.system,
    };
  }

  async #mark(): Promise<Mark> {
    const counts = await this.#served.counts();
    const load = this.#load;
    const [now, cpu, last] = [performance.now(), process.cpuUsage(), this.#last];
    const since = (name: 'walSyncs' | 'checkpoints' | 'levelOps'): SystemCounts =>
      counts[name] === undefined ? {} : { [name]: counts[name] - (last.counts[name] ?? 0) };
    const percentile = (p: number): number => load?.histogram.percentile(p) ?? 0;
    const mark: Mark = {
      ms: now - last.at,
      puts: load?.puts ?? 0,
      errors: load?.errors ?? {},
      p50Us: percentile(50),
      p99Us: percentile(99),
      p999Us: percentile(99.9),
      maxUs: load?.histogram.max ?? 0,
      cpuMicros: cpu.user + cpu.system - last.cpu.user - last.cpu.system,
      rssBytes: process.memoryUsage.rss(),
      loopStallMs: Math.max(0, this.#loop.max / 1e6 - loopResolutionMs),
      counts: {
        ...since('walSyncs'),
        ...since('checkpoints'),
        ...since('levelOps'),
        ...(counts.backlogBytes === undefined ? {} : { backlogBytes: counts.backlogBytes }),
      },
    };
    this.#last = { at: now, cpu, counts };
    this.#loop.reset();
    load?.reset();
    return mark;
  }

  #burn(jobs: number): void {
    const burning = { stop: false, done: Promise.resolve<unknown>(undefined) };
    const job = async (): Promise<void> => {
      while (!burning.stop) await derive('password', 'salt', burnIterations, 32, 'sha256');
    };
    this.#burning = Object.assign(burning, { done: Promise.all(Array.from({ length: jobs }, job)) });
  }

  async #relax(): Promise<void> {
    if (this.#burning === undefined) return;
    this.#burning.stop = true;
    await this.#burning.done;
    this.#burning = undefined;
  }
}
