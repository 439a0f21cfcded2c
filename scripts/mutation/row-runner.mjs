// A process that runs tests with and without changes to the code, as its parent tells it, one order after the other. It
// keeps one vitest, so that what no change touches is compiled once.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createVitest } from 'vitest/node';
import { changePlugin } from './change-plugin.mjs';

/**
 * What to run: tests by title in files, with a change in force or as the code is.
 *
 * @typedef {object} Order
 * @property {import('./coverage-table.mjs').Row['tests']} tests
 * @property {import('./coverage-table.mjs').Row['changes'][number]} [change]
 */
/**
 * How it went. `passed` and `failed` hold titles of tests as `file › title`; `broken` says why nothing ran.
 *
 * @typedef {{ passed: string[], failed: string[], applied: boolean, broken: string[] }} Outcome
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const changes = changePlugin(root);

const vitest = await createVitest(
  'test',
  { root, watch: false, reporters: [{}], maxWorkers: 1, testTimeout: 60_000, includeTaskLocation: false },
  { plugins: [changes.plugin], logLevel: 'silent' },
);
await vitest.standalone();

/** @param {string} text */
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** The last title of a path of titles decides in vitest's pattern; the whole path is compared afterwards. */
const patternOf = (/** @type {Order['tests']} */ tests) =>
  new RegExp(`(?:${tests.map(({ title }) => escaped(title.split(' › ').join(' '))).join('|')})$`);

/** @param {import('vitest/node').TestCase} test @param {string} title */
const isCalled = (test, title) =>
  test.name === title ||
  ` › ${test.fullName.replaceAll(' > ', ' › ')}`.endsWith(` › ${title.replaceAll(' > ', ' › ')}`);

/** @param {Order} order @returns {Promise<Outcome>} */
async function carryOut({ tests, change }) {
  changes.set(change);
  const changed = change === undefined ? undefined : path.join(root, change.file);
  if (changed !== undefined) vitest.invalidateFile(changed);
  const files = [...new Set(tests.map(({ file }) => file))];
  vitest.setGlobalTestNamePattern(patternOf(tests));
  const project = vitest.getRootProject();
  const result = await vitest.runTestSpecifications(
    files.map((file) => project.createSpecification(path.join(root, file))),
  );
  if (changed !== undefined) vitest.invalidateFile(changed);
  /** @type {Outcome} */
  const outcome = { passed: [], failed: [], applied: changes.applied, broken: [] };
  for (const error of result.unhandledErrors)
    outcome.broken.push(String(Reflect.get(Object(error), 'message') ?? error));
  for (const module of result.testModules) {
    for (const error of module.errors()) outcome.broken.push(`${module.relativeModuleId}: ${error.message}`);
    for (const test of module.children.allTests()) {
      const named = tests.filter(({ file, title }) => file === module.relativeModuleId && isCalled(test, title));
      const { state } = test.result();
      for (const { file, title } of state === 'passed' || state === 'failed' ? named : [])
        outcome[state === 'passed' ? 'passed' : 'failed'].push(`${file} › ${title}`);
    }
  }
  return outcome;
}

process.on('message', (/** @type {Order} */ order) => {
  carryOut(order).then(
    (outcome) => process.send?.(outcome),
    (error) => process.send?.({ passed: [], failed: [], applied: false, broken: [String(error?.stack ?? error)] }),
  );
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
