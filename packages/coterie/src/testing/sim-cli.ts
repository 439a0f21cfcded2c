import { parseArgs } from 'node:util';
import { runSeed, type SimReport } from './sim-run.js';

/** `npm run sim -- [--seeds N] [--seed S] [--minutes M | --seconds S] [--twice]` */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    seed: { type: 'string' },
    minutes: { type: 'string', default: '1' },
    seconds: { type: 'string' },
    twice: { type: 'boolean', default: false },
  },
});

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const count = positive('seeds', values.seeds);
  const simulatedMs =
    values.seconds === undefined
      ? positive('minutes', values.minutes) * 60_000
      : positive('seconds', values.seconds) * 1000;
  const first =
    values.seed === undefined ? 1 + Math.floor(process.hrtime()[1] % 1_000_000_000) : positive('seed', values.seed);
  const total = values.seed === undefined || process.argv.includes('--seeds') ? count : 1;
  const begun = process.hrtime.bigint();
  const reports: SimReport[] = [];
  for (let i = 0; i < total; i++) {
    const options = { simulatedMs };
    const report = await runSeed(first + i, options);
    reports.push(report);
    show(report);
    if (values.twice || i === 0) {
      const again = await runSeed(first + i, options);
      if (again.eventHash !== report.eventHash) {
        say(`seed ${report.seed}: NOT DETERMINISTIC, event hash ${report.eventHash} and then ${again.eventHash}`);
        return 1;
      }
    }
  }
  return summarize(reports, Number(process.hrtime.bigint() - begun) / 1e9);
}

function show(report: SimReport): void {
  const { seed, acked, unknown, reads, leaderChanges, counts } = report;
  const happened = Object.entries(counts)
    .filter(([, times]) => times > 0)
    .map(([what, times]) => `${what} ${times}`)
    .join(', ');
  say(
    `seed ${seed}: acked ${acked} unknown ${unknown} reads ${reads} leaders ${leaderChanges}; ` +
      `${happened}; hash ${report.eventHash} ${report.problems.length === 0 ? 'ok' : 'FAILED'}`,
  );
  for (const problem of report.problems) say(`  ${problem}`);
  if (report.problems.length > 0) {
    say(
      `  replay: npm run sim -- --seed ${seed} ${values.seconds === undefined ? `--minutes ${values.minutes}` : `--seconds ${values.seconds}`}`,
    );
  }
}

/** Fails for a failed seed, and for a batch in which something that should happen never did. */
function summarize(reports: readonly SimReport[], seconds: number): number {
  const sum = (of: (report: SimReport) => number): number => reports.reduce((total, report) => total + of(report), 0);
  const failed = reports.filter((report) => report.problems.length > 0).length;
  const hours = sum((r) => r.simulatedMs) / 3_600_000;
  const total: Record<string, number> = {};
  for (const { counts } of reports) {
    for (const [what, times] of Object.entries(counts)) total[what] = (total[what] ?? 0) + times;
  }
  const happened: Readonly<Record<string, number>> = {
    'writes acknowledged': sum((r) => r.acked),
    'writes of unknown fate': sum((r) => r.unknown),
    'linearizable reads': sum((r) => r.reads),
    'leader changes': sum((r) => r.leaderChanges),
    ...total,
  };
  for (const [what, times] of Object.entries(happened)) say(`${what}: ${times}`);
  say(`${reports.length} seeds, ${hours.toFixed(2)} simulated hours in ${seconds.toFixed(1)} s; ${failed} failed`);
  const never = Object.entries(happened).filter(([, times]) => times === 0);
  // A handful of seeds must show everything; a single replayed one need not.
  if (failed === 0 && reports.length >= 20 && never.length > 0) {
    say(`vacuous: never happened: ${never.map(([what]) => what).join(', ')}`);
    return 1;
  }
  return failed === 0 ? 0 : 1;
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
