import { CoterieError } from '@coterie/errors';
import { expect, test } from 'vitest';
import type { WriteRequest, WriteResult } from '../../src/command/operation.js';
import type { CallControl } from '../../src/engine/engine.js';
import { createKv } from '../../src/kv/create-kv.js';
import { KvLifecycle } from '../../src/kv/lifecycle.js';
import { replicatedLimits } from '../../src/limits.js';
import { ModelEngine } from '../../src/testing/model-engine.js';
import { VirtualClock } from '../machine/virtual-clock.js';

/** A model that writes down the renewals it gets, and may answer them late or not at all. */
class Slow extends ModelEngine {
  readonly renewals: { readonly atMs: number; readonly leases: number }[] = [];
  renewing: (apply: () => Promise<WriteResult>) => Promise<WriteResult> = (apply) => apply();
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    super({ clock });
    this.#clock = clock;
  }

  override write(request: WriteRequest, control: CallControl): Promise<WriteResult> {
    const apply = (): Promise<WriteResult> => super.write(request, control);
    if (request.kind !== 'renewLeases') return apply();
    this.renewals.push({ atMs: this.#clock.now(), leases: request.leases.length });
    return this.renewing(apply);
  }
}

function setUp() {
  const clock = new VirtualClock();
  const engine = new Slow(clock);
  const lifecycle = new KvLifecycle();
  const kv = createKv(engine, { clock, lifecycle });
  /** Time passes in small steps, with room for promises in between. */
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 10) {
      clock.advance(Math.min(10, left));
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    }
  };
  return { clock, engine, kv, lifecycle, pass };
}

test('held is a matter of the clock, not of a timer: false after a block, and the signal with it', async () => {
  const { clock, kv, engine } = setUp();
  engine.renewing = () => new Promise(() => undefined);
  const lease = await kv.lease({ ttlMs: 1_000 });
  clock.now = (
    (now) => () =>
      now + 899
  )(clock.now());
  expect(lease.held).toBe(true);
  clock.now = (
    (now) => () =>
      now + 1
  )(clock.now());
  expect(lease.signal.aborted).toBe(false);
  expect([lease.held, lease.remainingMs(), lease.signal.aborted]).toEqual([false, 0, true]);
  expect(lease.signal.reason).toMatchObject({ code: 'ERR_LEASE_NOT_FOUND' });
});

test('a holder counts from when a renewal was sent, not from when it was answered', async () => {
  const { kv, engine, pass } = setUp();
  let answer: (() => void) | undefined;
  engine.renewing = (apply) => new Promise((resolve) => (answer = () => resolve(apply())));
  const lease = await kv.lease({ ttlMs: 1_000 });
  await pass(800);
  const [first] = engine.renewals;
  answer!();
  await pass(10);
  expect(lease.remainingMs()).toBe(first!.atMs + 900 - 810);
});

test('an answer that comes when the time is over does not bring a lease back', async () => {
  const { kv, engine, pass } = setUp();
  let answer: (() => void) | undefined;
  engine.renewing = (apply) => new Promise((resolve) => (answer = () => resolve(apply())));
  const lease = await kv.lease({ ttlMs: 1_000 });
  await pass(950);
  expect(lease.signal.aborted).toBe(true);
  answer!();
  await pass(20);
  expect(lease.held).toBe(false);
  await expect(lease.renew()).rejects.toMatchObject({ code: 'ERR_LEASE_NOT_FOUND' });
});

test('renewals that fail are sent again until one comes through', async () => {
  const { kv, engine, pass } = setUp();
  let failures = 3;
  engine.renewing = (apply) =>
    failures-- > 0 ? Promise.reject(new CoterieError('ERR_OVERLOADED', { message: 'busy' })) : apply();
  const lease = await kv.lease({ ttlMs: 3_000 });
  await pass(10_000);
  expect(failures).toBeLessThan(0);
  expect(lease.held).toBe(true);
});

test('all that is due goes in one message, at most one each 100 ms, and none has more than a command takes', async () => {
  const { kv, engine, pass } = setUp();
  for (let i = 0; i < 50; i++) {
    await kv.lease({ ttlMs: 1_000 + i });
    await pass(7);
  }
  await pass(5_000);
  const { renewals } = engine;
  expect(renewals.length).toBeGreaterThan(10);
  expect(Math.max(...renewals.map(({ leases }) => leases))).toBeGreaterThan(5);
  for (const [i, { atMs, leases }] of renewals.entries()) {
    expect(leases).toBeLessThanOrEqual(replicatedLimits.renewalsPerCommand);
    if (i > 0) expect(atMs - renewals[i - 1]!.atMs).toBeGreaterThanOrEqual(100);
  }
});

test('a lease that is gone in the store is lost at the next renewal', async () => {
  const { kv, pass } = setUp();
  const lease = await kv.lease({ ttlMs: 3_000 });
  await (await kv.attachLease(lease.id)).revoke();
  await pass(1_200);
  expect([lease.held, lease.signal.aborted]).toEqual([false, true]);
});

test('a store that closes revokes what it keeps alive, and nothing else', async () => {
  const { kv, engine, lifecycle } = setUp();
  const [kept, other] = [await kv.lease({ ttlMs: 5_000 }), await kv.lease({ ttlMs: 5_000, keepAlive: false })];
  await kv.put('kept', '', { lease: kept });
  await kv.put('other', '', { lease: other });
  await lifecycle.runHandlers(() => undefined);
  lifecycle.close();
  expect(engine.state.live.map(({ key }) => key)).toEqual(['other']);
  expect(engine.state.history.at(-1)?.events[0]?.reason).toBe('revoked');
  expect([kept.held, other.held]).toEqual([false, false]);
});
