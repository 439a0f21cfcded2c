// `npm run sim -- --mutants [--only NAME[,NAME]] [--fresh N] [--seeds N] [--seed S] [--jobs J] [--record]`
//
// Puts one deliberate bug after the other into the simulated stack and shows by which seed, and by which check, each is
// found. First the seed that is recorded for it, then others up to --seeds (500). With --fresh N, as CI runs it, N more
// seeds show how likely that is; a recorded seed that finds it no longer has moved with the code, which is said, and is
// no failure as long as one of the fresh ones finds it, or one of the --seeds that are tried when none of them does:
// chance alone must not fail a run. A world that hangs finds nothing, nor does one in which
// something is wrong without the mutant. --record writes the seeds.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mutants } from './simulator-mutants.mjs';

/** @typedef {import('./simulator-mutants.mjs').Mutant} Mutant */
/** @typedef {{ readonly seed: number, readonly check: string }} Finding */

const seedsFile = fileURLToPath(new URL('simulator-seeds.json', import.meta.url));
const worldFile = fileURLToPath(new URL('mutant-world.mjs', import.meta.url));
const preload = new URL('with-mutant.mjs', import.meta.url);
/** A seed that says nothing for so long hangs: nothing was found by it. */
const seedLimitMs = 120_000;
/** Short worlds with busy clients: most of what a mutant breaks shows soon or not at all. */
// Leases only where they are the matter: what their clients send moves everything else.
const world = { simulatedMs: 20_000, paceMs: 50, leaseClients: 0 };
const seedsMax = 1_000_000_000;

const { values } = parseArgs({
  options: {
    mutants: { type: 'boolean', default: true },
    only: { type: 'string' },
    fresh: { type: 'string' },
    seeds: { type: 'string', default: '500' },
    seed: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    record: { type: 'boolean', default: false },
  },
});

/** @param {string} text */
const say = (text) => void process.stdout.write(`${text}\n`);

/** @param {string} name @param {string} text @returns {number} */
function positive(name, text) {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`--${name} takes a positive whole number, not '${text}'`);
}

/**
 * Runs seeds with a mutant, each in turn.
 *
 * @param {Mutant} mutant
 * @param {readonly number[]} seeds
 * @param {boolean} untilKilled
 * @returns {Promise<Finding[]>} what was found
 */
async function runSeeds(mutant, seeds, untilKilled) {
  /** @type {Finding[]} */
  const found = [];
  let rest = [...seeds];
  while (rest.length > 0 && !(untilKilled && found.length > 0)) {
    const { told, code, errors } = await runProcess(mutant, rest, untilKilled);
    for (const { seed, problem } of told) if (problem !== undefined) found.push({ seed, check: checkOf(problem) });
    rest = rest.slice(told.length);
    if (code === 0) break;
    if (told.length === 0 && errors.includes(preload.pathname)) throw new Error(`${mutant.name}: ${errors}`);
    // It broke the process: that is found too. Whatever it was, the next seed goes on in a new one.
    const [seed] = rest.splice(0, 1);
    if (code !== null && seed !== undefined) found.push({ seed, check: `process ended with ${code}` });
  }
  return found;
}

/**
 * @param {Mutant} mutant
 * @param {readonly number[]} seeds
 * @param {boolean} untilKilled
 * @param {boolean} [mutated] false: the code as it is
 * @returns {Promise<{ told: { seed: number, problem?: string }[], code: number | null, errors: string }>} `code` is
 *   null when a seed hung
 */
async function runProcess(mutant, seeds, untilKilled, mutated = true) {
  const options = JSON.stringify({ ...world, ...mutant.world });
  const preloaded = mutated ? ['--import', `${preload.href}?name=${mutant.name}`] : [];
  const args = [...preloaded, worldFile, '--seeds', seeds.join(), '--options', options];
  const child = spawn(process.execPath, [...args, ...(untilKilled ? ['--until-killed'] : [])], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (text) => (errors = `${errors}${text}`.slice(-2000)));
  const ended = new Promise((resolve) => child.on('close', resolve));
  const hung = () => setTimeout(() => child.kill('SIGKILL'), seedLimitMs);
  let timer = hung();
  const told = [];
  for await (const line of createInterface({ input: child.stdout })) {
    clearTimeout(timer);
    timer = hung();
    told.push(JSON.parse(line));
  }
  const code = await ended;
  clearTimeout(timer);
  return { told, code, errors };
}

/** `at 1.234 s: log matching: a holds …` @param {string} problem @returns {string} */
function checkOf(problem) {
  const text = problem.replace(/^at \S+ s: /, '');
  const colon = text.indexOf(': ');
  return colon > 0 && colon < 40 ? text.slice(0, colon) : text.slice(0, 70);
}

