import { MemoryNetwork } from '@coterie/raft';
import { expect, test } from 'vitest';
import { openPeer, type Peer } from '../../src/index.js';

const names = ['a', 'b', 'c'];
const peers = Object.fromEntries(names.map((name) => [name, `memory://${name}`]));

async function cluster(): Promise<readonly Peer[]> {
  const network = new MemoryNetwork();
  const all = await Promise.all(
    names.map((name) => openPeer({ name, cluster: { id: 'test', peers }, transport: network.transport() })),
  );
  await Promise.all(all.map((peer) => peer.ready()));
  return all;
}

test('a lease that is kept alive outlives changes of leader; one that is not ends under the next leader', async () => {
  const all = await cluster();
  const holder = all.find((peer) => peer.status().role !== 'leader')!;
  const kept = await holder.lease({ ttlMs: 4_000 });
  const left = await holder.lease({ ttlMs: 1_500, keepAlive: false });
  await holder.put('kept', '1', { lease: kept });
  const put = await holder.put('left', '1', { lease: left });
  const watch = holder.watch('left', { fromRevision: put.revision + 1 });
  for (let change = 0; change < 3; change++) await holder.transferLeadership();
  const { value: batch } = await watch.next();
  expect(batch?.events).toMatchObject([{ type: 'delete', reason: 'expired' }]);
  expect([kept.held, left.held]).toEqual([true, false]);
  expect((await holder.get('kept'))?.lease).toBe(kept.id);
  await watch.close();
  await Promise.all(all.map((peer) => peer.close()));
}, 60_000);

test('a peer that closes revokes what it keeps alive: the others see it go at once', async () => {
  const all = await cluster();
  const closing = all.find((peer) => peer.status().role !== 'leader')!;
  const other = all.find((peer) => peer !== closing)!;
  const lease = await closing.lease({ ttlMs: 600_000 });
  const put = await closing.put('k', '1', { lease });
  const watch = other.watch('k', { fromRevision: put.revision + 1 });
  await closing.close();
  const { value: batch } = await watch.next();
  expect(batch?.events).toMatchObject([{ type: 'delete', reason: 'revoked' }]);
  expect(lease.held).toBe(false);
  expect(await other.leases()).toEqual([]);
  await watch.close();
  await Promise.all(all.map((peer) => peer.close()));
}, 60_000);

test('all members have one state hash behind grants, renewals, ends and puts with a time to live', async () => {
  const all = await cluster();
  for (const [i, peer] of all.entries()) {
    await peer.put(`own/${i}`, '1', { ttlMs: 200 });
    await (await peer.lease({ ttlMs: 10_000 })).renew();
  }
  await expect.poll(async () => (await all[0]!.range({ prefix: 'own/' })).entries, { timeout: 20_000 }).toEqual([]);
  const hashes = async () => new Set(await Promise.all(all.map(async (peer) => (await peer.diagnostics()).stateHash)));
  await expect
    .poll(async () => new Set([...(await hashes())].map(({ index, chain }) => `${index} ${chain}`)).size, {
      timeout: 20_000,
    })
    .toBe(1);
  await Promise.all(all.map((peer) => peer.close()));
}, 60_000);
