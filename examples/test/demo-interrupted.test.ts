import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const demo = fileURLToPath(new URL('../dist/demo/main.js', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-demo-test-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Process ids of the demo's services, by the folder in their arguments. */
function services(): string[] {
  const ids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return ids.filter((id) => {
    try {
      return fs.readFileSync(`/proc/${id}/cmdline`, 'utf8').includes(`${folder}/`);
    } catch {
      return false;
    }
  });
}

/** Runs the demo until it is under load, does something to it, and waits for its end. */
async function interrupt(
  signal: NodeJS.Signals,
  args: readonly string[] = [],
): Promise<NodeJS.Signals | number | null> {
  const child = spawn(process.execPath, [demo, '--data', folder, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  let output = '';
  for await (const chunk of child.stdout.setEncoding('utf8') as AsyncIterable<string>) {
    output += chunk;
    if (child.killed || !output.includes('puts in flight')) continue;
    expect(services()).toHaveLength(3);
    child.kill(signal);
  }
  const [code, by] = (await ended) as [number | null, NodeJS.Signals | null];
  return by ?? code;
}

test.runIf(fs.existsSync('/proc/self/cmdline'))('Ctrl-C leaves no process and no file', async () => {
  expect(await interrupt('SIGINT')).toBe('SIGINT');
  expect(services()).toEqual([]);
  expect(fs.readdirSync(folder)).toEqual([]);
});

test.runIf(fs.existsSync('/proc/self/cmdline'))('a demo that is killed leaves no process', async () => {
  expect(await interrupt('SIGKILL')).toBe('SIGKILL');
  await expect.poll(services, { timeout: 15_000 }).toEqual([]);
});