/** @type {Record<string, Finding>} */
const recorded = fs.existsSync(seedsFile) ? JSON.parse(fs.readFileSync(seedsFile, 'utf8')) : {};

/**
 * @param {Mutant} mutant
 * @returns {Promise<{ ok: boolean, text: string, finding?: Finding }>}
 */
async function check(mutant) {
  const base = values.seed === undefined ? 1 + Math.floor(Math.random() * seedsMax) : positive('seed', values.seed);
  const known = recorded[mutant.name];
  if (values.fresh !== undefined) return checkFresh(mutant, known, base, positive('fresh', values.fresh));
  const again = known === undefined ? [] : await runSeeds(mutant, [known.seed], true);
  if (again[0] !== undefined) return { ok: true, text: `seed ${again[0].seed}: ${again[0].check}`, finding: again[0] };
  const count = positive('seeds', values.seeds);
  const [finding] = await runSeeds(mutant, range(base, count), true);
  const tried = finding === undefined ? count : finding.seed - base + 1;
  if (finding === undefined) return { ok: false, text: `SURVIVED ${count} seeds from ${base}` };
  return { ok: true, text: `seed ${finding.seed} (${tried}. of fresh ones): ${finding.check}`, finding };
}

/**
 * The recorded seed and others, in one process.
 *
 * @param {Mutant} mutant
 * @param {Finding | undefined} known
 * @param {number} base
 * @param {number} count
 * @returns {Promise<{ ok: boolean, text: string, finding?: Finding }>}
 */
async function checkFresh(mutant, known, base, count) {
  const first = known === undefined ? [] : [known.seed];
  const found = await runSeeds(mutant, [...first, ...range(base, count)], false);
  const again = found.find(({ seed }) => seed === known?.seed);
  const fresh = found.filter((finding) => finding !== again);
  const rate = `fresh from ${base}: ${fresh.length} of ${count}`;
  if (again !== undefined) return { ok: true, text: `seed ${again.seed}: ${again.check}; ${rate}`, finding: again };
  const moved = `recorded seed ${known?.seed ?? '(none)'} DOES NOT FIND IT ANY MORE`;
  const cure = `record another: npm run sim -- --mutants --only ${mutant.name} --record`;
  const more = positive('seeds', values.seeds);
  const other = fresh[0] ?? (await runSeeds(mutant, range(base + count, more), true))[0];
  if (other === undefined) return { ok: false, text: `${moved}; ${rate}; SURVIVED ${more} more` };
  return { ok: true, text: `seed ${other.seed}: ${other.check}; ${rate}; ${moved}; ${cure}`, finding: other };
}

/** @param {number} first @param {number} count @returns {number[]} */
const range = (first, count) => Array.from({ length: count }, (_, i) => first + i);

/**
 * A seed proves something about a mutant only if nothing is wrong in its world without it.
 *
 * @param {Mutant} mutant
 * @param {Awaited<ReturnType<typeof check>>} result
 */
async function withControl(mutant, { ok, text, finding }) {
  if (finding === undefined) return { ok, text };
  const { told, code } = await runProcess(mutant, [finding.seed], true, false);
  const problem = told[0]?.problem ?? (code === 0 ? undefined : 'it does not end');
  if (problem === undefined) return { ok, text, finding };
  return { ok: false, text: `${text}; but seed ${finding.seed} FAILS WITHOUT THE MUTANT TOO: ${problem}` };
}

/**
 * Written at once, so that a long run that is ended has not been for nothing.
 *
 * @param {string} name
 * @param {Finding} finding
 */
function record(name, finding) {
  recorded[name] = finding;
  const all = mutants.flatMap((mutant) =>
    recorded[mutant.name] === undefined ? [] : [[mutant.name, recorded[mutant.name]]],
  );
  fs.writeFileSync(seedsFile, `${JSON.stringify(Object.fromEntries(all), undefined, 2)}\n`);
}

async function main() {
  const names = values.only?.split(',');
  const unknown = names?.filter((name) => !mutants.some((mutant) => mutant.name === name)) ?? [];
  if (unknown.length > 0) throw new Error(`there is no mutant ${unknown.join(', ')}`);
  const chosen = mutants.filter(({ name }) => names === undefined || names.includes(name));
  const begun = process.hrtime.bigint();
  let failed = 0;
  const queue = [...chosen];
  const worker = async () => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const { ok, text, finding } = await withControl(mutant, await check(mutant));
      if (!ok) failed++;
      if (finding !== undefined && values.record) record(mutant.name, finding);
      say(`${ok ? 'killed  ' : 'ALIVE   '} ${mutant.name.padEnd(32)} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: positive('jobs', values.jobs) }, worker));
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  say(`${chosen.length} mutants, ${chosen.length - failed} killed, ${failed} alive; ${seconds.toFixed(0)} s`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
