import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkBefore, readCommandLine } from '../src/command-line.js';
import type { Suite } from '../src/suite.js';

const suite: Suite = {
  summary: '',
  cases: ['put', 'put-open'],
  systems: ['coterie', 'floor'],
  run: () => Promise.resolve({ rows: [] }),
};
const check = (...args: string[]): void => checkBefore(readCommandLine(['commit', ...args]), suite);

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-bench-test-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

describe('the command line of the benchmarks', () => {
  it.each([[[]], [['a', 'b']], [['a', '--repeat', '0']], [['a', '--clients', '1,x']], [['a', '--unknown']]])(
    'refuses %j',
    (args) => {
      expect(() => readCommandLine(args)).toThrow();
    },
  );

  it('repeats three times, once when it is to be quick', () => {
    expect(readCommandLine(['commit']).repeat).toBe(3);
    expect(readCommandLine(['commit', '--quick']).repeat).toBe(1);
  });

  it('takes cases and systems of the suite, and no others', () => {
    expect(() => check('--cases', 'put,put-open', '--systems', 'floor')).not.toThrow();
    expect(() => check('--cases', 'put,put-opne')).toThrow('no case "put-opne": it has put, put-open');
    expect(() => check('--systems', 'coterie,etcd')).toThrow('no system "etcd"');
    expect(() => checkBefore(readCommandLine(['x', '--cases', 'put']), { ...suite, cases: [] })).toThrow('no case');
  });

  it('refuses a file for figures that could not be written after measuring', () => {
    const file = path.join(folder, 'figures.json');
    expect(() => check('--json', file)).not.toThrow();
    expect(fs.existsSync(file)).toBe(false);
    expect(() => check('--json', path.join(folder, 'missing', 'figures.json'))).toThrow('cannot be written');
    expect(() => check('--json', folder)).toThrow('it is a folder');
  });
});
