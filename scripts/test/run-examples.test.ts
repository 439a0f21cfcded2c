import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { runnableExamples } from '../tidy/examples.js';
import { root } from '../tidy/source-tree.js';

const run = promisify(execFile);

// Below node_modules, so that the packages are found as an application finds them: by name, built.
const programs = path.join(root, 'node_modules', '.cache', 'coterie', 'examples');
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-examples-'));
afterAll(() => {
  fs.rmSync(scratch, { recursive: true, force: true });
});

it.each(runnableExamples())('runs and ends by itself: $at', async ({ at, code }) => {
  const name = at.replace(/\W+/g, '-');
  const file = path.join(programs, `${name}.mjs`);
  fs.mkdirSync(programs, { recursive: true });
  fs.writeFileSync(file, code);
  const cwd = path.join(scratch, name);
  fs.mkdirSync(cwd);
  // An example that leaves a timer, a socket or a handle open does not end, and is killed.
  await expect(run(process.execPath, [file], { cwd, timeout: 40_000 })).resolves.toMatchObject({ stderr: '' });
});
