/** @typedef {import('./simulator-mutants.mjs').Mutant} Mutant */

/** @param {string} file @returns {string} */
const mvcc = (file) => `packages/mvcc/src/${file}.ts`;

/** Clocks that agree, as holders of leases need them; short lives. */
const leasing = {
  ...{ simulatedMs: 15_000, paceMs: 40, clients: 2, leaseClients: 4, members: 3, lateMembers: 0, families: [] },
  options: { electionTimeoutMs: 300, heartbeatMs: 30, leaseReads: true },
};

/** Among leaders that come and go. */
const changing = { ...leasing, drills: ['deposed', 'handover', 'standstill'], drillEveryMs: 300 };

/** Leases of keys. @type {readonly Mutant[]} */
export const keyLeases = [
  {
    name: 'key-outlives-its-lease',
    file: mvcc('state/entry-apply'),
    find: '    if (change !== undefined) this.#commit(change);\n    this.#end(lease.id);\n',
    replace: '    if (change !== undefined) leases.find(lease.id)?.keys.clear();\n    this.#end(lease.id);\n',
    why: 'a lease ends and leaves its keys behind',
    world: leasing,
  },
  {
    name: 'expired-passes-for-deleted',
    file: mvcc('txn/lease-commands'),
    find: 'return { key, after: undefined, before, reason };',
    replace: 'return { key, after: undefined, before };',
    why: 'a watch does not tell a key that ran out from one that somebody deleted',
    world: leasing,
  },
  {
    name: 'expiry-before-its-time',
    file: mvcc('lease/lease-table'),
    find: '      if (lease.deadlineMs > nowMs) {\n        this.#heap.postpone(lease, lease.deadlineMs);\n        continue;\n      }\n',
    replace: '      lease.deadlineMs = Math.min(lease.deadlineMs, lease.heapMs);\n',
    why: 'a lease ends by the deadline that its leader noted first, whatever has been renewed since (etcd issue 12528)',
    world: leasing,
  },
  {
    name: 'renewal-forgotten',
    file: mvcc('lease/lease-table'),
    find: '    lease.deadlineMs = Math.max(lease.deadlineMs, nowMs + lease.ttlMs);\n',
    replace: '',
    why: 'a renewal is acknowledged and changes nothing',
    world: leasing,
  },
  {
    name: 'deadline-lost-with-the-store',
    file: mvcc('lease/lease-codec'),
    find: '  out.f64(lease.deadlineMs);\n',
    replace: '  out.f64(lease.heapMs);\n',
    why: 'a checkpoint keeps the deadline of the granting: renewals are gone after a restart (etcd issue 9888)',
    world: { ...changing, families: ['crashes'], checkpointBytes: 4 * 1024 },
  },
  {
    name: 'held-from-the-answer',
    file: mvcc('kv/lease-keeper'),
    find: '      else lease.renewed(sentMs);\n',
    replace: '      else lease.renewed(this.now());\n',
    why: 'a holder counts its lease from the answer to its renewal: it is over earlier for everybody else',
    world: { ...changing, families: ['network'], paceMs: 20 },
  },
];
