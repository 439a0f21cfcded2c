import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const program = fileURLToPath(new URL('../../../scripts/oracle.mjs', import.meta.url));

it('a place without test data is told in one line', async () => {
  const [code, output] = await new Promise<[unknown, string]>((resolve) => {
    execFile(process.execPath, [program, '/nonexistent'], (error, stdout, stderr) =>
      resolve([error?.code, stdout + stderr]),
    );
  });
  expect(output).toBe('/nonexistent is no directory: give the one that holds the published test data\n');
  expect(code).toBe(1);
});
