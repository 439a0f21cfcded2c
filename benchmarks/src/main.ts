// The benchmark suite: `npm run bench -- <suite> [--quick] [--json FILE] [--data DIR]`.
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
  codec: async () => (await import('./micro/codec-suite.js')).codecSuite,
  'raft-micro': async () => (await import('./micro/raft-suite.js')).raftSuite,
};

async function usage(): Promise<string> {
  const lines = await Promise.all(
    Object.entries(suites).map(async ([name, load]) => `  ${name.padEnd(12)}${(await load()).summary}`),
  );
  return [
    'usage: npm run bench -- SUITE [--quick] [--json FILE] [--data DIR]',
    '',
    ...lines,
    '',
    '  --quick      about five seconds a row',
    '  --json FILE  the figures as JSON as well',
    '  --data DIR   where data goes, so which disk is measured (default: the temporary folder)',
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

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { quick: { type: 'boolean' }, json: { type: 'string' }, data: { type: 'string' } },
  });
  const name = positionals[0];
  const load = name !== undefined && Object.hasOwn(suites, name) ? suites[name] : undefined;
  if (load === undefined || positionals.length > 1) {
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
    const about = { suite: name, at: new Date().toISOString(), quick: values.quick ?? false, machine: machine() };
    console.log(Object.values(about.machine).join(', '));
    const { signal } = interrupted;
    const figures = await suite.run({ quick: about.quick, folder, signal, print: (line) => console.log(line) });
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
