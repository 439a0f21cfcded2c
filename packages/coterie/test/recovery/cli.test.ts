import { openPeer } from 'coterie';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-cli-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const bin = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

function coterie(...args: string[]): { readonly code: number | null; readonly out: string; readonly err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8', timeout: 60_000 });
  return { code: status, out: stdout, err: stderr };
}

test('shows a directory, asks before it acts, acts, and leaves a peer that opens', async () => {
  const dataDir = path.join(folder, 'solo');
  const options = { name: 'a', dataDir, cluster: { id: 'cli', solo: true } } as const;
  const peer = await openPeer(options);
  await peer.put('k', 'v');
  const busy = coterie('inspect', '--data-dir', dataDir);
  expect(busy.code).toBe(1);
  expect(busy.err).toMatch(/^ERR_DATA_DIR_IN_USE: /);
  await peer.close();

  const seen = coterie('inspect', '--data-dir', dataDir);
  expect(seen.code).toBe(0);
  expect(seen.out).toMatch(/member +a \(id 1\)/);
  const identity = fs.readFileSync(path.join(dataDir, 'IDENTITY'));
  const asked = coterie('recover', '--data-dir', dataDir);
  expect(asked.code).toBe(1);
  expect(asked.out).toContain('With --yes');
  expect(fs.readFileSync(path.join(dataDir, 'IDENTITY'))).toEqual(identity);
  expect(coterie('recover', '--data-dir', dataDir, '--yes').code).toBe(0);

  const again = await openPeer(options);
  expect(await again.get('k')).toMatchObject({ value: 'v' });
  await again.close();
});

test.each([[[]], [['recover']], [['frob', '--data-dir', 'x']], [['inspect', 'extra', '--data-dir', 'x']]])(
  'shows how it is used: %j',
  (args) => {
    const { code, err } = coterie(...args);
    expect(code).toBe(2);
    expect(err).toContain('coterie recover --data-dir DIR');
  },
);

test('help is no error, an unknown flag is one', () => {
  expect(coterie('--help')).toMatchObject({ code: 0, err: '' });
  expect(coterie('inspect', '--data', 'x').code).toBe(2);
});
