// The one entry behind the npm scripts. It works on a fresh clone with nothing but Node and npm: it installs the locked
// dependencies if they are missing, builds what changed, and then runs the task in its place, with its arguments, its
// exit code and its signals.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Interrupted, passSignalsOn, runNode } from './run/child.mjs';
import { build, isBuilt } from './run/build.mjs';
import { check } from './run/check.mjs';
import { install, isInstalled } from './run/install.mjs';
import { withLock } from './run/lock.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * A task that is a program of ours or of a dependency. @type {(file: string, ...fixed: string[]) => (args: string[]) =>
 * Promise<number>}
 */
const program =
  (file, ...fixed) =>
  async (args) => {
    if (!fs.existsSync(path.join(root, file))) throw new Error(`${file} does not exist`);
    const { code, signal } = await runNode(path.join(root, file), [...fixed, ...args], { cwd: root });
    if (signal !== undefined) throw new Interrupted(signal);
    return code;
  };

/** @type {Record<string, (args: string[]) => Promise<number>>} */
const tasks = {
  build: async () => 0,
  test: program('node_modules/vitest/vitest.mjs', 'run'),
  check: () => check(root),
  format: async () => {
    await program('scripts/tidy/wrap-comments.mjs')([]);
    return program('node_modules/prettier/bin/prettier.cjs', '--write', '--log-level=warn', '.')([]);
  },
  demo: program('examples/dist/demo/main.js'),
  sim: (args) =>
    program(
      args.includes('--mutants') ? 'scripts/mutation/check-mutants.mjs' : 'packages/coterie/dist/testing/sim-cli.js',
    )(args),
  bench: program('benchmarks/dist/main.js'),
  oracle: program('scripts/oracle.mjs'),
  fuzz: program('scripts/long-tests.mjs', 'fuzz'),
  faults: program('scripts/long-tests.mjs', 'faults'),
  coverage: program('scripts/mutation/check-coverage.mjs'),
};

async function prepare() {
  if (isInstalled(root) && isBuilt(root)) return;
  await withLock(path.join(root, '.nx', 'coterie-prepare.lock'), async () => {
    if (!isInstalled(root)) await install(root);
    if (!isBuilt(root)) await build(root);
  });
}

/** @param {string | undefined} name @param {string[]} args */
async function main(name, args) {
  const task = name === undefined || !Object.hasOwn(tasks, name) ? undefined : tasks[name];
  if (task === undefined) throw new Error(`usage: node scripts/run.mjs <${Object.keys(tasks).join('|')}> [arguments]`);
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    throw new Error(`Node 20.19 or newer is needed; this is ${process.version}`);
  await prepare();
  return task(args[0] === '--' ? args.slice(1) : args);
}

passSignalsOn();
try {
  const [name, ...args] = process.argv.slice(2);
  process.exitCode = await main(name, args);
} catch (error) {
  if (error instanceof Interrupted) {
    // Dies of the same signal, so that the shell sees what happened.
    process.removeAllListeners(error.signal);
    process.kill(process.pid, error.signal);
  } else {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
