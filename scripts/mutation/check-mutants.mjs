// `npm run sim -- --mutants [--only NAME[,NAME]] [--fresh N] [--seeds N] [--seed S] [--jobs J] [--record]`
//
// Puts one deliberate bug after the other into the simulated stack and shows by which seed, and by which check, each is
// found. First the seed that is recorded for it, then others up to --seeds (500). With --fresh N, as CI runs it, the
// recorded seed must find it, and N more seeds show how likely that is. --record writes the seeds that were found.
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
/** A seed that says nothing for so long hangs, and that is a finding. */
const seedLimitMs = 300_000;
/** Short worlds with busy clients: most of what a mutant breaks shows soon or not at all. */
const world = { simulatedMs: 20_000, paceMs: 50 };
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
 * @param {number} first
 * @param {number} count
 * @param {boolean} untilKilled
 * @returns {Promise<Finding[]>} what was found
 */
async function runSeeds(mutant, first, count, untilKilled) {
  /** @type {Finding[]} */
  const found = [];
  let next = first;
  while (next < first + count && !(untilKilled && found.length > 0)) {
    const options = JSON.stringify({ ...world, ...mutant.world });
    const args = ['--first', `${next}`, '--count', `${first + count - next}`, '--options', options];
    const child = spawn(
      process.execPath,
      [
        '--import',
        `${preload.href}?name=${mutant.name}`,
        worldFile,
        ...args,
        ...(untilKilled ? ['--until-killed'] : []),
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let errors = '';
    child.stderr.on('data', (text) => (errors = `${errors}${text}`.slice(-2000)));
    const ended = new Promise((resolve) => child.on('close', resolve));
    const hung = (/** @type {NodeJS.Timeout | undefined} */ timer) => {
      clearTimeout(timer);
      return setTimeout(() => child.kill('SIGKILL'), seedLimitMs);
    };
    let timer = hung(undefined);
    for await (const line of createInterface({ input: child.stdout })) {
      timer = hung(timer);
      const { seed, problem } = JSON.parse(line);
      if (problem !== undefined) found.push({ seed, check: checkOf(problem) });
      next = seed + 1;
    }
    const code = await ended;
    clearTimeout(timer);
    if (code === 0) break;
    if (next === first && errors.includes(preload.pathname)) throw new Error(`${mutant.name}: ${errors}`);
    // It hung, or broke the process: that is found too, and the next seed goes on in a new one.
    found.push({ seed: next, check: code === null ? 'hangs' : `process ended with ${code}` });
    next++;
  }
  return found;
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
  const known = recorded[mutant.name];
  const again = known === undefined ? [] : await runSeeds(mutant, known.seed, 1, true);
  const base = values.seed === undefined ? 1 + Math.floor(Math.random() * seedsMax) : positive('seed', values.seed);
  if (values.fresh !== undefined) {
    const count = positive('fresh', values.fresh);
    const fresh = await runSeeds(mutant, base, count, false);
    const replay =
      again[0] === undefined
        ? `recorded seed ${known?.seed} does NOT find it`
        : `seed ${known?.seed}: ${again[0].check}`;
    return { ok: again.length > 0, text: `${replay}; fresh from ${base}: ${fresh.length} of ${count}` };
  }
  if (again[0] !== undefined) return { ok: true, text: `seed ${again[0].seed}: ${again[0].check}`, finding: again[0] };
  const count = positive('seeds', values.seeds);
  const [finding] = await runSeeds(mutant, base, count, true);
  const tried = finding === undefined ? count : finding.seed - base + 1;
  if (finding === undefined) return { ok: false, text: `SURVIVED ${count} seeds from ${base}` };
  return { ok: true, text: `seed ${finding.seed} (${tried}. of fresh ones): ${finding.check}`, finding };
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
      const { ok, text, finding } = await check(mutant);
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
