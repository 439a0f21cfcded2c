import { runSeed, type SimOptions, type SimReport } from './sim-run.js';

/** What a worker is asked for: one seed, once or twice. */
export interface SimTask {
  readonly seed: number;
  readonly options: SimOptions;
  readonly twice: boolean;
}

/** What it answers. `again` is the event hash of the second run. */
export interface SimAnswer {
  readonly report: SimReport;
  readonly again?: string | undefined;
}

async function perform({ seed, options, twice }: SimTask): Promise<SimAnswer> {
  const report = await runSeed(seed, options);
  return twice ? { report, again: (await runSeed(seed, options)).eventHash } : { report };
}

// A fault of the simulator ends the process: its parent reports the seed.
process.on('message', (task: SimTask) => {
  void perform(task).then((answer) => process.send?.(answer));
});
