import { afterEach, expect, test } from 'vitest';
import { openPeer } from '../../src/open-peer.js';
import type { Peer } from '../../src/peer.js';

const refusals = 50;

const open: Peer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((peer) => peer.close()));
});

async function solo(): Promise<Peer> {
  const peer = await openPeer({ name: 'a', cluster: { id: 'quotas', solo: true }, electionTimeoutMs: 100 });
  open.push(peer);
  await peer.ready();
  return peer;
}

test('a quota is set, refuses before the log, is seen, and heals by a delete', async () => {
  const peer = await solo();
  await peer.put('a', '12345');
  await peer.quotas.set({ bytes: 70 });
  await peer.quotas.set({ prefix: 'é/', bytes: 100 });
  expect(await peer.quotas.list()).toEqual([
    { prefix: '', bytes: 70, used: 70, counting: false },
    { prefix: 'é/', bytes: 100, used: 0, counting: false },
  ]);
  const { appliedIndex, revision } = await status(peer);
  const refused = { code: 'ERR_NO_SPACE', outcome: 'not-applied', retryable: true, limit: 70 };
  for (let i = 0; i < refusals; i++) await expect(peer.put('b', '')).rejects.toMatchObject(refused);
  const after = await status(peer);
  expect(after).toMatchObject({ revision, featureLevel: 2 });
  // None of them became an entry; the peer's own upkeep may have made one or two.
  expect(after.appliedIndex - appliedIndex).toBeLessThan(refusals / 2);
  // Behind a write that may make room only apply can tell.
  const both = await Promise.allSettled([peer.put('a', '54321'), peer.put('b', '')]);
  expect(both).toMatchObject([{ status: 'fulfilled' }, { status: 'rejected', reason: refused }]);
  const freed = await Promise.allSettled([peer.delete('a'), peer.put('b', '')]);
  expect(freed.map((each) => each.status)).toEqual(['fulfilled', 'fulfilled']);
  await peer.quotas.remove({});
  await expect(peer.put('é/x', '1'.repeat(50))).rejects.toMatchObject({ ...refused, limit: 100 });
  await peer.quotas.remove({ prefix: 'é/' });
  await peer.put('é/x', '1'.repeat(50));
  expect((await status(peer)).quotas).toMatchObject([{ prefix: '', bytes: 2 ** 31 }]);
});

test('keys that were there are counted in the background', async () => {
  const peer = await solo();
  await Promise.all(Array.from({ length: 2_100 }, (_, at) => peer.put(`k${at}`, 'v')));
  await peer.quotas.set({ prefix: 'k', bytes: 1 });
  while ((await peer.quotas.list())[1]?.counting === true) await new Promise((resolve) => setTimeout(resolve, 20));
  const { used } = (await peer.quotas.list())[1]!;
  const { entries } = await peer.range({ prefix: 'k' });
  expect(used).toBe(entries.reduce((sum, { key }) => sum + key.length + 1 + 64, 0));
  await expect(peer.put('k', '')).rejects.toMatchObject({ code: 'ERR_NO_SPACE' });
});

test.each([
  ['bytes', { bytes: -1 }],
  ['bytes', { bytes: 1.5 }],
  ['bytes', {}],
  ['quota.prefx', { prefx: 'a', bytes: 5 }],
  ['quota', null],
  ['prefix', { prefix: 7, bytes: 5 }],
])('bad input: %s of %j', async (argument, quota) => {
  const peer = await solo();
  await expect(peer.quotas.set(quota as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument });
});

/** What has been applied by now. */
async function status(peer: Peer) {
  await peer.get('none');
  await peer.members.list();
  return peer.status();
}
