// The benchmark suite: `npm run bench -- <suite> [--quick] [--json FILE] [--systems …]`, and more.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
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
    Object.entries(suites).map(async ([name, load]) => `  ${name.padEnd(12)}${(await load()).summary}`),
  );
  return [
    'usage: npm run bench -- SUITE [--quick] [--repeat N] [--systems A,B] [--cases A,B] [--clients N,M] [--json FILE] [--data DIR]',
    '',
    ...lines,
    '',
    '  --quick        about five seconds a row',
    '  --repeat N     how often a row is measured, for its median (default 3, 1 with --quick)',
    '  --systems A,B  only these: coterie, floor, etcd3, etcd-go',
    '  --cases A,B    only these cases',
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

const names = (list: string | undefined): ReadonlySet<string> | undefined =>
  list === undefined ? undefined : new Set(list.split(','));

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      repeat: { type: 'string' },
      systems: { type: 'string' },
      cases: { type: 'string' },
      clients: { type: 'string' },
      json: { type: 'string' },
      data: { type: 'string' },
    },
  });
  const name = positionals[0];
  const load = name !== undefined && Object.hasOwn(suites, name) ? suites[name] : undefined;
  const repeat = Number(values.repeat ?? (values.quick ? 1 : 3));
  const clients = values.clients?.split(',').map(Number);
  if (
    clients?.some((n) => !Number.isInteger(n) || n < 1) === true ||
    load === undefined ||
    positionals.length > 1 ||
    !Number.isInteger(repeat) ||
    repeat < 1 ||
    repeat > 100
  ) {
    console.error(await usage());
    return 2;
  }
  const suite = await load();
  const folder = fs.mkdtempSync(path.join(values.data ?? os.tmpdir(), 'coterie-bench-'));
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interrupted.abort(new Error(`interrupted by ${signal}`)));
  }
  try {
    const about = { suite: name, at: new Date().toISOString(), quick: values.quick, machine: machine() };
    console.log(Object.values(about.machine).join(', '));
    const { signal } = interrupted;
    const figures = await suite.run({
      quick: values.quick,
      repeat,
      systems: names(values.systems),
      cases: names(values.cases),
      clients,
      folder,
      signal,
      print: (line) => console.log(line),
    });
    if (values.json !== undefined) {
      fs.writeFileSync(values.json, `${JSON.stringify({ ...about, ...figures }, undefined, 2)}\n`);
    }
    return 0;
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
