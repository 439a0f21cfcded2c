import { transportSuite } from '@coterie/raft/testing';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { NetTransport } from '../src/custom-transport/net-transport.js';

describe('a transport over node:net', () => {
  transportSuite(async () => new NetTransport(), test, { snapshots: 'required' });

  test('carries a cluster of three processes, one of which is killed, and nothing acknowledged is lost', async () => {
    const program = fileURLToPath(new URL('../dist/custom-transport/main.js', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [program]);
    expect(stdout).toBe('1510 puts acknowledged over node:net, one member killed: 0 lost\n');
  });

  test('is a page to read', () => {
    const source = fs.readFileSync(new URL('../src/custom-transport/net-transport.ts', import.meta.url), 'utf8');
    expect(source.trimEnd().split('\n').length).toBeLessThan(150);
  });
});
