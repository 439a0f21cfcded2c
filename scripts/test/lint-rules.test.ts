import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, it } from 'vitest';

// Each rule is shown a small file that breaks it, under the name of a place where the rule holds. The files do not
// exist, so the rules that need types are switched off here; they have a test of their own below.
const untyped = new ESLint({
  overrideConfig: [{ files: ['**/*.ts'], ...tseslint.configs.disableTypeChecked }],
});

async function rulesBroken(eslint: ESLint, filePath: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath });
  return (result?.messages ?? []).map(({ ruleId, message }) => ruleId ?? message);
}

const at = (filePath: string, code: string): Promise<string[]> =>
  rulesBroken(untyped, filePath, `${code}\nexport {};\n`);

const border = 'coterie/package-borders';
const raftNode = 'packages/raft/src/node/sample.ts';
const core = 'packages/raft/src/core/sample.ts';
const mvcc = 'packages/mvcc/src/kv/sample.ts';
const recipes = 'packages/recipes/src/sample.ts';

describe('package borders', () => {
  it.each([
    ['raft knows no other package', raftNode, `import { openStore } from '@coterie/mvcc'; openStore();`],
    [
      'raft knows no other package, not even its types',
      raftNode,
      `import type { Kv } from '@coterie/mvcc'; export type K = Kv;`,
    ],
    ['raft has no third-party dependency', raftNode, `import { WebSocket } from 'ws'; new WebSocket('');`],
    ['a type query is an import', raftNode, `export type K = import('@coterie/mvcc').Kv;`],
    ['a dynamic import is an import', raftNode, `export const kv = () => import('@coterie/mvcc');`],
    ['a re-export is an import', raftNode, `export { openStore } from '@coterie/mvcc';`],
    ['mvcc may not use code of raft', mvcc, `import { RaftCore } from '@coterie/raft'; new RaftCore();`],
    [
      'an inline type still loads the module',
      mvcc,
      `import { type Entry } from '@coterie/raft'; export type E = Entry;`,
    ],
    ['mvcc may not re-export code of raft', mvcc, `export * from '@coterie/raft';`],
    ['mvcc may not use a package it does not list', mvcc, `import { pack } from 'msgpackr'; pack(1);`],
    [
      'transport-ws knows nothing of mvcc',
      'packages/transport-ws/src/sample.ts',
      `import type { Kv } from '@coterie/mvcc'; export type K = Kv;`,
    ],
    ['recipes may not use code of mvcc', recipes, `import { cmp } from '@coterie/mvcc'; cmp();`],
    ['recipes knows nothing of raft', recipes, `import type { Entry } from '@coterie/raft'; export type E = Entry;`],
    ['nobody knows the assembly', recipes, `import type { Peer } from 'coterie'; export type P = Peer;`],
    [
      'no deep import by name',
      'packages/coterie/src/sample.ts',
      `import { x } from '@coterie/raft/dist/core/core.js'; x();`,
    ],
    [
      'no deep import by path',
      'packages/coterie/src/sample.ts',
      `import { x } from '../../raft/src/core/core.js'; x();`,
    ],
    [
      'no deep import in tests either',
      'packages/coterie/test/sample.test.ts',
      `import { x } from '../../raft/src/core/core.js'; x();`,
    ],
    [
      'no deep import in examples either',
      'examples/src/sample.ts',
      `import { x } from '@coterie/raft/dist/core/core.js'; x();`,
    ],
    ['the core knows nothing around it', core, `import { Node } from '../node/node.js'; new Node();`],
    ['built-in modules are named as such', mvcc, `import fs from 'fs'; fs.readFileSync('');`],
  ])('%s', async (_name, file, code) => {
    expect(await at(file, code)).toEqual([border]);
  });

  it.each([
    ['everybody has the errors', core, `import { invariant } from '@coterie/errors'; invariant(true, 'x');`],
    ['mvcc has the types of raft', mvcc, `import type { Entry } from '@coterie/raft'; export type E = Entry;`],
    ['recipes has the types of mvcc', recipes, `import type { Kv } from '@coterie/mvcc'; export type K = Kv;`],
    ['mvcc has its ordered store', mvcc, `import { ClassicLevel } from 'classic-level'; new ClassicLevel('');`],
    ['coterie has everything', 'packages/coterie/src/sample.ts', `export { openStore } from '@coterie/mvcc';`],
    [
      'tests use any public entry',
      'packages/transport-ws/test/sample.test.ts',
      `import { transportSuite } from '@coterie/raft/testing'; transportSuite();`,
    ],
    [
      'tests see the inside of their own package',
      'packages/raft/test/sample.test.ts',
      `import { x } from '../src/core/core.js'; x();`,
    ],
  ])('%s', async (_name, file, code) => {
    expect(await at(file, code)).toEqual([]);
  });
});

