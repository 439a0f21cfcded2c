import type { PeerDiagnostics } from 'coterie';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { PeerCluster } from './processes/peer-cluster.js';
import { endProcesses } from './processes/peer-process.js';
import { SeededRandom } from './processes/seeded-random.js';
import { until } from './processes/until.js';
import { WriteLedger, type Shown } from './processes/write-ledger.js';

const kills = 20;
const writersPerPeer = 4;
/** Written between two kills at least: a kill of an idle leader proves little. */
const writesBetween = 60;

/** Every so many kills the leader has been left alone before. */
const lonelyEvery = 5;
const lonelyMs = 300;

afterEach(async () => expect(await endProcesses()).toEqual([]));

async function killLeader(cluster: PeerCluster, random: SeededRandom): Promise<void> {
  const leader = await cluster.leader();
  await cluster.kill(leader);
  // Sometimes it is back before the others have noticed, sometimes they have gone on without it.
  if (random.next() < 0.7) await cluster.leader();
  await cluster.start(leader);
  // Sometimes the next leader dies while this one still catches up: then nobody serves for a while, and nothing may be
  // lost.
  if (random.next() < 0.7) await cluster.ready([leader]);
}

/**
 * Both followers die first. What the leader acknowledged then would be lost, because the two go on without it: what a
 * dead process has sent still arrives, so the kill of a leader among living followers shows too little of a commit
 * without a quorum.
 */
async function killLonelyLeader(cluster: PeerCluster, ledger: WriteLedger): Promise<void> {
  const leader = await cluster.leader();
  const followers = cluster.names.filter((name) => name !== leader);
  await Promise.all(followers.map((name) => cluster.kill(name)));
  await sleep(lonelyMs);
  await cluster.kill(leader);
  await Promise.all(followers.map((name) => cluster.start(name)));
  const before = ledger.acknowledged;
  await until('writes without the old leader', async () => (ledger.acknowledged > before ? true : undefined));
  await cluster.start(leader);
  await cluster.ready([leader]);
}

test('twenty leaders are killed under load and no acknowledged write is lost', { timeout: 180_000 }, async () => {
  const random = new SeededRandom('leader kills');
  await using cluster = await (await PeerCluster.of(['a', 'b', 'c'])).startReady();
  const ledger = new WriteLedger();
  ledger.start(cluster, writersPerPeer, 10);
  for (let kill = 0; kill < kills; kill++) {
    const enough = ledger.acknowledged + writesBetween;
    await until('acknowledged writes', async () => (ledger.acknowledged >= enough ? true : undefined));
    await sleep(random.below(150));
    if (kill % lonelyEvery === lonelyEvery - 1) await killLonelyLeader(cluster, ledger);
    else await killLeader(cluster, random);
  }
  await cluster.ready();
  await ledger.stop();
  await cluster.ready();

  const hashes = await cluster.equalIndex();
  expect(new Set([...hashes.values()].map(({ chain }) => chain)).size).toBe(1);
  const { revision } = (await cluster.at('a').call<PeerDiagnostics>('diagnostics')).stateHash;
  for (const name of cluster.names) {
    const history = await cluster.at(name).call<Shown[]>('history', revision);
    const entries = await cluster.at(name).call<[string, string, number][]>('entries', '');
    expect(ledger.compare(history, entries), name).toEqual([]);
    expect(history.length, name).toBeGreaterThanOrEqual(ledger.acknowledged);
  }
  const lost = ledger.writes.filter(({ state }) => state === 'unknown').length;
  console.info(`${ledger.acknowledged} writes acknowledged across ${kills} kills, ${lost} of unknown outcome`);
});
