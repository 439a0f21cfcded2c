import { defineConfig } from 'vitest/config';

// Tests run from the sources: the packages of the workspace resolve through this export condition, so no build stands
// between an edit and its test. Vitest resolves test files through the ssr environment, so the condition has to be
// given twice.
const conditions = ['@coterie/source', 'module', 'node', 'development|production'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['{packages,examples,benchmarks}/**/test/**/*.test.ts', 'scripts/test/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    // One process a test file: the suites kill processes, open data directories and use worker threads, none of which
    // may leak into the next.
    pool: 'forks',
    maxWorkers: 2,
    // Hang margins, not performance claims.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    globals: false,
  },
});
