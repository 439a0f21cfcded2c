import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lease } from '../../kv/lease.js';
import type { Kv } from '../../kv/kv.js';
import { nextOf, rejection, type SuiteTests } from './suite-test.js';

/** Long enough to be there whatever the machine does, and never waited for. */
const longMs = 120_000;
/** A margin for what must come about: only a hang takes so long. */
const hangMs = 20_000;

/** Waits until a key is gone. */
async function gone(kv: Kv, key: string): Promise<void> {
  const until = performance.now() + hangMs;
  while ((await kv.get(key)) !== undefined) {
    assert.ok(performance.now() < until, `${key} is still there`);
    await sleep(20);
  }
}

async function aborted({ signal }: Lease): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  assert.equal((signal.reason as { code?: unknown }).code, 'ERR_LEASE_NOT_FOUND');
}

export const leases: SuiteTests = {
  'lease: puts tie keys to it, and its revocation deletes them in one revision': async ({ kv, root }) => {
    const lease = await kv.lease({ ttlMs: longMs });
    assert.equal(lease.held, true);
    assert.ok(lease.remainingMs() > 0 && lease.remainingMs() <= longMs);
    await kv.put('a', '1', { lease });
    await kv.txn({ success: [kv.op.put('b', '2', { lease: lease.id }), kv.op.put('c', '3')] });
    await kv.update('d', () => '4', { lease });
    assert.equal((await kv.get('a'))?.lease, lease.id);
    assert.equal((await kv.get('c'))?.lease, undefined);
    assert.deepEqual(await lease.keys(), ['a', 'b', 'd']);
    assert.ok((await root.leases()).some(({ id, ttlMs }) => id === lease.id && ttlMs === longMs));
    const watch = kv.watch({ all: true }, { prev: true });
    await watch.ready;
    await lease.revoke();
    const { events } = await nextOf(watch);
    const shown = events.map((event) => event.type === 'delete' && [event.entry.key, event.reason, event.prev?.value]);
    assert.deepEqual(shown, [
      ['a', 'revoked', '1'],
      ['b', 'revoked', '2'],
      ['d', 'revoked', '4'],
    ]);
    await watch.close();
    assert.equal(lease.held, false);
    assert.equal(lease.remainingMs(), 0);
    await aborted(lease);
    await rejection(kv.put('a', '2', { lease }), 'ERR_LEASE_NOT_FOUND');
    await rejection(lease.renew(), 'ERR_LEASE_NOT_FOUND');
    await rejection(lease.keys(), 'ERR_LEASE_NOT_FOUND');
    await lease.close();
    assert.ok(!(await root.leases()).some(({ id }) => id === lease.id));
  },
  'lease: a key leaves it, moves to another or stays': async ({ kv }) => {
    const [one, two] = [await kv.lease({ ttlMs: longMs }), await kv.lease({ ttlMs: longMs })];
    for (const key of ['left', 'moved', 'kept', 'counted', 'deleted']) await kv.put(key, '1', { lease: one });
    await kv.put('left', '2');
    await kv.put('moved', '2', { lease: two });
    await kv.put('kept', '2', { lease: 'keep' });
    await kv.put('none', '2', { lease: 'keep' });
    await kv.add('counted', 1);
    await kv.delete('deleted');
    assert.deepEqual(await one.keys(), ['counted', 'kept']);
    assert.deepEqual(await two.keys(), ['moved']);
    await one.close();
    await two.close();
    assert.deepEqual(
      (await kv.range({ all: true })).entries.map(({ key }) => key),
      ['left', 'none'],
    );
  },
  'lease: one that nobody renews expires with its keys': async ({ kv }) => {
    const lease = await kv.lease({ ttlMs: 300, keepAlive: false });
    const put = await kv.put('a', '1', { lease });
    const watch = kv.watch('a', { fromRevision: put.revision + 1 });
    await aborted(lease);
    assert.equal(lease.held, false);
    const { events } = await nextOf(watch);
    assert.equal(events[0]?.type === 'delete' && events[0].reason, 'expired');
    await watch.close();
    await rejection(kv.attachLease(lease.id), 'ERR_LEASE_NOT_FOUND');
    await rejection(kv.put('a', '1', { lease: lease.id }), 'ERR_LEASE_NOT_FOUND');
  },
  'lease: one that is kept alive outlives its time': async ({ kv }) => {
    const lease = await kv.lease({ ttlMs: 1_500 });
    await kv.put('a', '1', { lease });
    await sleep(2_200);
    assert.equal(lease.held, true);
    assert.equal((await kv.get('a'))?.lease, lease.id);
    await lease.close();
    assert.equal(await kv.get('a'), undefined);
  },
  'lease: a put with a time to live has a lease of its own, which goes with the key': async ({ kv, root }) => {
    await kv.put('short', '1', { ttlMs: 200 });
    await kv.put('stays', '1', { ttlMs: 200 });
    await kv.put('stays', '2');
    const long = await kv.txn({ success: [kv.op.put('long', '1', { ttlMs: longMs }), kv.op.get('long')] });
    const id = (await kv.get('long'))?.lease;
    assert.ok(id !== undefined && long.succeeded);
    assert.equal((long.results[1] as { lease?: number }).lease, id);
    await gone(kv, 'short');
    assert.equal((await kv.get('stays'))?.value, '2');
    await kv.update('long', () => '2', { lease: 'keep' });
    assert.equal((await kv.get('long'))?.lease, id);
    await kv.delete('long');
    assert.ok(!(await root.leases()).some((lease) => lease.id === id));
  },
  'lease: ids that are given are taken once; a handle of an earlier one does nothing to a later one': async ({
    kv,
  }) => {
    const id = 4_711;
    const first = await kv.lease({ id, ttlMs: longMs });
    assert.equal(first.id, id);
    await rejection(kv.lease({ id, ttlMs: longMs }), 'ERR_LEASE_EXISTS');
    const other = await kv.attachLease(id);
    await first.revoke();
    const second = await kv.lease({ id, ttlMs: longMs });
    await kv.put('a', '1', { lease: second });
    await rejection(other.revoke(), 'ERR_LEASE_NOT_FOUND');
    await first.close();
    assert.equal((await kv.get('a'))?.lease, id);
    await second.close();
  },
  'lease: attached, it is renewed, read and revoked as by its maker, and let go by close': async ({ kv }) => {
    const made = await kv.lease({ ttlMs: longMs, keepAlive: false });
    await kv.put('a', '1', { lease: made });
    const attached = await kv.attachLease(made.id);
    assert.equal(attached.ttlMs, longMs);
    await attached.renew();
    assert.deepEqual(await attached.keys(), ['a']);
    await attached.close();
    assert.equal(attached.held, false);
    assert.equal(made.held, true);
    const again = await kv.attachLease(made.id);
    await again.revoke();
    assert.equal(await kv.get('a'), undefined);
    await rejection(made.renew(), 'ERR_LEASE_NOT_FOUND');
    await aborted(made);
    await rejection(kv.attachLease(made.id), 'ERR_LEASE_NOT_FOUND');
  },
  'lease: through a view its keys are those of the view': async ({ kv, root }) => {
    const view = kv.namespace('in/').withEncoding({ key: 'bytes', value: 'json' });
    const lease = await view.lease({ ttlMs: longMs });
    await view.put(Buffer.from('ä'), { some: 'json' }, { lease });
    await root.put('elsewhere/a', '1', { lease: lease.id });
    assert.deepEqual(await lease.keys(), ['ä']);
    const whole = await root.attachLease(lease.id);
    assert.equal((await whole.keys()).length, 2);
    await whole.close();
    await lease.close();
    assert.equal(await root.get('elsewhere/a'), undefined);
  },
  'lease: a txn compares it, and refuses as a whole one that is not there': async ({ kv }) => {
    await using lease = await kv.lease({ ttlMs: longMs });
    await kv.put('a', '1', { lease });
    const txn = await kv.txn({ compare: [kv.cmp.lease('a', '==', lease.id)], success: [kv.op.put('b', '1')] });
    assert.equal(txn.succeeded, true);
    await rejection(
      kv.txn({ success: [kv.op.put('c', '1'), kv.op.put('d', '1', { lease: 123_456_789 })] }),
      'ERR_LEASE_NOT_FOUND',
    );
    assert.equal(await kv.get('c'), undefined);
  },
  'lease: bad input is refused before anything is sent': async ({ kv }) => {
    const refused: [Promise<unknown>, string][] = [
      [kv.lease({ ttlMs: 99 }), 'ttlMs'],
      [kv.lease({ ttlMs: 1.5 }), 'ttlMs'],
      [kv.lease({ ttlMs: 10 ** 15 }), 'ttlMs'],
      [kv.lease({ ttlMs: undefined as never }), 'ttlMs'],
      [kv.lease(undefined as never), 'ttlMs'],
      [kv.lease({ ttlMs: 1_000, id: 0 }), 'id'],
      [kv.lease({ ttlMs: 1_000, keepAlive: 'yes' as never }), 'keepAlive'],
      [kv.attachLease('x' as never), 'id'],
      [kv.attachLease(-1), 'id'],
      [kv.put('a', '1', { lease: 0 }), 'lease'],
      [kv.put('a', '1', { lease: 'kept' as never }), 'lease'],
      [kv.put('a', '1', { lease: {} as never }), 'lease'],
      [kv.put('a', '1', { lease: 1, ttlMs: 1_000 }), 'ttlMs'],
      [kv.put('a', '1', { ttlMs: 0 }), 'ttlMs'],
      [kv.update('a', () => '1', { ttlMs: 99.5 }), 'ttlMs'],
      [kv.txn({ success: [kv.op.put('a', '1', { lease: -7 })] }), 'success[0].lease'],
    ];
    for (const [call, argument] of refused) {
      assert.equal((await rejection(call, 'ERR_INVALID_ARGUMENT'))['argument'], argument);
    }
    assert.equal(await kv.get('a'), undefined);
  },
  'lease: a store that closes lets its handlers run while leases are held, and not beyond': async ({ open }) => {
    const store = await open();
    const { kv } = store;
    const lease = await kv.lease({ ttlMs: longMs });
    await kv.put('a', '1', { lease });
    const inHandler: unknown[] = [];
    kv.onClose(async () => inHandler.push((await kv.get('a'))?.value, lease.held));
    await store.close();
    assert.deepEqual(inHandler, ['1', true]);
    assert.equal(lease.held, false);
    await aborted(lease);
    await lease.close();
    await rejection(kv.lease({ ttlMs: longMs }), 'ERR_CLOSED');
    await rejection(kv.leases(), 'ERR_CLOSED');
  },
};
