import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Suite } from './suite.js';

/** What the command line asks for, with its defaults. */
export interface CommandLine {
  /** The name of a suite, which may be of none. */
  readonly suite: string;
  readonly quick: boolean;
  readonly repeat: number;
  readonly systems: ReadonlySet<string> | undefined;
  readonly cases: ReadonlySet<string> | undefined;
  readonly clients: readonly number[] | undefined;
  /** The file for the figures. */
  readonly json: string | undefined;
  /** The folder for data. */
  readonly data: string | undefined;
}

const repeatMax = 100;
const repeatDefault = { quick: 1, full: 3 };

const list = (text: string | undefined): ReadonlySet<string> | undefined =>
  text === undefined ? undefined : new Set(text.split(','));

/** @throws Error that says what is wrong with the arguments */
export function readCommandLine(args: readonly string[]): CommandLine {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      repeat: { type: 'string' },
      systems: { type: 'string' },
      cases: { type: 'string' },
      clients: { type: 'string' },
      json: { type: 'string' },
      data: { type: 'string' },
    },
  });
  const { quick, json, data } = values;
  const [suite, ...others] = positionals;
  if (suite === undefined || others.length > 0) throw new Error('name one suite');
  const repeat = Number(values.repeat ?? (quick ? repeatDefault.quick : repeatDefault.full));
  if (!Number.isInteger(repeat) || repeat < 1 || repeat > repeatMax) {
    throw new Error(`--repeat is a whole number from 1 to ${repeatMax}`);
  }
  const clients = values.clients?.split(',').map(Number);
  if (clients?.some((n) => !Number.isInteger(n) || n < 1) === true) {
    throw new Error('--clients are whole numbers from 1');
  }
  return { suite, quick, repeat, systems: list(values.systems), cases: list(values.cases), clients, json, data };
}

/** @throws Error when a suite would measure nothing of what is named, or its figures could not be written at the end */
export function checkBefore({ suite: name, cases, systems, json }: CommandLine, suite: Suite): void {
  checkNames(`the suite ${name}`, 'case', cases, suite.cases);
  checkNames(`the suite ${name}`, 'system', systems, suite.systems);
  if (json === undefined) return;
  try {
    const folder = path.dirname(json);
    if (!fs.statSync(folder).isDirectory()) throw new Error(`${folder} is no folder`);
    if (fs.statSync(json, { throwIfNoEntry: false })?.isDirectory() === true) throw new Error('it is a folder');
    fs.accessSync(fs.existsSync(json) ? json : folder, fs.constants.W_OK);
  } catch (error) {
    throw new Error(`--json ${json} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}

function checkNames(of: string, what: string, named: ReadonlySet<string> | undefined, known: readonly string[]): void {
  const unknown = [...(named ?? [])].filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  const choice = known.length === 0 ? `it has no ${what}s to choose` : `it has ${known.join(', ')}`;
  throw new Error(`${of} has no ${what} "${unknown.join('", "')}": ${choice}`);
}
