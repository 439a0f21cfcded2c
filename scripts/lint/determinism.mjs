// What makes a run differ from the next one: clocks, randomness, timers, the environment. Two degrees: code that every
// member must run with equal results (the core, apply) has none of it and no promise either; all other library code
// takes it through a port, so that the simulator can put its own in place.

const timers = ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate'];
const randomNames = [
  'randomBytes',
  'randomFill',
  'randomFillSync',
  'randomInt',
  'randomUUID',
  'getRandomValues',
  'webcrypto',
];

const viaPort =
  'takes the place of a port (Clock, Random, WallClock): name the file in eslint.config.js if it implements one';
const equalEverywhere = 'this code runs on every member and must end equal everywhere';

/** @param {string[]} names @param {string} message @returns {import('eslint').Linter.RuleEntry} */
const globals = (names, message) => ['error', ...names.map((name) => ({ name, message }))];
/**
 * Reached through the global object, it is the same thing.
 *
 * @param {string[]} names
 * @param {string} message
 */
const properties = (names, message) => [
  { object: 'Math', property: 'random', message },
  ...['globalThis', 'global'].flatMap((object) => names.map((property) => ({ object, property, message }))),
];

const ambient = ['performance', 'crypto', ...timers];

/** For library code: time, randomness and timers only through ports. @type {import('eslint').Linter.RulesRecord} */
export const throughPorts = {
  'no-restricted-globals': globals(ambient, viaPort),
  'no-restricted-properties': [
    'error',
    ...properties([...ambient, 'Date'], viaPort),
    { object: 'Date', property: 'now', message: viaPort },
    { object: 'process', property: 'hrtime', message: viaPort },
    {
      object: 'process',
      property: 'env',
      message: 'configuration comes in through options, never from the environment',
    },
    ...randomNames.map((property) => ({ object: 'crypto', property, message: viaPort })),
  ],
  'no-restricted-syntax': [
    'error',
    { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: viaPort },
    { selector: 'CallExpression[callee.name="Date"]', message: viaPort },
  ],
  'no-restricted-imports': [
    'error',
    {
      paths: [
        { name: 'node:timers', message: viaPort },
        { name: 'node:timers/promises', message: viaPort },
        { name: 'node:perf_hooks', importNames: ['performance'], message: viaPort },
        { name: 'node:crypto', importNames: randomNames, message: viaPort },
      ],
    },
  ],
};

const state = ['Date', 'process', 'queueMicrotask', 'fetch', 'WebSocket', 'MessageChannel', ...ambient];

/**
 * Like {@link deterministic}, where the contract of the file has promises at its edges. @type
 * {import('eslint').Linter.RulesRecord}
 */
export const deterministicEdge = {
  'no-restricted-globals': globals(state, equalEverywhere),
  'no-restricted-properties': ['error', ...properties(state, equalEverywhere)],
  'no-restricted-syntax': ['error'],
  'no-restricted-imports': ['error', { patterns: [{ group: ['node:*'], message: equalEverywhere }] }],
};

/** For code that every member runs with equal results. @type {import('eslint').Linter.RulesRecord} */
export const deterministic = {
  ...deterministicEdge,
  'no-restricted-globals': globals([...state, 'Promise', 'AbortSignal', 'AbortController'], equalEverywhere),
  'no-restricted-syntax': [
    'error',
    { selector: ':function[async=true]', message: `${equalEverywhere}: no async function` },
    { selector: 'AwaitExpression', message: `${equalEverywhere}: no await` },
    { selector: 'ForOfStatement[await=true]', message: `${equalEverywhere}: no await` },
    { selector: 'ImportExpression', message: `${equalEverywhere}: no dynamic import` },
  ],
};
