import { expect, test } from 'vitest';
import { encodeExpireLeases } from '../../src/command/encode.js';
import { LeaseTable } from '../../src/lease/lease-table.js';
import { replicatedLimits } from '../../src/limits.js';
import { execute } from '../../src/txn/executor.js';
import { LogWriter } from '../machine/log-writer.js';
import { put, Replica, value } from '../machine/replica.js';
import { PlainState } from '../txn/plain-state.js';

const granted = (count: number, ttlMs: (at: number) => number): LeaseTable => {
  const table = new LeaseTable();
  for (let at = 0; at < count; at++) {
    const id = table.nextGeneration(undefined, 0);
    table.grant({ id, generation: id, ttlMs: ttlMs(at), own: false }, 0);
  }
  return table;
};

test('a look for leases that are over names some, the earliest first, and each once', () => {
  const table = granted(2_000, (at) => 1_000 + ((at * 7) % 2_000));
  const named: number[] = [];
  for (let look = 0; look < 20; look++) {
    const due = table.takeDue(2_000, replicatedLimits.expiriesPerEntry, replicatedLimits.leaseDeletesPerEntry);
    expect(due.length).toBeLessThanOrEqual(replicatedLimits.expiriesPerEntry);
    named.push(...due.map(({ id }) => table.find(id)!.deadlineMs));
  }
  expect(named).toEqual([...named].sort((a, b) => a - b));
  expect(named.length).toBe(1_001);
  // What did not come about is named again, behind a second.
  expect(table.takeDue(2_999, 10, 10).every(({ id }) => table.find(id)!.deadlineMs > 2_000)).toBe(true);
});

test('renewed ones are passed over, and come up at their new time', () => {
  const table = granted(100, () => 1_000);
  for (const { id } of [...table.all()].slice(0, 90)) table.renew(id, 500);
  expect(table.takeDue(1_499, 1_000, 1_000).length).toBe(10);
  expect(table.takeDue(1_500, 1_000, 1_000).length).toBe(90);
});

test('an end that was proposed before a renewal, or for an earlier lease of the id, is none', () => {
  const writer = new LogWriter();
  const replica = new Replica().apply(...writer.log);
  const grant = (): void => void replica.apply(writer.write({ kind: 'grantLease', id: 7, ttlMs: 100 }));
  grant();
  const { generation } = replica.machine.lease(7)!;
  const expire = (): void => void replica.apply(writer.append([encodeExpireLeases([{ id: 7, generation }])]));
  replica.apply(writer.write({ kind: 'put', key: 'a', value: value('1'), prev: false, lease: 7 }));
  writer.stampMs += 99;
  expire();
  expect(replica.machine.lease(7)?.keys).toEqual(['a']);
  writer.stampMs += 1;
  replica.apply(writer.write({ kind: 'renewLeases', leases: [{ id: 7, generation }] }));
  expire();
  expect(replica.machine.lease(7)?.keys).toEqual(['a']);
  replica.apply(writer.write({ kind: 'revokeLease', id: 7, generation }));
  grant();
  writer.stampMs += 1_000;
  expire();
  expect(replica.machine.lease(7)).toBeDefined();
});

test('a lease takes no more keys than one revision deletes; the refusal changes nothing', () => {
  const writer = new LogWriter();
  const replica = new Replica().apply(...writer.log);
  replica.apply(writer.write({ kind: 'grantLease', id: 7, ttlMs: 100 }));
  const leased = (at: number) => ({ ...put(`k${String(at).padStart(5, '0')}`), lease: 7 }) as ReturnType<typeof put>;
  for (let at = 0; at < replicatedLimits.leaseKeys; at += 1_000) {
    replica.apply(writer.write(...Array.from({ length: 1_000 }, (_, i) => leased(at + i))));
  }
  replica.told.length = 0;
  replica.apply(writer.write(leased(replicatedLimits.leaseKeys), leased(0)));
  expect(replica.told.map(([, , , outcome]) => outcome)).toMatchObject([
    { code: 'ERR_TOO_LARGE', limit: replicatedLimits.leaseKeys },
    { kind: 'put', ok: true },
  ]);
  const before = replica.machine.revision;
  replica.apply(writer.write({ kind: 'revokeLease', id: 7, generation: 0 }));
  expect(replica.machine.revision).toBe(before + 1);
  expect(replica.told.at(-1)?.[3]).toMatchObject({ deleted: replicatedLimits.leaseKeys });
});

test('the cluster has a number of leases, and refuses more of them, for keys of their own too', () => {
  const state = Object.assign(new PlainState(), { leases: granted(replicatedLimits.leases, () => 1_000) });
  const refused = { outcome: { kind: 'refused', code: 'ERR_OVERLOADED' }, change: undefined };
  expect(execute({ kind: 'grantLease', id: 0, ttlMs: 100 }, state)).toEqual(refused);
  const own = { kind: 'put', key: 'k', value: value('v'), prev: false, ttlMs: 100 } as const;
  expect(execute(own, state)).toEqual(refused);
  state.leases.end([...state.leases.all()][0]!.id);
  expect(execute(own, state).leases).toMatchObject([{ kind: 'grant', grant: { own: true } }]);
});
