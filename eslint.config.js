import js from '@eslint/js';
import tseslint from 'typescript-eslint';
import { deterministic, deterministicEdge, throughPorts } from './scripts/lint/determinism.mjs';
import { packageBorders } from './scripts/lint/package-borders.mjs';

/** Files of code that is a test or serves one; they import what users may import. */
const tests = ['{packages,examples,benchmarks}/**/test/**/*.ts', 'scripts/test/**/*.ts'];

/**
 * Production implementations of ports: the only library files that may ask the machine for time, timers or randomness.
 */
const portImplementations = [
  // Clock, WallClock, TurnScheduler, Random over the running process
  'packages/*/src/**/system-*.ts',
  'packages/*/src/**/node-clock.ts',
  // FileSystem over node:fs
  'packages/mvcc/src/files/node-*.ts',
  // WalRunner over a thread; a simulator runs the same log without one.
  'packages/mvcc/src/wal/thread-wal-runner.ts',
  // An opt-in helper about the signals of the operating system: it has no place in a simulation.
  'packages/coterie/src/close-on-signals.ts',
  // All of it implements the Transport port over real sockets; the simulator puts a memory transport in its place.
  'packages/transport-ws/src/**',
  // Suites that authors of transports run against real ones wait in real time.
  'packages/*/src/testing/**/*-suite.ts',
  'packages/raft/src/testing/transport-*.ts',
  // Kills the simulator's processes that hang.
  'packages/coterie/src/testing/sim-jobs.ts',
  // Programs that say how long something took.
  'packages/*/src/**/*-cli.ts',
];

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/node_modules/**',
      '.nx/**',
      '**/coverage/**',
      'benchmarks/prototypes/**',
      'benchmarks/results/**',
    ],
  },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidOperator: true },
      ],
      // An index that a loop has bounded is not undefined, though noUncheckedIndexedAccess cannot know.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Callers in plain JavaScript hand in anything: what the types rule out is checked at the public border all the
      // same.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // A port's method may be asynchronous by contract and synchronous in one implementation; async turns its throws
      // into rejections.
      '@typescript-eslint/require-await': 'off',
      // A type parameter that appears once is how a caller says what a key holds.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
      '@typescript-eslint/unified-signatures': 'off',
      eqeqeq: 'error',
      'no-constant-condition': ['error', { checkLoops: false }],
    },
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        performance: 'readonly',
        URL: 'readonly',
        setInterval: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        Buffer: 'readonly',
      },
    },
  },
  {
    files: ['{packages,examples,benchmarks}/**/*.ts'],
    plugins: { coterie: { rules: { 'package-borders': packageBorders } } },
    rules: { 'coterie/package-borders': 'error' },
  },
  { files: ['packages/*/src/**/*.ts'], ignores: ['packages/coterie/src/cli/**'], rules: { 'no-console': 'error' } },
  { files: ['packages/*/src/**/*.ts'], ignores: portImplementations, rules: throughPorts },
  // The state machine: its apply is deterministic, its snapshots and its close are promises.
  { files: ['packages/mvcc/src/machine*.ts', 'packages/mvcc/src/machine/**/*.ts'], rules: deterministicEdge },
  {
    files: [
      'packages/raft/src/core/**/*.ts',
      'packages/mvcc/src/command/**/*.ts',
      'packages/mvcc/src/txn/**/*.ts',
      'packages/mvcc/src/state/**/*.ts',
      'packages/mvcc/src/session/{session-table,kept-outcomes}*.ts',
      // The part of the store that apply runs through.
      'packages/mvcc/src/store/{memtable,layers,overlay,ordered-index,recent-changes,record-*,value-slabs,stored-keys}.ts',
      'packages/mvcc/src/watch/{watch-hub,watcher-index,watch-events}.ts',
    ],
    rules: deterministic,
  },
  {
    files: tests,
    rules: {
      // What a test looks into is often not typed: a parsed answer, a thrown value, a matcher.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
);
