// Holds the table in packages/raft/test/COVERAGE.md against the code: every test that it names exists and passes, every
// change that it names can be made and turns one of the row's tests red. `npm run coverage -- [--rows 1-20,b7]
// [--sample N [--seed S]]`; without a choice all rows. Exit code 1 if anything does not hold.
import { fork } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { applyChange } from './apply-change.mjs';
import { coverageRows, selectRows } from './coverage-table.mjs';

/** @typedef {import('./coverage-table.mjs').Row} Row */
/** @typedef {import('./row-runner.mjs').Order} Order */
/** @typedef {import('./row-runner.mjs').Outcome} Outcome */

const root = fileURLToPath(new URL('../..', import.meta.url));
const base = 'packages/raft/test';
const runnersMax = 2;
/** What takes longer hangs: its process is ended and the next one takes over. */
const orderLimitMs = 180_000;
/** A runner that is not up by then never will be. */
const startLimitMs = 60_000;

/** One process that carries out orders; started when it is first needed, and again after it had to be ended. */
class Runner {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  child;

  /** @returns {Promise<void>} */
  async start() {
    const script = fileURLToPath(new URL('row-runner.mjs', import.meta.url));
    this.child = fork(script, [], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    await this.answer(startLimitMs);
  }

  /** @param {Order} order @returns {Promise<Outcome>} */
  async carryOut(order) {
    try {
      if (this.child === undefined) await this.start();
      this.child?.send(order);
      return /** @type {Outcome} */ (await this.answer(orderLimitMs));
    } catch (error) {
      this.end();
      return {
        passed: [],
        failed: [],
        applied: true,
        broken: [error instanceof Error ? error.message : String(error)],
      };
    }
  }

  /** The next message of the process. @param {number} limitMs */
  answer(limitMs) {
    const child = this.child;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no end within ${limitMs / 1000} s`)), limitMs);
      const gone = (/** @type {unknown} */ code) => {
        clearTimeout(late);
        reject(new Error(`the process of the tests ended: ${String(code)}`));
      };
      child?.once('exit', gone);
      child?.once('message', (message) => {
        clearTimeout(late);
        child.off('exit', gone);
        resolve(message);
      });
    });
  }

  end() {
    this.child?.kill('SIGKILL');
    this.child = undefined;
  }
}

/** What can be said of a row without running anything. @param {Row} row */
function faultsAtRest({ faults, tests, changes }) {
  const found = [...faults];
  for (const { file } of tests) if (!fs.existsSync(path.join(root, file))) found.push(`no file ${file}`);
  for (const { file, ...change } of changes) {
    try {
      applyChange(fs.readFileSync(path.join(root, file), 'utf8'), change, file);
    } catch (error) {
      found.push(error instanceof Error ? error.message : String(error));
    }
  }
  return found;
}

/** Each test once: rows may share one. @param {Row['tests']} tests */
const distinct = (tests) => [...new Map(tests.map((test) => [`${test.file} › ${test.title}`, test])).values()];

/**
 * Tests that do not pass with the code as it is; asked once for all rows of one file.
 *
 * @param {Runner} runner
 * @param {readonly Row[]} rows
 * @returns {Promise<Map<Row, readonly string[]>>}
 */
async function faultsUnchanged(runner, rows) {
  const { passed, failed, broken } = await runner.carryOut({ tests: distinct(rows.flatMap(({ tests }) => tests)) });
  const faults = rows.map((row) => {
    const names = row.tests.map(({ file, title }) => `${file} › ${title}`);
    const bad = names.filter((name) => failed.includes(name)).map((name) => `fails without a change: ${name}`);
    const missing = names.filter((name) => ![...failed, ...passed].includes(name)).map((name) => `no test ${name}`);
    // Two tests of one title: whichever fails, nobody knows which one the row means.
    const twice = row.tests.length > 0 && new Set(names).size < names.length ? ['names a test twice'] : [];
    const often = names.filter((name) => [...failed, ...passed].filter((other) => other === name).length > 1);
    const several = often.map(
      (name) => `several tests are called ${name}: put the title of the describe block before it`,
    );
    return /** @type {const} */ ([
      row,
      [...bad, ...missing, ...twice, ...several, ...(missing.length > 0 ? broken : [])],
    ]);
  });
  return new Map(faults);
}

/** Changes of a row that no test of it notices. @param {Runner} runner @param {Row} row */
async function survivors(runner, { tests, changes }) {
  /** @type {string[]} */
  const faults = [];
  for (const change of changes) {
    const { failed, applied, broken } = await runner.carryOut({ tests, change });
    const what = `\`${change.find}\` → \`${change.replace}\``;
    if (failed.length > 0) continue;
    if (!applied) faults.push(`the test does not load ${change.file}`);
    else if (broken.length > 0) faults.push(`with ${what} the tests did not run: ${broken[0]?.split('\n')[0]}`);
    else faults.push(`survives: ${what}`);
  }
  return faults;
}

/**
 * Rows by the files of their tests: one run shows that all of a group pass as the code is.
 * @param {readonly Row[]} rows
 */
function grouped(rows) {
  /** @type {Map<string, Row[]>} */
  const groups = new Map();
  for (const row of rows) {
    const key = [...new Set(row.tests.map(({ file }) => file))].join(' ');
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

/** @param {readonly Row[]} rows @param {number} size @param {number} seed @returns {Row[]} */
function sampled(rows, size, seed) {
  let state = seed >>> 0;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const rest = [...rows];
  const chosen = Array.from(
    { length: Math.min(size, rest.length) },
    () => rest.splice(Math.floor(next() * rest.length), 1)[0],
  );
  return rows.filter((row) => chosen.includes(row));
}

/** @param {readonly Row[]} rows @param {(row: Row, faults: readonly string[], seconds: number) => void} report */
async function checkRows(rows, report) {
  const waiting = grouped(rows);
  const work = async () => {
    const runner = new Runner();
    for (let group = waiting.shift(); group !== undefined; group = waiting.shift()) {
      const asIs = await faultsUnchanged(runner, group);
      for (const row of group) {
        const started = performance.now();
        const found = asIs.get(row) ?? [];
        const faults = found.length > 0 ? found : await survivors(runner, row);
        report(row, faults, (performance.now() - started) / 1000);
      }
    }
    runner.end();
  };
  await Promise.all(Array.from({ length: runnersMax }, work));
}

/** @returns {Promise<number>} an exit code */
async function main() {
  const { values } = parseArgs({
    options: { rows: { type: 'string' }, sample: { type: 'string' }, seed: { type: 'string' } },
  });
  const page = fs.readFileSync(path.join(root, base, 'COVERAGE.md'), 'utf8');
  const all = coverageRows(page, base);
  const seed = Number(values.seed ?? Date.now() % 2 ** 31);
  const picked = values.rows === undefined ? all : selectRows(all, values.rows);
  const rows = values.sample === undefined ? picked : sampled(picked, Number(values.sample), seed);
  if (values.sample !== undefined) console.log(`a sample of ${rows.length} of ${picked.length} rows: --seed ${seed}`);
  const started = performance.now();
  let bad = 0;
  /** @param {Row} row @param {readonly string[]} faults @param {number} seconds */
  const report = (row, faults, seconds) => {
    if (faults.length > 0) bad++;
    const time = `${seconds.toFixed(1)} s`.padStart(7);
    console.log(
      `${faults.length === 0 ? 'red ' : 'FAIL'} ${row.id.padStart(4)} ${time}${faults.map((fault) => `\n       ${fault}`).join('')}`,
    );
  };
  // Of the rows that are not run the form at least is looked at, so that a sample still finds an empty or outdated one.
  const atRest = new Map(all.map((row) => [row, faultsAtRest(row)]));
  const looked = values.rows === undefined ? all : rows;
  for (const row of looked) if ((atRest.get(row) ?? []).length > 0) report(row, atRest.get(row) ?? [], 0);
  await checkRows(
    rows.filter((row) => (atRest.get(row) ?? []).length === 0),
    report,
  );
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`coverage: ${looked.length} rows looked at, ${rows.length} to be run, ${bad} faulty in ${seconds} s`);
  return bad === 0 ? 0 : 1;
}

process.exitCode = await main();
