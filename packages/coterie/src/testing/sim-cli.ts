import os from 'node:os';
import { parseArgs } from 'node:util';
import { runTasks, type SimOutcome } from './sim-jobs.js';
import type { SimReport } from './sim-run.js';
import { SimSummary } from './sim-summary.js';
import type { SimTask } from './sim-worker.js';

/** `npm run sim -- [--seeds N] [--seed S] [--minutes M | --seconds S] [--swarm] [--jobs J] [--twice]` */
const { values } = parseArgs({
  options: {
    /** How many seeds; with `--seed` alone it is one. */
    seeds: { type: 'string' },
    /** The first one. Left out: by chance. */
    seed: { type: 'string' },
    /** Simulated minutes of faults, the mean over many seeds. */
    minutes: { type: 'string', default: '4' },
    /** Instead: simulated seconds of faults, the same for every seed. */
    seconds: { type: 'string' },
    /** Every world is drawn from its seed. This is so in any case; who likes may say it. */
    swarm: { type: 'boolean', default: true },
    /** Processes. Left out: one a core. */
    jobs: { type: 'string' },
    /** Runs every seed twice and compares the event hashes; without it one in twenty. */
    twice: { type: 'boolean', default: false },
  },
});

const defaultSeeds = 20;
/** One seed in so many is run twice. */
const repeatEvery = 20;
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const length = values.seconds === undefined ? `--minutes ${values.minutes}` : `--seconds ${values.seconds}`;

async function main(): Promise<number> {
  const options =
    values.seconds === undefined
      ? { meanMs: positive('minutes', values.minutes) * 60_000 }
      : { simulatedMs: positive('seconds', values.seconds) * 1000 };
  const first = values.seed === undefined ? 1 + (Date.now() % 1_000_000_000) : positive('seed', values.seed);
  const count =
    values.seeds !== undefined ? positive('seeds', values.seeds) : values.seed === undefined ? defaultSeeds : 1;
  const cores = values.jobs === undefined ? os.availableParallelism() : positive('jobs', values.jobs);
  const jobs = Math.min(count, cores);
  const tasks = Array.from({ length: count }, (_, i): SimTask => {
    return { seed: first + i, options, twice: values.twice || i % repeatEvery === 0 };
  });
  const summary = new SimSummary();
  const begun = process.hrtime.bigint();
  await runTasks(tasks, jobs, (outcome) => tell(outcome, summary));
  for (const line of summary.lines(Number(process.hrtime.bigint() - begun) / 1e9, jobs)) say(line);
  if (summary.vacuous.length > 0) say(`vacuous: never happened: ${summary.vacuous.join(', ')}`);
  return summary.failed.length === 0 && summary.vacuous.length === 0 ? 0 : 1;
}

function tell(outcome: SimOutcome, summary: SimSummary): void {
  const { seed } = outcome.task;
  const replay = `  replay: npm run sim -- --seed ${seed} ${length}`;
  if ('broke' in outcome) {
    say(`seed ${seed}: FAILED: ${outcome.broke}\n${replay}`);
    summary.broke(seed);
    return;
  }
  const { report, again } = outcome.answer;
  const repeats = again === undefined || again === report.eventHash;
  const ok = report.problems.length === 0 && repeats;
  summary.add(outcome.answer, ok);
  show(report, ok);
  if (!repeats) say(`  NOT DETERMINISTIC: event hash ${report.eventHash} and then ${again}`);
  if (!ok) say(`${replay}\n  drawn: ${JSON.stringify(report.parameters)}`);
}

function show(report: SimReport, ok: boolean): void {
  const { seed, operations, acked, unknown, reads, leaderChanges, counts, simulatedMs, eventHash } = report;
  const happened = Object.entries(counts)
    .filter(([, times]) => times > 0)
    .map(([what, times]) => `${what} ${times}`)
    .join(', ');
  say(
    `seed ${seed}: ${report.parameters.members} members, ${(simulatedMs / 1000).toFixed(0)} s, operations ${operations} acked ${acked} unknown ${unknown} reads ${reads} ` +
      `leaders ${leaderChanges}; ${happened}; hash ${eventHash} ${ok ? 'ok' : 'FAILED'}`,
  );
  for (const problem of report.problems) say(`  ${problem}`);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    say(`--${name} takes a positive whole number, not '${text}'`);
    process.exit(2);
  }
  return value;
}

process.exitCode = await main();
