import { op } from '@coterie/mvcc';
import { expect, test } from 'vitest';
import { openPeer } from '../../src/open-peer.js';

test('what apply has put off is taken again by the leader that had taken it', { timeout: 60_000 }, async () => {
  const peer = await openPeer({ name: 'a', cluster: { id: 'put-off', solo: true }, electionTimeoutMs: 100 });
  try {
    await peer.ready();
    const count = 6_000;
    const perTxn = 100;
    for (let first = 0; first < count; first += perTxn) {
      const puts = (prefix: string) => Array.from({ length: perTxn }, (_, i) => op.put(`${prefix}${first + i}`, ''));
      await peer.txn({ success: puts('a/') });
      await peer.txn({ success: puts('b/') });
    }
    // All in one entry: the first two delete more than an entry may, so that the third waits for another one, and with
    // it what stands behind.
    const deletes = ['a/', 'b/', 'c/'].map((prefix) => peer.delete({ prefix }));
    const put = peer.put('after', '');
    const deleted = await Promise.all(deletes);
    expect(deleted.map((each) => each.deleted)).toEqual([count, count, 0]);
    expect((await put).revision).toBeGreaterThan(deleted[1]!.revision);
  } finally {
    await peer.close();
  }
});
