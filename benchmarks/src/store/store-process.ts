// One case of the store suite in a process of its own, so that no case finds the heap or the caches of another.
import { cmp, op, openStore, type KvStore } from '@coterie/mvcc';
import fs from 'node:fs';
import { digested } from '../load/digested.js';
import { closedLoops, stallDuring } from './loops.js';
import { fill, keyOf, patiently, someKey, someValue, values, withStore } from './store-data.js';
import type { StoreFigure, StoreTask } from './store-messages.js';
import { measureLog } from './wal-case.js';

const clients = 64;
const operationKeys = 100_000;
const pageKeys = 100;
/** The store begins a checkpoint after so many changes and entries; the filling stops a little before. */
const checkpointOperations = 200_000;
const shortOfCheckpoint = 0.95;
const fillKey = 'bench/watched';

const task = JSON.parse(process.argv[2] ?? '{}') as StoreTask;
const found = await perform(task);
for (const figure of found) console.log(JSON.stringify(figure));
if (task.do === 'fill-and-wait') setInterval(() => undefined, 1000);

async function perform(given: StoreTask): Promise<readonly StoreFigure[]> {
  switch (given.do) {
    case 'fill':
      await withStore({ dir: given.dir, durability: 'os' }, (store) => fill(store, given.keys));
      return [];
    case 'fill-and-wait':
      return fillAndWait(given.dir, given.keys);
    case 'open':
      return [await open(given.dir, given.keys)];
    case 'operations':
      return withStore({ dir: given.dir, durability: given.durability }, (store) =>
        operations(store, given.durability, given.ms),
      );
    case 'watch':
      return withStore({ dir: given.dir, durability: 'os' }, async (store) => [
        await fanOut(store, given.watchers, given.ms),
      ]);
    case 'compaction':
      return withStore(
        { dir: given.dir, durability: 'os', limits: { historyRevisions: 10_000_000 } },
        async (store) => [await compaction(store, given.revisions)],
      );
    case 'checkpoint':
      return withStore({ dir: given.dir }, async (store) => [await checkpoints(store, given.ms)]);
    case 'log':
      return measureLog(given.dir, given.batch, given.ms);
    case 'put-latency':
      return withStore({ dir: given.dir }, async (store) => {
        await fill(store, given.keys);
        await digested(() => {
          const { user, system } = process.cpuUsage();
          return [user + system];
        });
        return [
          await closedLoops(`put at ${given.keys} keys`, 1, given.ms, () =>
            store.put(someKey(given.keys), someValue()),
          ),
        ];
      });
  }
}

async function fillAndWait(dir: string, keys: number): Promise<readonly StoreFigure[]> {
  const store = await openStore({ dir, durability: 'os' });
  await fill(store, keys);
  // From the next checkpoint on it is known how many operations the one after that will need.
  const { checkpoints: before } = (await store.diagnostics()).store;
  let made = 0;
  for (; (await store.diagnostics()).store.checkpoints === before; made++) await writeSome(store, keys);
  const operationsOf = async (): Promise<number> => {
    const { stateHash } = await store.diagnostics();
    return stateHash.index + stateHash.revision;
  };
  const from = await operationsOf();
  while ((await operationsOf()) - from < checkpointOperations * shortOfCheckpoint) await writeSome(store, keys);
  return [{ case: 'filled', note: `${made} rounds to a checkpoint` }];
}

async function writeSome(store: KvStore, keys: number): Promise<void> {
  await Promise.all(Array.from({ length: 1000 }, () => patiently(() => store.put(someKey(keys), someValue()))));
}

async function open(dir: string, keys: number): Promise<StoreFigure> {
  const begun = performance.now();
  const store = await openStore({ dir });
  const entry = await store.get(keyOf(Math.floor(keys / 2)));
  const ms = performance.now() - begun;
  if (keys > 0 && entry === undefined) throw new Error('the key that was read is not there');
  const rssAnonMiB = rssAnon();
  await store.close();
  return { case: 'open', ms, rssAnonMiB };
}

/** Anonymous memory: without what is mapped from files, which the system may take back. Linux. */
function rssAnon(): number {
  const found = /RssAnon:\s+(\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'utf8'));
  return Number(found?.[1] ?? 0) / 1024;
}

async function operations(store: KvStore, durability: string, ms: number): Promise<readonly StoreFigure[]> {
  await fill(store, operationKeys);
  const loops = (name: string, operation: () => Promise<unknown>): Promise<StoreFigure> =>
    closedLoops(`${name}, ${durability}`, clients, ms, operation);
  return [
    await loops('put', () => store.put(someKey(operationKeys), someValue())),
    await loops('get-hit', () => store.get(someKey(operationKeys))),
    await loops('get-miss', () => store.get(`missing/${Math.floor(Math.random() * operationKeys)}`)),
    await loops('range-100', () => store.range({ prefix: 'key/', gte: someKey(operationKeys) }, { limit: pageKeys })),
    await loops('txn-cas', () => compareAndSwap(store)),
  ];
}

async function compareAndSwap(store: KvStore): Promise<void> {
  const key = someKey(operationKeys);
  const revision = (await store.get(key))?.modRevision ?? 0;
  await store.txn({ compare: [cmp.modRevision(key, '==', revision)], success: [op.put(key, someValue())] });
}

/** Deliveries a second: puts on one key, seen by everybody who watches it. */
async function fanOut(store: KvStore, watchers: number, ms: number): Promise<StoreFigure> {
  const streams = Array.from({ length: watchers }, () => store.watch(fillKey));
  let seen = 0;
  let wanted = 0;
  let reached = (): void => undefined;
  const readers = streams.map(async (stream) => {
    for await (const batch of stream) {
      seen += batch.events.length;
      if (seen >= wanted) reached();
    }
  });
  const begun = performance.now();
  const stall = await stallDuring(async () => {
    while (performance.now() - begun < ms) {
      wanted = seen + watchers;
      const all = new Promise<void>((resolve) => (reached = resolve));
      await store.put(fillKey, someValue());
      if (seen < wanted) await all;
    }
  });
  const seconds = (performance.now() - begun) / 1000;
  for (const stream of streams) await stream.close();
  await Promise.all(readers);
  return { case: `watch fan-out to ${watchers}`, opsPerSec: seen / seconds, loopStallMs: stall };
}

async function compaction(store: KvStore, revisions: number): Promise<StoreFigure> {
  const keys = 1000;
  let made = 0;
  const writer = async (): Promise<void> => {
    while (made++ < revisions) await patiently(() => store.put(someKey(keys), values[made % values.length]!));
  };
  await Promise.all(Array.from({ length: 1000 }, writer));
  const { revision } = await store.put('last', 'x');
  const begun = performance.now();
  const loopStallMs = await stallDuring(() => store.compact(revision, { physical: true, timeoutMs: 600_000 }));
  return { case: `compaction of ${revisions} revisions`, ms: performance.now() - begun, loopStallMs };
}

/** How long a checkpoint takes under full load is what lies between two; the stall is that of the whole time. */
async function checkpoints(store: KvStore, ms: number): Promise<StoreFigure> {
  const made = async (): Promise<number> => (await store.diagnostics()).store.checkpoints;
  const from = await made();
  const loops = await closedLoops('put', clients, ms, () => store.put(someKey(operationKeys), someValue()));
  const count = (await made()) - from;
  return { ...loops, case: 'put while checkpoints run', note: `${count} checkpoints` };
}
