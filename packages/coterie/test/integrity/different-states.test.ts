import { afterEach, expect, test } from 'vitest';
import type { PeerStorage } from '../../src/data-dir/storage.js';
import { through } from '../../src/testing/through.js';
import { SmallCluster, until } from './small-cluster.js';

let cluster: SmallCluster;

afterEach(() => cluster.close());

const hashEvery = 4;
const integrity = { scrub: { periodMs: 0, bytesPerSecond: 1 }, hashEvery };

/** A machine on which apply takes one key for having so many versions more than it has. */
function erring(storage: PeerStorage, error: { versions: number }): PeerStorage {
  return through(storage, {
    openStore: async (minAppliedIndex) => {
      const store = await storage.openStore(minAppliedIndex);
      return through(store, {
        lookup: (key) => {
          const record = store.lookup(key);
          if (record === undefined || key !== 'counted') return record;
          return { ...record, version: record.version + error.versions };
        },
      });
    },
  });
}

/** @returns what is wrong with each machine: nothing yet */
async function erringCluster(): Promise<Readonly<Record<string, { versions: number }>>> {
  const names = ['a', 'b', 'c'];
  cluster = new SmallCluster(names, { integrity });
  const errors = Object.fromEntries(names.map((name) => [name, { versions: 0 }]));
  await Promise.all(
    names.map((name) => cluster.open(name, { storage: erring(cluster.machines[name]!.storage(), errors[name]!) })),
  );
  await Promise.all([...cluster.engines.values()].map((engine) => engine.ready(null, {})));
  // So that there are checkpoints to give.
  await cluster.fill('a', 40);
  await cluster.put('a', 'counted', 'once');
  return errors;
}

/** Errs in one entry that all apply, and not again. */
async function err(errors: Readonly<Record<string, { versions: number }>>, wrong: Readonly<Record<string, number>>) {
  for (const [name, versions] of Object.entries(wrong)) errors[name]!.versions = versions;
  await cluster.put('a', 'counted', 'twice');
  const { commitIndex } = cluster.engine(cluster.leader).replica!.node;
  await until('all have applied it', () =>
    [...cluster.engines.values()].every(({ replica }) => (replica?.node.appliedIndex ?? 0) >= commitIndex),
  );
  for (const error of Object.values(errors)) error.versions = 0;
  // The next hash is made behind it.
  for (let more = 0; more < hashEvery; more++) await cluster.put('a', 'more', String(more));
}

const counted = async (name: string): Promise<number | undefined> =>
  (await cluster.engine(name).get({ key: 'counted', consistency: 'serializable' }, {})).entry?.version;

test('a member that applied another state is found by its hash, serves no more, rebuilds itself and is equal again', async () => {
  const errors = await erringCluster();
  const states: string[] = [];
  const stream = cluster.engine('b').statuses(null);
  void (async () => {
    for (let next = await stream.next(); next !== undefined; next = await stream.next())
      states.push(...next.map(({ state, rebuild }) => `${state} ${rebuild?.reason.code ?? ''}`));
  })();
  await err(errors, { b: 5 });
  expect(await counted('b')).toBe(7);
  await until('it rebuilds', () => states.includes('rebuilding ERR_CORRUPT'));
  // The others go on meanwhile.
  await cluster.put('c', 'meanwhile', 'written');
  await until('it is what the others are', async () => {
    const { state } = cluster.engine('b').status;
    return state === 'ready' && (await counted('b').catch(() => undefined)) === 2;
  });
  expect([await counted('a'), await counted('c')]).toEqual([2, 2]);
  for (const { status } of cluster.engines.values()) expect(status.doubt).toBeUndefined();
  expect(states.filter((state) => state.startsWith('failed'))).toEqual([]);
});

test('where all members differ nobody is right: writes are refused, and the status says why', async () => {
  const errors = await erringCluster();
  await err(errors, { b: 5, c: 9 });
  for (const name of ['a', 'b', 'c']) {
    const engine = cluster.engine(name);
    await until(`${name} doubts`, () => engine.status.doubt !== undefined);
    expect(engine.status).toMatchObject({ state: 'ready', doubt: { code: 'ERR_CORRUPT' } });
    await expect(cluster.put(name, 'refused', 'x')).rejects.toMatchObject({
      code: 'ERR_CORRUPT',
      outcome: 'not-applied',
    });
    expect(await cluster.get(name, 'refused')).toBeUndefined();
    expect(cluster.machines[name]!.storage().condemned()).toBeUndefined();
  }
});

test('a member that differs before anybody has a checkpoint rebuilds itself from one that the others then make', async () => {
  const names = ['a', 'b', 'c'];
  cluster = new SmallCluster(names, { integrity });
  const wrong = { versions: 0 };
  const storage = (name: string): PeerStorage => cluster.machines[name]!.storage({ checkpointBytes: 64 * 1024 * 1024 });
  await Promise.all(
    names.map((name) => cluster.open(name, { storage: name === 'b' ? erring(storage(name), wrong) : storage(name) })),
  );
  await Promise.all([...cluster.engines.values()].map((engine) => engine.ready(null, {})));
  await cluster.put('a', 'counted', 'once');
  for (const name of names) expect(cluster.engine(name).replica!.machine.checkpointIndex).toBe(0);
  await err({ b: wrong }, { b: 5 });
  await until('it is what the others are', async () => {
    const { state } = cluster.engine('b').status;
    return state === 'ready' && (await counted('b').catch(() => undefined)) === 2;
  });
});
