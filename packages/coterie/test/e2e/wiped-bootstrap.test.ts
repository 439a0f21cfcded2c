import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { identityOf } from './processes/identity-of.js';
import { PeerCluster } from './processes/peer-cluster.js';
import { endProcesses, RemoteError } from './processes/peer-process.js';
import { SeededRandom } from './processes/seeded-random.js';

const names = ['a', 'b', 'c'] as const;
const roundsPerVictim = 4;
/** A process needs about a fifth of a second to open its peer; a bootstrap is over within another half. */
const latestMs = 1_200;

const random = new SeededRandom('wiped during bootstrap');

afterEach(async () => expect(await endProcesses()).toEqual([]));

/** Writes as soon as anybody can, so that a cluster that is founded twice would have something to lose. */
async function writeEarly(cluster: PeerCluster, name: string, acknowledged: Map<string, string>): Promise<void> {
  for (let i = 0; i < 5; i++) {
    const [key, value] = [`${name}${i}`, `${name} ${i} ${Math.round(performance.now())}`];
    const process = cluster.running.get(name);
    try {
      await process?.call('put', key, value, { timeoutMs: 4_000 });
      if (process !== undefined) acknowledged.set(key, value);
    } catch {
      // Killed, or not served in time: then it may or may not be there, and nobody was told that it is.
    }
    await sleep(50);
  }
}

test.each(names.flatMap((victim) => Array.from({ length: roundsPerVictim }, (_, round) => [victim, round] as const)))(
  'a disk is lost during the bootstrap: %s, round %i',
  async (victim, round) => {
    await using cluster = await PeerCluster.of(names);
    const delayMs = Math.floor(((round + random.next()) * latestMs) / roundsPerVictim);
    const acknowledged = new Map<string, string>();
    const starting = names.map((name) => cluster.start(name).catch((error: unknown) => error));
    const writing = names.filter((name) => name !== victim).map((name) => writeEarly(cluster, name, acknowledged));
    await sleep(delayMs);
    await cluster.kill(victim);
    cluster.wipe(victim);
    await cluster.start(victim);
    await Promise.all([...starting, ...writing]);

    const outcomes = await Promise.all(
      names.map((name) =>
        cluster
          .at(name)
          .call('ready', { timeoutMs: 20_000 })
          .then(
            () => 'ready',
            (error: unknown) => error,
          ),
      ),
    );
    for (const outcome of outcomes) {
      if (outcome !== 'ready') expect(outcome).toMatchObject({ code: 'ERR_NO_LEADER' });
    }
    // The others had no word of the lost disk's promises that they could not give again: one cluster with all is what
    // must come of it.
    expect(outcomes, `killed after ${delayMs} ms`).toEqual(names.map(() => 'ready'));
    expect(new Set(names.map((name) => identityOf(cluster, name).uid)).size).toBe(1);
    for (const name of names) {
      for (const [key, value] of acknowledged) {
        expect(await cluster.at(name).call('get', key), `${name} ${key}`).toMatchObject({ value });
      }
    }
    expect(outcomes.filter((outcome) => outcome instanceof RemoteError)).toEqual([]);
  },
);
