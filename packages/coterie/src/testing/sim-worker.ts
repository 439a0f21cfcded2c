import { runSeed, type SimReport } from './sim-run.js';
import type { SimOptions } from './sim-swarm.js';

/** What a worker is asked for: one seed, once or twice. */
export interface SimTask {
  readonly seed: number;
  readonly options: SimOptions;
  readonly twice: boolean;
}

/** What it answers. `again` is the event hash of the second run; `cpuMs` is what all of it cost. */
export interface SimAnswer {
  readonly report: SimReport;
  readonly cpuMs: number;
  readonly again?: string | undefined;
}

async function perform({ seed, options, twice }: SimTask): Promise<SimAnswer> {
  const before = process.cpuUsage();
  const report = await runSeed(seed, options);
  const again = twice ? (await runSeed(seed, options)).eventHash : undefined;
  const { user, system } = process.cpuUsage(before);
  return { report, cpuMs: (user + system) / 1000, again };
}

// A fault of the simulator ends the process: its parent reports the seed.
process.on('message', (task: SimTask) => {
  void perform(task).then((answer) => process.send?.(answer));
});
