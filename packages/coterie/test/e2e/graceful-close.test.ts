import { afterEach, expect, test } from 'vitest';
import { PeerCluster } from './processes/peer-cluster.js';
import { endProcesses, PeerProcess, type Exit } from './processes/peer-process.js';
import { until } from './processes/until.js';

afterEach(async () => expect(await endProcesses()).toEqual([]));

/** The process ends by itself soon after its peer is closed, or something was left behind. */
async function expectEndsByItself(exit: Promise<Exit>): Promise<void> {
  const limitMs = 5_000;
  const late = new Promise<string>((resolve) =>
    setTimeout(() => resolve(`still there after ${limitMs} ms`), limitMs).unref(),
  );
  expect(await Promise.race([exit, late])).toEqual({ code: 0, signal: null });
}

test('a leader that closes hands over: the next one does not wait for an election timeout', async () => {
  const electionTimeoutMs = 5_000;
  await using cluster = await PeerCluster.of(['a', 'b', 'c'], { electionTimeoutMs });
  // The first election is the only one that has to wait for the timeout.
  await cluster.startReady();
  const leader = await cluster.leader();
  await cluster.at(leader).call('put', 'before', '1');
  const begun = performance.now();
  const { exit } = await cluster.close(leader);
  const next = await cluster.leader();
  const tookMs = performance.now() - begun;
  expect(next).not.toBe(leader);
  expect(tookMs).toBeLessThan(electionTimeoutMs / 2);
  await cluster.at(next).call('put', 'after', '2');
  expect(await cluster.at(next).call('get', 'before')).toMatchObject({ value: '1' });
  await expectEndsByItself(exit);

  // Closing changed no membership: it is the same member when it comes back.
  await cluster.start(leader);
  await cluster.ready([leader]);
  expect(await cluster.at(leader).call('get', 'after')).toMatchObject({ value: '2' });
  expect(await cluster.at(leader).call<object[]>('members')).toHaveLength(3);
});

test('the last of two closes within closeTimeoutMs, without a quorum', async () => {
  const closeTimeoutMs = 2_000;
  await using cluster = await (await PeerCluster.of(['a', 'b'], { closeTimeoutMs })).startReady();
  await cluster.at('a').call('put', 'k', 'v');
  const first = await cluster.leader();
  const last = first === 'a' ? 'b' : 'a';
  for (const name of [first, last]) {
    const { closeMs, exit } = await cluster.close(name);
    // A margin for a busy machine; what must not happen is a wait for a quorum that never comes.
    expect(closeMs, name).toBeLessThan(closeTimeoutMs + 1_000);
    await expectEndsByItself(exit);
  }
});

test('a leader whose followers have just died closes in time: there is nobody to hand over to', async () => {
  const closeTimeoutMs = 2_000;
  await using cluster = await (await PeerCluster.of(['a', 'b', 'c'], { closeTimeoutMs })).startReady();
  const leader = await cluster.leader();
  await Promise.all(cluster.names.filter((name) => name !== leader).map((name) => cluster.kill(name)));
  const { closeMs, exit } = await cluster.close(leader);
  expect(closeMs).toBeLessThan(closeTimeoutMs + 1_000);
  await expectEndsByItself(exit);
});

test('all three close at once', async () => {
  const closeTimeoutMs = 2_000;
  await using cluster = await (await PeerCluster.of(['a', 'b', 'c'], { closeTimeoutMs })).startReady();
  const closing = await Promise.all(cluster.names.map((name) => cluster.close(name)));
  for (const { closeMs, exit } of closing) {
    expect(closeMs).toBeLessThan(closeTimeoutMs + 1_000);
    await expectEndsByItself(exit);
  }
});

test('a peer that never found its cluster closes and leaves nothing behind', async () => {
  await using cluster = await PeerCluster.of(['a', 'b', 'c']);
  await cluster.start('a');
  const { exit } = await cluster.close('a');
  await expectEndsByItself(exit);
});

test('a solo peer closes and leaves nothing behind, with calls under way', async () => {
  const solo = await PeerProcess.open({ name: 'one', cluster: { id: 'solo', solo: true } });
  await solo.call('ready');
  const puts = Array.from({ length: 500 }, (_, i) =>
    solo.call('put', `k${i}`, 'v').then(
      () => true,
      () => false,
    ),
  );
  const { exit } = await solo.close();
  await Promise.all(puts);
  await expectEndsByItself(exit);
});

test('leadership moves to the peer that is named', async () => {
  await using cluster = await (await PeerCluster.of(['a', 'b', 'c'])).startReady();
  const leader = await cluster.leader();
  const to = cluster.names.find((name) => name !== leader)!;
  await cluster.at(leader).call('transferLeadership', { to });
  await until('the named leader', async () => ((await cluster.leader()) === to ? true : undefined));
});
