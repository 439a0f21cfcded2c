import { MemoryNetwork } from '@coterie/raft';
import { expect, test } from 'vitest';
import { openPeer, type Peer } from '../../src/index.js';

const names = ['a', 'b', 'c'];
const peers = Object.fromEntries(names.map((name) => [name, `memory://${name}`]));

async function cluster(options: { readonly leaseReads?: boolean }): Promise<readonly Peer[]> {
  const network = new MemoryNetwork();
  const open = names.map((name) =>
    openPeer({ name, cluster: { id: 'test', peers }, transport: network.transport(), ...options }),
  );
  const all = await Promise.all(open);
  await Promise.all(all.map((peer) => peer.ready()));
  return all;
}

test('leadership is handed over at the wish of any peer', async () => {
  const all = await cluster({});
  const leader = all.find((peer) => peer.status().role === 'leader')!;
  const [asker, target] = all.filter((peer) => peer !== leader) as [Peer, Peer];
  await asker.transferLeadership({ to: target.status().name });
  await expect.poll(() => target.status().role, { timeout: 5000 }).toBe('leader');
  await asker.transferLeadership();
  await expect.poll(() => asker.status().leader, { timeout: 5000 }).not.toBe(target.status().name);
  await Promise.all(all.map((peer) => peer.close()));
}, 30_000);

test.each([{ leaseReads: true }, {}])(
  'reads by lease see what was written, everywhere, with %o',
  async (options) => {
    const all = await cluster(options);
    for (const [i, peer] of all.entries()) {
      const written = String(i);
      await peer.put('k', written);
      for (const each of all) {
        expect((await each.get('k', { consistency: 'lease' }))?.value).toBe(written);
        expect((await each.range({ all: true }, { consistency: 'lease' })).entries.map(({ value }) => value)).toEqual([
          written,
        ]);
      }
    }
    await Promise.all(all.map((peer) => peer.close()));
  },
  30_000,
);

test.each([
  ['leaseReads', 1],
  ['leaseDriftPercent', 95],
  ['leaderPriority', 101],
])('refuses %s %s', async (argument, value) => {
  const opening = openPeer({ name: 'a', cluster: { id: 'test', solo: true }, [argument]: value });
  await expect(opening).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument });
});
