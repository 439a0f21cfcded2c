// Tests of which CI runs a share that another seed draws each time, run in full.
//
//   npm run fuzz -- [--inputs 1000000] [--seed N]    decoders of the store and the log over bytes that nobody encoded
//   npm run faults -- [--seed N]                     a fault or a crash at every call of a port, in every way
//
// Both name the seed of what fails.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runNode } from './run/child.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const [what, ...rest] = process.argv.slice(2);
const { values } = parseArgs({
  args: rest,
  options: { inputs: { type: 'string', default: '1000000' }, seed: { type: 'string' } },
});

/** @param {string} name @param {string} text */
function number(name, text) {
  if (!/^\d{1,12}$/.test(text)) throw new Error(`--${name} is a number, not ${text}`);
  return text;
}

const seed = number('seed', values.seed ?? String(Date.now() % 1_000_000_000));
/** @type {Record<string, { folder: string, environment: Record<string, string> }>} */
const suites = {
  fuzz: {
    folder: 'packages/mvcc/test/fuzz',
    environment: { COTERIE_FUZZ_INPUTS: number('inputs', values.inputs), COTERIE_FUZZ_SEED: seed },
  },
  faults: {
    folder: 'packages/mvcc/test/faults',
    environment: { COTERIE_FAULTS: 'all', COTERIE_FAULTS_SEED: seed },
  },
};
const suite = what === undefined || !Object.hasOwn(suites, what) ? undefined : suites[what];
if (suite === undefined) throw new Error(`usage: node scripts/long-tests.mjs <${Object.keys(suites).join('|')}>`);
console.log(`seed ${seed}`);
Object.assign(process.env, suite.environment);
const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
const { code } = await runNode(vitest, ['run', suite.folder], { cwd: root });
process.exitCode = code ?? 1;
