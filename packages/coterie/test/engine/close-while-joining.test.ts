import { expect, test } from 'vitest';
import { MemoryNetwork } from '@coterie/raft';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { openPeerEngine } from '../../src/open-peer.js';

test('a peer that is closed while it becomes a member leaves nothing running', async () => {
  const network = new MemoryNetwork();
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'rev-'));
  const peers = { a: 'memory://a', b: 'memory://b' };
  const open = (name: string) =>
    openPeerEngine({
      name,
      dataDir: path.join(dir, name),
      cluster: { id: 'x', peers },
      transport: network.transport(),
    });
  const a = await open('a');
  const b = await open('b');
  const identity = path.join(dir, 'a', 'IDENTITY');
  // The moment when its identity says member: the replica is being opened now.
  while (!(fs.existsSync(identity) && fs.readFileSync(identity, 'utf8').includes('memberId')))
    await new Promise((r) => setImmediate(r));
  await a.engine.close();
  await new Promise((r) => setTimeout(r, 300));
  expect(a.engine.replica).toBeUndefined();
  expect(fs.existsSync(path.join(dir, 'a', 'LOCK'))).toBe(false);
  const again = await open('a');
  await again.engine.close();
  await b.engine.close();
  fs.rmSync(dir, { recursive: true, force: true });
}, 20000);
