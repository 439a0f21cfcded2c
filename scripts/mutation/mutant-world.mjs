// Runs seeds of the simulator, in a process of its own that may hold a mutant (with-mutant.mjs), and prints one line of
// JSON for each: what went wrong first, if anything did. `--until-killed` ends at the first seed that shows something.
import { parseArgs } from 'node:util';
import { runSeed } from '../../packages/coterie/dist/testing/index.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1' },
    options: { type: 'string', default: '{}' },
    'until-killed': { type: 'boolean', default: false },
  },
});

/** @param {number} seed @returns {Promise<string | undefined>} the first problem */
async function firstProblem(seed) {
  try {
    return (await runSeed(seed, JSON.parse(values.options))).problems[0];
  } catch (error) {
    // A mutant may break the world itself.
    return `at ? s: thrown: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** What a broken stack throws where nobody waits is a finding like any other. @type {string | undefined} */
let stray;
process.on('unhandledRejection', (error) => {
  stray ??= `at ? s: unhandled: ${error instanceof Error ? error.message : String(error)}`;
});

for (const seed of values.seeds.split(',').map(Number)) {
  stray = undefined;
  const problem = (await firstProblem(seed)) ?? stray;
  process.stdout.write(`${JSON.stringify({ seed, problem })}\n`);
  if (problem !== undefined && values['until-killed']) break;
}
// Timers of a world that was left in the middle must not keep the process.
process.exit(0);
