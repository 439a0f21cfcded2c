import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { root } from '../tidy/source-tree.js';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-run-'));
afterAll(() => {
  fs.rmSync(scratch, { recursive: true, force: true });
});

const moduleUrl = (name: string): string => new URL(`../run/${name}`, import.meta.url).href;

/** Runs a program given as text; `onOutput` may react to what it prints. */
async function runText(
  code: string,
  onOutput: (kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
): Promise<{ code: number | null; signal: NodeJS.Signals | null; output: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      onOutput((signal) => child.kill(signal));
    });
  return new Promise((resolve) => child.once('close', (code_, signal) => resolve({ code: code_, signal, output })));
}

describe('the lock around installs and builds', () => {
  const holder = (lock: string, log: string): string => `
    import fs from 'node:fs';
    import { withLock } from ${JSON.stringify(moduleUrl('lock.mjs'))};
    for (let i = 0; i < 5; i++) await withLock(${JSON.stringify(lock)}, async () => {
      fs.appendFileSync(${JSON.stringify(log)}, 'in\\n');
      await new Promise((done) => setTimeout(done, 5));
      fs.appendFileSync(${JSON.stringify(log)}, 'out\\n');
    });`;

  it('lets one process in at a time, though the last holder died', async () => {
    const lock = path.join(scratch, 'lock');
    const log = path.join(scratch, 'log');
    // A process of this machine that is gone: one that has just ended.
    const { output } = await runText('console.log(process.pid)');
    fs.writeFileSync(lock, `${os.hostname()} ${output.trim()}`);
    const ends = await Promise.all(Array.from({ length: 4 }, () => runText(holder(lock, log))));
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(fs.readFileSync(log, 'utf8')).toBe('in\nout\n'.repeat(20));
    expect(fs.readdirSync(scratch)).toEqual(['log']);
  });
});

describe('a task', () => {
  const task = (program: string): string => `
    import { Interrupted, passSignalsOn, run } from ${JSON.stringify(moduleUrl('child.mjs'))};
    passSignalsOn();
    try {
      const { code, signal } = await run(process.execPath, ['-e', ${JSON.stringify(program)}], { cwd: '.' });
      console.log('ended', code, signal);
    } catch (error) {
      console.log(error instanceof Interrupted ? 'interrupted ' + error.signal : error);
    }`;

  it('has its exit code passed on', async () => {
    expect((await runText(task('process.exit(7)'))).output).toContain('ended 7 undefined');
  });

  it('has the signal it died of passed on', async () => {
    expect((await runText(task(`process.kill(process.pid, 'SIGKILL')`))).output).toContain('ended 1 SIGKILL');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('gets %s, and may end in its own way', async (signal) => {
    const program = `process.on('${signal}', () => { console.log('cleaned up'); process.exit(); }); setInterval(() => {}, 1000); console.log('up');`;
    let sent = false;
    const { output } = await runText(task(program), (kill) => {
      if (!sent) kill(signal);
      sent = true;
    });
    expect(output).toBe(`up\ncleaned up\ninterrupted ${signal}\n`);
  });
});
