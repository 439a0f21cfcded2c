import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { LeaseTable } from '../../src/lease/lease-table.js';
import type { KvStore } from '../../src/local/local-store.js';
import { openStore } from '../../src/local/open-store.js';
import type { FrozenPart, KeyEvent, KeyRecord } from '../../src/store/types.js';

const record = (lease: number, size: number): KeyRecord => ({
  value: new Uint8Array(size),
  createRevision: 2,
  modRevision: 2,
  version: 1,
  lease,
  crc32c: 0,
});

/** A table that remembers which key has which lease. */
class Leased {
  readonly table: LeaseTable;
  readonly keys = new Map<string, KeyRecord>();

  constructor(leases: number) {
    this.table = new LeaseTable();
    for (let at = 0; at < leases; at++) this.grant(at % 3 === 0);
    const { ids } = this;
    for (let at = 0; at < leases; at += 2) this.put(`key ${at}`, ids[at], at % 50);
  }

  get ids(): number[] {
    return [...this.table.all()].map(({ id }) => id);
  }

  grant(own: boolean): void {
    const id = this.table.nextGeneration(undefined, 0);
    this.table.grant({ id, generation: id, ttlMs: 1_000, own }, 0);
  }

  put(key: string, lease: number | undefined, size: number): void {
    const after = lease === undefined ? undefined : record(lease, size);
    const event: KeyEvent = { key, before: this.keys.get(key), after };
    this.table.committed({ revision: 3, events: [event] });
    if (after === undefined) this.keys.delete(key);
    else this.keys.set(key, after);
  }

  end(id: number): void {
    for (const key of this.table.keysOf(id)) this.put(key, undefined, 0);
    this.table.end(id);
  }
}

const many = 5_000;

const change = fc.record({
  what: fc.constantFrom('renew', 'join', 'leave', 'move', 'end', 'grant', 'step' as const),
  at: fc.nat(many - 1),
  size: fc.nat(90),
});

test('leases that are frozen are encoded as they were, whatever happens to them meanwhile', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), fc.integer({ min: 0, max: 3 }), (changes, steps) => {
      const leased = new Leased(many);
      const { table } = leased;
      const expected = table.encode();
      const ids = leased.ids;
      const frozen = table.freeze() as FrozenPart;
      for (let more = steps; more > 0; more--) frozen.step();
      for (const { what, at, size } of changes) {
        const id = ids[at]!;
        const there = table.find(id) !== undefined;
        if (what === 'step') frozen.step();
        else if (what === 'grant') leased.grant(false);
        else if (what === 'leave') leased.put(`key ${at}`, undefined, 0);
        else if (!there) continue;
        else if (what === 'renew') table.renew(id, 100 + size);
        else if (what === 'join') leased.put(`new ${at}`, id, size);
        else if (what === 'move') leased.put(`key ${(at * 7) % many}`, id, size);
        else leased.end(id);
      }
      const now = table.encode();
      expect(Buffer.compare(frozen.finish(), expected)).toBe(0);
      // And what was changed meanwhile is in the next one.
      expect(Buffer.compare((table.freeze() as FrozenPart).finish(), now)).toBe(0);
    }),
    { numRuns: 60 },
  );
});

test('one slice of many leases is a small part, however many keys each has; few leases are encoded at once', () => {
  const leased = new Leased(many);
  const frozen = leased.table.freeze() as FrozenPart;
  let steps = 1;
  while (!frozen.step()) steps++;
  expect(steps).toBeGreaterThanOrEqual(3);
  expect(new Leased(1_000).table.freeze()).toBeInstanceOf(Uint8Array);
  const long = new Leased(1_100);
  for (const id of long.ids) long.put(`${id}`.padEnd(2_000, 'x'), id, 1);
  const wide = long.table.freeze() as FrozenPart;
  for (steps = 1; !wide.step();) steps++;
  expect(steps).toBeGreaterThan(10);
});

test('one that was begun before another is whole all the same', () => {
  const leased = new Leased(many);
  const expected = leased.table.encode();
  const first = leased.table.freeze() as FrozenPart;
  first.step();
  leased.table.renew(leased.ids[many - 1]!, 500);
  const second = leased.table.freeze() as FrozenPart;
  const later = leased.table.encode();
  leased.table.renew(leased.ids[many - 2]!, 500);
  expect(Buffer.compare(first.finish(), expected)).toBe(0);
  expect(Buffer.compare(second.finish(), later)).toBe(0);
});

test('a checkpoint of many leases that change while it is written is what a restart finds, with the log behind it', async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-leases-'));
  try {
    const limits = { checkpointBytes: 64 * 1024, openOperations: 4_096 };
    const store = await openStore({ dir, limits });
    const patient = async (write: () => Promise<unknown>): Promise<void> => {
      await vi.waitFor(write, 20_000);
    };
    const id = (at: number): number => 1_000 + at;
    const grant = (at: number) => patient(() => store.lease({ id: id(at), ttlMs: 600_000 + at, keepAlive: false }));
    await Promise.all(Array.from({ length: 2_500 }, (_, at) => grant(at)));
    for (let round = 0; round < 8; round++) {
      const puts = Array.from({ length: 200 }, (_, at) =>
        patient(() => store.put(`k${at}`, 'x'.repeat(500), { lease: id((at * 11 + round * 97) % 2_500) })),
      );
      await Promise.all(puts);
    }
    const shown = async (from: KvStore) => (await from.leases()).map(({ id: one, ttlMs }) => [one, ttlMs]);
    const expected = await shown(store);
    const lease = (await store.get('k7'))!.lease!;
    expect((await store.diagnostics()).store.checkpoints).toBeGreaterThan(2);
    const { stateHash } = await store.diagnostics();
    await store.close();
    await using again = await openStore({ dir, limits });
    expect(await shown(again)).toEqual(expected);
    expect((await again.get('k7'))!.lease).toBe(lease);
    expect((await again.diagnostics()).stateHash.chain).toBe(stateHash.chain);
    await (await again.attachLease(lease)).revoke();
    expect(await again.get('k7')).toBeUndefined();
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
});
