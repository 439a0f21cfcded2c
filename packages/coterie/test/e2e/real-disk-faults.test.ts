import type { PeerOptions } from 'coterie';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { canInject, InjectedFault } from './processes/injected-fault.js';
import { PeerCluster } from './processes/peer-cluster.js';
import { endProcesses, PeerProcess, type RemoteError } from './processes/peer-process.js';
import { until } from './processes/until.js';
import { WriteLedger, type Shown } from './processes/write-ledger.js';

const injectable = canInject();
if (!injectable) console.info('strace is not here or may not trace: faults of real disks are not tested');

afterEach(async () => expect(await endProcesses()).toEqual([]));

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) fs.rmSync(folder, { recursive: true, force: true });
});

function soloOptions(): PeerOptions {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-e2e-'));
  folders.push(folder);
  return { name: 'solo', dataDir: path.join(folder, 'data'), cluster: { id: 'solo', solo: true } };
}

/** Puts one after the other until one fails or there are enough. */
async function putOn(
  process: PeerProcess,
  from: number,
  count: number,
): Promise<{ readonly acknowledged: number; readonly error?: RemoteError }> {
  for (let at = 0; at < count; at++) {
    try {
      await process.call('put', `key ${from + at}`, `value ${from + at}`);
    } catch (error) {
      return { acknowledged: at, error: error as RemoteError };
    }
  }
  return { acknowledged: count };
}

async function expectAll(options: PeerOptions, acknowledged: number): Promise<void> {
  const again = await PeerProcess.open(options);
  await again.call('ready', { timeoutMs: 30_000 });
  const found = new Set((await again.call<[string, string, number][]>('entries', '')).map(([, value]) => value));
  for (let at = 0; at < acknowledged; at++) expect(found.has(`value ${at}`), `value ${at}`).toBe(true);
  await again.kill();
}

describe.skipIf(!injectable)('a fault of a real disk under a solo peer', () => {
  test.each([
    ['fdatasync:error=EIO', 'ERR_STORAGE'],
    ['fdatasync:error=ENOSPC', 'ERR_STORAGE'],
    ['pwrite64:error=EIO', 'ERR_STORAGE'],
    ['pwrite64:error=ENOSPC', 'ERR_STORAGE'],
    ['fdatasync:error=EIO:when=3', 'ERR_STORAGE'],
  ])('%s stops it with %s; the application lives, and nothing acknowledged is missing', async (fault, code) => {
    const options = soloOptions();
    const peer = await PeerProcess.open(options);
    await peer.call('ready');
    expect(await putOn(peer, 0, 50)).toEqual({ acknowledged: 50 });
    const injected = await InjectedFault.into(peer.pid, fault);
    const { acknowledged, error } = await putOn(peer, 50, 1_000);
    expect(acknowledged).toBeLessThan(1_000);
    expect(error).toMatchObject({ code });
    expect(await peer.call('ending')).toEqual({ reason: 'failed', code });
    await injected.end();
    // One failed sync is enough, also when the disk is well again.
    await expect(peer.call('put', 'later', 'x')).rejects.toMatchObject({ code });
    await expect(peer.call('get', 'key 1')).rejects.toMatchObject({ code });
    expect((await peer.call<{ state: string }>('status')).state).not.toBe('open');
    await peer.kill();
    await expectAll(options, 50 + acknowledged);
  });

  test('a log that cannot be read is no empty log: the peer does not open, and the next start has it all', async () => {
    const options = soloOptions();
    const first = await PeerProcess.open(options);
    await first.call('ready');
    expect(await putOn(first, 0, 50)).toEqual({ acknowledged: 50 });
    await first.kill();
    const peer = new PeerProcess();
    await peer.call('status').catch(() => undefined);
    const injected = await InjectedFault.into(peer.pid, 'pread64:error=EIO');
    await expect(peer.call('open', options)).rejects.toMatchObject({ code: 'ERR_STORAGE' });
    await injected.end();
    await peer.kill();
    await expectAll(options, 50);
  });

  test('a sync that takes seconds is waited for, and nothing is lost', async () => {
    const options = { ...soloOptions(), requestTimeoutMs: 30_000 };
    const peer = await PeerProcess.open(options);
    await peer.call('ready');
    const injected = await InjectedFault.into(peer.pid, 'fdatasync:delay_enter=3000000:when=5');
    expect(await putOn(peer, 0, 40)).toEqual({ acknowledged: 40 });
    await injected.end();
    await peer.kill();
    await expectAll(options, 40);
  });
});

describe.skipIf(!injectable)('a fault of a real disk under the leader of three', () => {
  test('it leaves the quorum, the others go on, and it catches up after a restart', { timeout: 180_000 }, async () => {
    await using cluster = await (await PeerCluster.of(['a', 'b', 'c'])).startReady();
    const ledger = new WriteLedger();
    ledger.start(cluster, 2, 10);
    for (const fault of ['fdatasync:error=EIO', 'pwrite64:error=ENOSPC']) {
      const leader = await cluster.leader();
      const broken = cluster.at(leader);
      const injected = await InjectedFault.into(broken.pid, fault);
      expect(await broken.call('ending')).toEqual({ reason: 'failed', code: 'ERR_STORAGE' });
      await injected.end();
      const next = await until('another leader', async () => {
        const name = await cluster.leader();
        return name === leader ? undefined : name;
      });
      expect(next).not.toBe(leader);
      const enough = ledger.acknowledged + 40;
      await until('writes without it', async () => (ledger.acknowledged >= enough ? true : undefined));
      await cluster.kill(leader);
      await cluster.start(leader);
      await cluster.ready([leader]);
    }
    await ledger.stop();
    await cluster.ready();
    const hashes = await cluster.equalIndex();
    expect(new Set([...hashes.values()].map(({ chain }) => chain)).size).toBe(1);
    const { revision } = (await cluster.at('a').call<{ stateHash: { revision: number } }>('diagnostics')).stateHash;
    for (const name of cluster.names) {
      const history = await cluster.at(name).call<Shown[]>('history', revision);
      const entries = await cluster.at(name).call<[string, string, number][]>('entries', '');
      expect(ledger.compare(history, entries), name).toEqual([]);
    }
  });
});
