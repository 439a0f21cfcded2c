// Runs published test data of etcd-io/raft against our core: `npm run oracle -- DIR`, where DIR holds data-driven
// files, at any depth. The data are read from there; nothing of them is kept here.
import fs from 'node:fs';
import path from 'node:path';
import { confChangeCommands, confChangeRunner } from './conf-change.mjs';
import { parseDataDriven } from './data-driven.mjs';
import { interactionCommands, interactionRunner } from './interaction.mjs';
import { quorumCommands, quorumRunner } from './quorum.mjs';

/** @typedef {import('./data-driven.mjs').Stanza} Stanza */

const runners = [
  { commands: quorumCommands, make: quorumRunner },
  { commands: confChangeCommands, make: confChangeRunner },
  { commands: interactionCommands, make: interactionRunner },
];

/** Lines of etcd's logger tell nothing that the protocol does not, and are no part of the comparison. */
const logLine = /^\s*(DEBUG|INFO|WARN|ERROR) /;

/** What is compared: without log lines and trailing blanks; nothing printed is "ok". @param {string[]} lines */
function normalize(lines) {
  const kept = lines.filter((line) => !logLine.test(line)).map((line) => line.trimEnd());
  return kept.length === 0 ? ['ok'] : kept;
}

/** @param {string} directory @returns {string[]} */
function dataFiles(directory) {
  return fs
    .readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.txt'))
    .sort()
    .map((name) => path.join(directory, name));
}

/** @param {(stanza: Stanza) => string} run @param {Stanza} stanza */
function outputOf(run, stanza) {
  try {
    return run(stanza).split('\n');
  } catch (error) {
    return [`the core failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`];
  }
}

/** @param {string} file @param {boolean} verbose */
function runFile(file, verbose) {
  const stanzas = parseDataDriven(fs.readFileSync(file, 'utf8'));
  const runner = runners.find(({ commands }) => stanzas.every(({ command }) => commands.includes(command)));
  if (runner === undefined) throw new Error(`${file}: commands of no known kind`);
  const run = runner.make();
  let passed = 0;
  for (const stanza of stanzas) {
    const expected = normalize(stanza.expected);
    const actual = normalize(outputOf(run, stanza));
    if (expected.join('\n') === actual.join('\n')) passed++;
    else if (verbose) {
      console.log(`\n${file}:${stanza.line}: ${stanza.command}`);
      for (let i = 0; i < Math.max(expected.length, actual.length); i++) {
        if (expected[i] === actual[i]) console.log(`    ${expected[i]}`);
        else {
          if (expected[i] !== undefined) console.log(`  - ${expected[i]}`);
          if (actual[i] !== undefined) console.log(`  + ${actual[i]}`);
        }
      }
    }
  }
  return { passed, total: stanzas.length };
}

/**
 * @param {string[]} args `[--quiet] DIR`
 * @returns {number} the exit code: 0 when everything passed
 */
export function runOracle(args) {
  const verbose = !args.includes('--quiet');
  const directories = args.filter((arg) => !arg.startsWith('--'));
  const [directory] = directories;
  if (directory === undefined || directories.length > 1) {
    console.error('usage: npm run oracle -- [--quiet] DIR');
    return 2;
  }
  if (!fs.statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
    console.error(`${directory} is no directory: give the one that holds the published test data`);
    return 1;
  }
  const files = dataFiles(directory);
  let filesPassed = 0;
  let passed = 0;
  let total = 0;
  for (const file of files) {
    const result = runFile(file, verbose);
    passed += result.passed;
    total += result.total;
    if (result.passed === result.total) filesPassed++;
    else console.log(`${file}: ${result.passed}/${result.total} stanzas`);
  }
  console.log(`files passed ${filesPassed}/${files.length}, stanzas passed ${passed}/${total}`);
  return files.length > 0 && passed === total ? 0 : 1;
}
