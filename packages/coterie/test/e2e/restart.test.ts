import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { PeerCluster } from './processes/peer-cluster.js';
import { endProcesses, PeerProcess } from './processes/peer-process.js';

const count = 10_000;
const inFlight = 200;

afterEach(async () => expect(await endProcesses()).toEqual([]));

/** [key, value, modRevision] for each revision that was acknowledged, in the order of the keys. */
function expected(revisions: readonly number[]): [string, string, number][] {
  const entries = revisions.map((revision, i): [string, string, number] => [`k${i}`, `value ${i}`, revision]);
  return entries.sort(([a], [b]) => (a < b ? -1 : 1));
}

test('a solo peer that was killed has every write at its revision', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-e2e-'));
  const options = { name: 'one', dataDir: path.join(folder, 'one'), cluster: { id: 'solo', solo: true as const } };
  try {
    const first = await PeerProcess.open(options);
    await first.call('ready');
    const revisions = await first.call<number[]>('putMany', 'k', count, inFlight);
    await first.kill();
    expect(new Set(revisions).size).toBe(count);

    const second = await PeerProcess.open(options);
    await second.call('ready');
    expect(await second.call('entries', 'k')).toEqual(expected(revisions));
    // It goes on where it stopped.
    const { revision } = await second.call<{ revision: number }>('put', 'next', 'x');
    expect(revision).toBe(Math.max(...revisions) + 1);
    await second.kill();
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});

test('three processes that were killed at once have every write at its revision', async () => {
  await using cluster = await (await PeerCluster.of(['a', 'b', 'c'])).startReady();
  const leader = await cluster.leader();
  const revisions = await cluster.at(leader).call<number[]>('putMany', 'k', count, inFlight);
  await Promise.all(cluster.names.map((name) => cluster.kill(name)));
  expect(new Set(revisions).size).toBe(count);

  await cluster.startReady();
  for (const name of cluster.names) {
    expect(await cluster.at(name).call('entries', 'k'), name).toEqual(expected(revisions));
  }
  const hashes = await cluster.equalIndex();
  expect(new Set([...hashes.values()].map(({ chain }) => chain)).size).toBe(1);
});
