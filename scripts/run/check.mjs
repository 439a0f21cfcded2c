import path from 'node:path';
import { runNode } from './child.mjs';

/** What `npm run check` consists of. `tsc -b` of the sources has run before, as the build. */
const steps = [
  { name: 'types', bin: 'typescript/bin/tsc', args: ['-p', 'tsconfig.test.json'] },
  { name: 'lint', bin: 'eslint/bin/eslint.js', args: ['.', '--max-warnings=0'] },
  { name: 'format', bin: 'prettier/bin/prettier.cjs', args: ['--check', '--log-level=warn', '.'] },
  {
    name: 'tidy and examples',
    bin: 'vitest/vitest.mjs',
    args: ['run', 'scripts/test/tidy.test.ts', 'scripts/test/readme-examples.test.ts', '--reporter=dot'],
  },
];

/** The machine this is measured on has two cores; every step is one process that keeps one busy. */
const parallel = 2;

/**
 * Runs every step, shows the output of those that fail, and ends with one line each.
 *
 * @param {string} root
 * @returns {Promise<number>} an exit code
 */
export async function check(root) {
  const started = performance.now();
  const lines = [`  ok    types of the sources (the build)`];
  let failed = 0;
  const waiting = [...steps];
  const worker = async () => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const begun = performance.now();
      const bin = path.join(root, 'node_modules', step.bin);
      const { code, output } = await runNode(bin, step.args, { cwd: root, capture: true, env: { NO_COLOR: '1' } });
      const seconds = ((performance.now() - begun) / 1000).toFixed(1);
      if (code !== 0) {
        failed++;
        console.log(`--- ${step.name}\n${output.trim()}\n`);
      }
      lines.push(`  ${code === 0 ? 'ok  ' : 'FAIL'}  ${step.name} (${seconds} s)`);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${lines.join('\n')}\ncheck: ${lines.length - failed} passed, ${failed} failed in ${seconds} s`);
  return failed === 0 ? 0 : 1;
}