describe('deterministic code', () => {
  const places = [
    core,
    'packages/mvcc/src/command/sample.ts',
    'packages/mvcc/src/txn/sample.ts',
    'packages/mvcc/src/session/session-table.ts',
    'packages/mvcc/src/state/sample.ts',
    'packages/mvcc/src/store/memtable.ts',
  ];

  it.each([
    ['no-restricted-globals', 'export const t = Date.now();'],
    ['no-restricted-globals', 'export const t = new Date(0);'],
    ['no-restricted-properties', 'export const r = Math.random();'],
    ['no-restricted-globals', 'export const t = performance.now();'],
    ['no-restricted-globals', 'setTimeout(() => undefined, 1);'],
    ['no-restricted-globals', 'setInterval(() => undefined, 1);'],
    ['no-restricted-globals', 'setImmediate(() => undefined);'],
    ['no-restricted-globals', 'queueMicrotask(() => undefined);'],
    ['no-restricted-globals', 'export const p = process;'],
    ['no-restricted-globals', 'export const id = crypto.subtle;'],
    ['no-restricted-globals', 'export const p = Promise.resolve();'],
    ['no-restricted-properties', 'globalThis.setTimeout(() => undefined, 1);'],
    ['no-restricted-syntax', 'export const f = async () => undefined;'],
    ['no-restricted-syntax', 'export async function f() { return undefined; }'],
    ['no-restricted-imports', `import fs from 'node:fs'; fs.readFileSync('');`],
    ['no-restricted-imports', `import { randomUUID } from 'node:crypto'; randomUUID();`],
  ])('%s: %s', async (rule, code) => {
    for (const place of places) expect([place, await at(place, code)]).toEqual([place, [rule]]);
  });

  it('has no await', async () => {
    expect(await at(core, 'await 1;')).toEqual(['no-restricted-syntax']);
  });

  it('holds for the state machine, but for the promises of its contract', async () => {
    const machine = 'packages/mvcc/src/machine.ts';
    expect(await at(machine, 'export const t = Date.now();')).toEqual(['no-restricted-globals']);
    expect(await at(machine, 'export const close = async (): Promise<void> => undefined;')).toEqual([]);
  });
});

describe('time, timers and randomness come through ports', () => {
  it.each([
    ['no-restricted-properties', 'export const t = Date.now();'],
    ['no-restricted-syntax', 'export const t = new Date();'],
    ['no-restricted-properties', 'export const r = Math.random();'],
    ['no-restricted-globals', 'export const t = performance.now();'],
    ['no-restricted-globals', 'setTimeout(() => undefined, 1);'],
    ['no-restricted-imports', `import { setTimeout as sleep } from 'node:timers/promises'; await sleep(1);`],
    ['no-restricted-imports', `import { randomUUID } from 'node:crypto'; randomUUID();`],
    ['no-restricted-properties', `import crypto from 'node:crypto'; crypto.randomBytes(8);`],
  ])('%s: %s', async (rule, code) => {
    for (const place of [
      raftNode,
      'packages/raft/src/memory/sample.ts',
      mvcc,
      recipes,
      'packages/coterie/src/sample.ts',
    ])
      expect([place, await at(place, code)]).toEqual([place, expect.arrayContaining([rule])]);
  });

  it('but an implementation of a port may ask the machine, and data may be formatted', async () => {
    expect(await at('packages/raft/src/ports/system-ports.ts', 'export const now = () => performance.now();')).toEqual(
      [],
    );
    expect(await at(raftNode, 'export const text = (wallMs: number) => new Date(wallMs).toISOString();')).toEqual([]);
  });
});

it('library code does not write to the console', async () => {
  expect(await at(mvcc, `console.log('x');`)).toEqual(['no-console']);
  expect(await at('examples/src/sample.ts', `console.log('x');`)).toEqual([]);
});

describe('rules that need types', () => {
  const project = { project: './packages/errors/tsconfig.json', tsconfigRootDir: process.cwd() };
  const typed = new ESLint({ overrideConfig: [{ files: ['**/*.ts'], languageOptions: { parserOptions: project } }] });

  it.each([
    ['@typescript-eslint/no-floating-promises', `export function f(p: Promise<void>): void { p; }`],
    ['@typescript-eslint/no-floating-promises', `export function f(p: () => Promise<void>): void { p(); }`],
    ['@typescript-eslint/no-misused-promises', `export function f(p: Promise<boolean>): number { return p ? 1 : 2; }`],
    [
      '@typescript-eslint/switch-exhaustiveness-check',
      `export function f(x: 'a' | 'b'): void { switch (x) { case 'a': break; } }`,
    ],
    [
      '@typescript-eslint/consistent-type-imports',
      `import { ErrorCode } from './codes.js'; export type E = ErrorCode;`,
    ],
    ['@typescript-eslint/no-explicit-any', `export function f(x: any): string { return String(x); }`],
    ['@typescript-eslint/only-throw-error', `export function f(): void { throw 'x'; }`],
  ])('%s: %s', async (rule, code) => {
    expect(await rulesBroken(typed, 'packages/errors/src/assert.ts', code)).toContain(rule);
  });
});
