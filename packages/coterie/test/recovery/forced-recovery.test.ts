import { inspectDataDir, recoverCluster } from 'coterie';
import type { MemberInfo } from 'coterie';
import { afterEach, expect, test } from 'vitest';
import { identityOf } from '../e2e/processes/identity-of.js';
import { PeerCluster } from '../e2e/processes/peer-cluster.js';
import { endProcesses } from '../e2e/processes/peer-process.js';
import { until } from '../e2e/processes/until.js';

const names = ['a', 'b', 'c'] as const;
const written = 300;

afterEach(async () => expect(await endProcesses()).toEqual([]));

test('a survivor of a lost quorum becomes a cluster of its own, and emptied peers join it again', async () => {
  await using cluster = await (await PeerCluster.of(names)).startReady();
  await cluster.at('a').call('putMany', 'k', written, 50);
  const { uid } = identityOf(cluster, 'b');
  for (const name of ['a', 'c']) {
    await cluster.kill(name);
    cluster.wipe(name);
  }
  await expect(cluster.at('b').call('put', 'alone', 'x', { timeoutMs: 1500 })).rejects.toThrow();
  await expect(recoverCluster({ dataDir: cluster.dataDir('b') })).rejects.toMatchObject({
    code: 'ERR_DATA_DIR_IN_USE',
  });
  await cluster.kill('b');

  const seen = await inspectDataDir({ dataDir: cluster.dataDir('b') });
  expect(seen).toMatchObject({ clusterId: 'e2e', name: 'b', memberId: 2, uid });
  expect(seen.members.map(({ name, voter }) => [name, voter])).toEqual(names.map((name) => [name, true]));
  const report = await recoverCluster({ dataDir: cluster.dataDir('b') });
  expect(report).toMatchObject({ before: seen, index: seen.lastIndex + 1, formerLog: 'wal' });
  expect(report.uid).not.toBe(uid);

  await cluster.start('b');
  await cluster.ready(['b']);
  expect(await cluster.at('b').call<unknown[]>('entries', 'k')).toHaveLength(written);
  expect(await cluster.at('b').call('put', 'after', 'recovery')).toMatchObject({ ok: true });
  for (const name of ['a', 'c']) await cluster.start(name);
  await cluster.ready();
  await until('three voters', async () => {
    const members = await cluster.at('b').call<MemberInfo[]>('members');
    return members.length === 3 && members.every((member) => member.voter) ? true : undefined;
  });
  expect(new Set(names.map((name) => identityOf(cluster, name).uid))).toEqual(new Set([report.uid]));
  for (const name of names) expect(await cluster.at(name).call<unknown[]>('entries', 'k')).toHaveLength(written);
  // They count: without the survivor the two others are a majority.
  await cluster.kill('b');
  expect(await cluster.at('a').call('put', 'two', 'of three')).toMatchObject({ ok: true });
});

test('a member of the old cluster that was not emptied is told so, and changes nothing', async () => {
  await using cluster = await (await PeerCluster.of(names)).startReady();
  await cluster.at('a').call('putMany', 'k', 20, 10);
  for (const name of names) await cluster.kill(name);
  await recoverCluster({ dataDir: cluster.dataDir('a') });
  await cluster.start('a');
  await cluster.ready(['a']);
  await cluster.at('a').call('put', 'new', 'era');
  await cluster.start('c');
  await expect(cluster.at('c').call('ready', { timeoutMs: 4000 })).rejects.toThrow(
    /another cluster.*Empty the data directory/,
  );
  expect((await cluster.status('a')).role).toBe('leader');
  // Emptied, it is let in.
  await cluster.kill('c');
  cluster.wipe('c');
  await cluster.start('c');
  await cluster.ready(['c']);
  expect(await cluster.at('c').call('get', 'new')).toMatchObject({ value: 'era' });
});

test('a recovered member can be recovered again', async () => {
  await using cluster = await (await PeerCluster.of(names)).startReady();
  await cluster.at('a').call('putMany', 'k', 20, 10);
  // The survivor has them too: two others were enough to acknowledge them.
  expect(await cluster.at('c').call<unknown[]>('entries', 'k')).toHaveLength(20);
  for (const name of names) await cluster.kill(name);
  const first = await recoverCluster({ dataDir: cluster.dataDir('c') });
  const second = await recoverCluster({ dataDir: cluster.dataDir('c') });
  expect(second.formerLog).toBe('wal-2');
  expect(second.index).toBe(first.index + 1);
  expect(second.before.members.map(({ name }) => name)).toEqual(['c']);
  await cluster.start('c');
  await cluster.ready(['c']);
  expect(await cluster.at('c').call<unknown[]>('entries', 'k')).toHaveLength(20);
});

test.each([
  ['no options', undefined],
  ['no directory', {}],
  ['an empty path', { dataDir: '' }],
  ['a path with a zero', { dataDir: 'a\0b' }],
  ['a directory that is not there', { dataDir: 'not/there' }],
  ['a flag that is none', { dataDir: 'not/there', allowLearner: 1 }],
])('refuses %s', async (_, options) => {
  await expect(recoverCluster(options as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
});
