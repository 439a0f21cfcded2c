import type { MemberInfo } from 'coterie';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { identityOf } from './processes/identity-of.js';
import { PeerCluster } from './processes/peer-cluster.js';
import { endProcesses, RemoteError } from './processes/peer-process.js';
import { until } from './processes/until.js';

const names = ['a', 'b', 'c'] as const;
const written = 500;

afterEach(async () => expect(await endProcesses()).toEqual([]));

async function readyWithData(): Promise<PeerCluster> {
  const cluster = await (await PeerCluster.of(names)).startReady();
  await cluster.at('a').call('putMany', 'k', written, 50);
  return cluster;
}

/** The wiped one is back as a voter, under a new id, and the id that it had before is gone. */
async function expectReplaced(cluster: PeerCluster, name: string, before: number): Promise<void> {
  const leader = await cluster.leader();
  await until(`${name} is a voter`, async () => {
    const members = await cluster.at(leader).call<MemberInfo[]>('members');
    return members.length === 3 && members.every((member) => member.voter) ? true : undefined;
  });
  const id = identityOf(cluster, name).memberId;
  expect(id).toBeGreaterThan(before);
  expect(id).toBeGreaterThan(3);
  expect(new Set(names.map((each) => identityOf(cluster, each).uid)).size).toBe(1);
}

/** It counts in the quorum: with one of the two others away, writes go on. */
async function expectVotes(cluster: PeerCluster, name: string): Promise<void> {
  const away = names.find((each) => each !== name)!;
  await cluster.kill(away);
  expect(await cluster.at(name).call('put', 'with two', 'of three')).toMatchObject({ ok: true });
}

test.each(['c', 'a'])('a wiped disk joins as a new member: %s', async (name) => {
  await using cluster = await readyWithData();
  const before = identityOf(cluster, name).memberId!;
  await cluster.kill(name);
  cluster.wipe(name);
  await cluster.start(name);
  await cluster.ready([name]);
  await expectReplaced(cluster, name, before);
  // Its own replica is complete.
  const entries = await cluster.at(name).call<unknown[]>('entries', 'k', { consistency: 'serializable' });
  expect(entries).toHaveLength(written);
  await expectVotes(cluster, name);
});

test.each([
  ['b', 'c'],
  ['a', 'b'],
])('a wiped majority bootstraps nothing: %s and %s', async (...wiped) => {
  await using cluster = await readyWithData();
  const survivor = names.find((name) => !wiped.includes(name))!;
  const { uid } = identityOf(cluster, survivor);
  // What was acknowledged stands on a majority, which need not be the survivor's.
  await until('the survivor has all of it', async () => {
    const held = await cluster.at(survivor).call<unknown[]>('entries', 'k', { consistency: 'serializable' });
    return held.length === written ? true : undefined;
  });
  for (const name of wiped) await cluster.kill(name);
  for (const name of wiped) cluster.wipe(name);
  await Promise.all(wiped.map((name) => cluster.start(name)));

  for (const name of wiped) {
    const error = await cluster
      .at(name)
      .call('ready', { timeoutMs: 15_000 })
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({ code: 'ERR_NO_LEADER' });
    expect((error as RemoteError).message).toMatch(/lost its quorum/);
    for (const lost of wiped) expect((error as RemoteError).message).toContain(lost);
  }
  await until('the survivor says so', async () =>
    (await cluster.status(survivor)).state === 'no-quorum' ? true : undefined,
  );
  // What it has can still be read there; nothing can be written anywhere.
  const entries = await cluster.at(survivor).call<unknown[]>('entries', 'k', { consistency: 'serializable' });
  expect(entries).toHaveLength(written);
  // Longer than any election: a second cluster would have had its time.
  await sleep(3_000);
  for (const name of names) {
    const error = await cluster
      .at(name)
      .call('put', 'k', 'v', { timeoutMs: 500 })
      .catch((e: unknown) => e);
    expect(error, name).toBeInstanceOf(RemoteError);
    expect(['ERR_NO_LEADER', 'ERR_TIMEOUT'], name).toContain((error as RemoteError).code);
  }
  for (const name of wiped) expect(identityOf(cluster, name).memberId, name).toBeUndefined();
  expect(identityOf(cluster, survivor).uid).toBe(uid);
});
