import { openStore } from '@coterie/mvcc';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openPeer } from '../../src/open-peer.js';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-store-or-peer-'));
const solo = (dataDir: string) => openPeer({ name: 'a', dataDir, cluster: { id: 'x', solo: true } });

afterAll(() => {
  fs.rmSync(root, { recursive: true, force: true });
});

it("a peer refuses a store's directory, and leaves it as it is", async () => {
  const dir = path.join(root, 'store');
  const store = await openStore({ dir });
  await store.put('k', 'v');
  await store.close();
  await expect(solo(dir)).rejects.toMatchObject({ code: 'ERR_DATA_DIR_MISMATCH' });
  await using again = await openStore({ dir });
  expect((await again.get('k'))?.value).toBe('v');
});

it("a store refuses a peer's directory, and leaves it as it is", async () => {
  const dir = path.join(root, 'peer');
  const peer = await solo(dir);
  await peer.put('k', 'v');
  await expect(openStore({ dir })).rejects.toMatchObject({ code: 'ERR_DATA_DIR_IN_USE' });
  await peer.close();
  await expect(openStore({ dir })).rejects.toMatchObject({ code: 'ERR_DATA_DIR_MISMATCH' });
  await using again = await solo(dir);
  expect((await again.get('k'))?.value).toBe('v');
});
