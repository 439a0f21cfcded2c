import { fork, type ChildProcess } from 'node:child_process';
import type { SimAnswer, SimTask } from './sim-worker.js';

/** What does the work. Left out: `sim-worker.js`, which may take many times what the slowest seed needs. */
export interface JobOptions {
  readonly worker?: URL;
  /** A seed that takes longer hangs. */
  readonly seedWallMs?: number;
}

const defaultSeedWallMs = 300_000;
/** A process is replaced after so many seeds, so that what one leaves behind cannot add up. */
const seedsPerProcess = 40;

/** What became of one seed: an answer, or the way in which its process ended. */
export type SimOutcome = { readonly task: SimTask } & ({ readonly answer: SimAnswer } | { readonly broke: string });

/** Runs tasks in so many processes; each outcome is told as it comes. */
export async function runTasks(
  tasks: Iterable<SimTask>,
  jobs: number,
  told: (outcome: SimOutcome) => void,
  options: JobOptions = {},
): Promise<void> {
  const queue = tasks[Symbol.iterator]();
  await Promise.all(Array.from({ length: jobs }, () => work(queue, told, options)));
}

async function work(queue: Iterator<SimTask>, told: (outcome: SimOutcome) => void, options: JobOptions): Promise<void> {
  const { worker = new URL('sim-worker.js', import.meta.url), seedWallMs = defaultSeedWallMs } = options;
  let child: ChildProcess | undefined;
  let done = 0;
  for (let next = queue.next(); next.done !== true; next = queue.next()) {
    child ??= fork(worker, [], { execArgv: ['--max-old-space-size=1536'] });
    const outcome = await perform(child, next.value, seedWallMs);
    told(outcome);
    if ('answer' in outcome && ++done % seedsPerProcess !== 0) continue;
    child.kill('SIGKILL');
    child = undefined;
  }
  child?.kill('SIGKILL');
}

function perform(child: ChildProcess, task: SimTask, seedWallMs: number): Promise<SimOutcome> {
  return new Promise((resolve) => {
    const finish = (outcome: SimOutcome): void => {
      clearTimeout(timer);
      child.removeAllListeners();
      child.on('error', () => undefined);
      resolve(outcome);
    };
    const timer = setTimeout(() => finish({ task, broke: `it hung for ${seedWallMs / 1000} s` }), seedWallMs);
    child.on('message', (answer: SimAnswer) => finish({ task, answer }));
    child.on('exit', (code, signal) => finish({ task, broke: `its process ended (${signal ?? `exit code ${code}`})` }));
    child.on('error', (error) => finish({ task, broke: error.message }));
    child.send(task);
  });
}
