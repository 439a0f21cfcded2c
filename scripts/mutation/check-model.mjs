// `node scripts/mutation/check-model.mjs [NAME…]`
//
// Puts one bug after the other into what a `Kv` stands on and demands that the property test against the naive model
// finds it, or the test that a bug names. Names, or parts of names, choose some. Exit code 1 when one survives.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { modelMutants } from './model-mutants.mjs';

const test = {
  file: 'packages/mvcc/test/model/kv-property.test.ts',
  title: 'whatever is written, read, watched, compacted, crashed, reopened and installed, a Kv is its naive model',
};
/** What takes longer hangs. */
const limitMs = 900_000;

/** @param {import('node:child_process').ChildProcess} runner @returns {Promise<import('./row-runner.mjs').Outcome>} */
const answer = (runner) =>
  new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no end within ${limitMs / 1000} s`)), limitMs);
    const gone = (/** @type {unknown} */ code) => reject(new Error(`the process of the tests ended: ${String(code)}`));
    runner.once('exit', gone);
    runner.once('message', (message) => {
      clearTimeout(late);
      runner.off('exit', gone);
      resolve(/** @type {import('./row-runner.mjs').Outcome} */ (message));
    });
  });

const chosen = process.argv.slice(2);
const mutants = modelMutants.filter(({ name }) => chosen.length === 0 || chosen.some((part) => name.includes(part)));
const runner = fork(fileURLToPath(new URL('row-runner.mjs', import.meta.url)), [], {
  stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  // That it is found is enough: the shortest way to it is not asked for.
  env: { ...process.env, NO_COLOR: '1', MODEL_SHRINK: '0' },
});
await answer(runner);
let survivors = 0;
for (const { name, foundBy = test, ...change } of mutants) {
  const started = performance.now();
  runner.send({ tests: [foundBy], change });
  const { failed, applied, broken } = await answer(runner);
  const found = failed.length > 0 && applied;
  if (!found) survivors++;
  const why = found ? '' : ` (${applied ? (broken[0] ?? 'it passes') : 'the file is not loaded'})`;
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
  console.log(`${found ? 'found   ' : 'SURVIVES'} ${seconds} s  ${name}${why}`);
}
runner.disconnect();
console.log(`model: ${mutants.length - survivors} of ${mutants.length} bugs found`);
process.exitCode = survivors === 0 ? 0 : 1;
