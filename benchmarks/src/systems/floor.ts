import path from 'node:path';
import { freePorts } from '../free-ports.js';
import type { Mark } from '../load/worker-messages.js';
import { startWorkers, Worker } from '../load/worker.js';
import type { FloorOptions } from './floor-process.js';
import type { RunningSystem, System, SystemMark, SystemOptions } from './system.js';

const processModule = new URL('./floor-process.js', import.meta.url);
const followers = 2;

/**
 * What the machine allows: a leader and two followers that send, write and sync the bytes of a put and do nothing else.
 */
export const floor: System = {
  name: 'floor',
  members: followers + 1,
  unavailable: () => undefined,
  start: (options) => FloorCluster.start(options),
};

class FloorCluster implements RunningSystem {
  readonly #leader: Worker;
  readonly #followers: readonly Worker[];

  private constructor(leader: Worker, followers: readonly Worker[]) {
    this.#leader = leader;
    this.#followers = followers;
  }

  static async start({ folder }: SystemOptions): Promise<FloorCluster> {
    const ports = await freePorts(followers);
    const made: Worker[] = [];
    try {
      for (const port of ports) made.push(floorWorker({ file: path.join(folder, `floor-${port}`), listen: port }));
      await startWorkers(made);
      const leader = floorWorker({ file: path.join(folder, 'floor-leader'), followers: ports });
      made.push(leader);
      await startWorkers([leader]);
      return new FloorCluster(leader, made.slice(0, followers));
    } catch (error) {
      await Promise.all(made.map((worker) => worker.close()));
      throw error;
    }
  }

  loaders(): Promise<readonly Worker[]> {
    return Promise.resolve([this.#leader]);
  }

  async mark(): Promise<SystemMark> {
    const marks = await Promise.all(
      [this.#leader, ...this.#followers].map((worker) => worker.call<Mark>({ type: 'mark' })),
    );
    const leader = marks[0]!;
    return { loaders: [leader], leader, cpuMicros: marks.reduce((sum, mark) => sum + mark.cpuMicros, 0) };
  }

  async close(): Promise<void> {
    await Promise.all([this.#leader, ...this.#followers].map((worker) => worker.close()));
  }
}

const floorWorker = (options: FloorOptions): Worker => new Worker(path.basename(options.file), processModule, options);
