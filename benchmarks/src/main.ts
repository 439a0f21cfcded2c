// The benchmark suite: `npm run bench -- <suite> [--quick] [--json FILE] [--systems …]`, and more.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { checkBefore, readCommandLine, type CommandLine } from './command-line.js';
import { interruption } from './interruption.js';
import type { Suite } from './suite.js';

/**
 * A suite is a module of its own, loaded only when it runs: what one measures is not slowed by what another imports.
 */
const suites: Readonly<Record<string, () => Promise<Suite>>> = {
  commit: async () => (await import('./commit/commit-suite.js')).commitSuite,
  budget: async () => (await import('./budget/budget-suite.js')).budgetSuite,
  codec: async () => (await import('./micro/codec-suite.js')).codecSuite,
  store: async () => (await import('./store/store-suite.js')).storeSuite,
  'raft-micro': async () => (await import('./micro/raft-suite.js')).raftSuite,
  watch: async () => (await import('./micro/watch-suite.js')).watchSuite,
};

async function usage(): Promise<string> {
  const lines = await Promise.all(
    Object.entries(suites).map(async ([name, load]) => {
      const { summary, cases } = await load();
      const choice = cases.length === 0 ? [] : [`${' '.repeat(14)}cases: ${cases.join(', ')}`];
      return [`  ${name.padEnd(12)}${summary}`, ...choice].join('\n');
    }),
  );
  return [
    'usage: npm run bench -- SUITE [--quick] [--repeat N] [--systems A,B] [--cases A,B] [--clients N,M] [--json FILE] [--data DIR]',
    '',
    ...lines,
    '',
    '  --quick        about five seconds a row',
    '  --repeat N     how often a row is measured, for its median (default 3, 1 with --quick)',
    '  --systems A,B  only these, of the suite commit: coterie, floor, etcd3, etcd-go',
    '  --cases A,B    only these cases of the suite',
    '  --clients N,M  main rows with so many clients (default 1,64,1000)',
    '  --json FILE    the figures as JSON as well',
    '  --data DIR     where data goes, so which disk is measured (default: the temporary folder)',
  ].join('\n');
}

function machine(): object {
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model ?? 'unknown',
    cores: cpus.length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    platform: `${os.platform()} ${os.release()} ${os.arch()}`,
    node: process.version,
  };
}

interface Job {
  readonly asked: CommandLine;
  readonly suite: Suite;
}

/** @returns undefined after usage, when what is asked for cannot be done */
async function jobOf(args: readonly string[]): Promise<Job | undefined> {
  try {
    const asked = readCommandLine(args);
    const load = Object.hasOwn(suites, asked.suite) ? suites[asked.suite] : undefined;
    if (load === undefined) throw new Error(`there is no suite "${asked.suite}"`);
    const suite = await load();
    checkBefore(asked, suite);
    return { asked, suite };
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${await usage()}`);
    return undefined;
  }
}

async function main(args: readonly string[]): Promise<number> {
  const job = await jobOf(args);
  if (job === undefined) return 2;
  const { asked, suite } = job;
  const { quick, repeat, systems, cases, clients, json } = asked;
  const folder = fs.mkdtempSync(path.join(asked.data ?? os.tmpdir(), 'coterie-bench-'));
  const signal = interruption();
  try {
    const about = { suite: asked.suite, at: new Date().toISOString(), quick, machine: machine() };
    console.log(Object.values(about.machine).join(', '));
    const figures = await suite.run({
      quick,
      repeat,
      systems,
      cases,
      clients,
      folder,
      signal,
      print: (line) => console.log(line),
    });
    if (json !== undefined) fs.writeFileSync(json, `${JSON.stringify({ ...about, ...figures }, undefined, 2)}\n`);
    return 0;
  } catch (error) {
    // Whatever an interruption breaks first, it is not the cause.
    throw signal.aborted ? signal.reason : error;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exitCode = 1;
}
