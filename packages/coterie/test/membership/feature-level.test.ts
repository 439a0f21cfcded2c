import { completeNodeOptions, MemoryNetwork, SystemClock, systemRandom, systemTurns, systemWall } from '@coterie/raft';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prefixRange } from '@coterie/mvcc';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { diskStorage } from '../../src/data-dir/disk-storage.js';
import { PeerEngine } from '../../src/engine/peer-engine.js';

const peers = { a: 'memory://a', b: 'memory://b', c: 'memory://c' };
type Name = keyof typeof peers;
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

let directory: string;
let network: MemoryNetwork;
const running = new Map<Name, PeerEngine>();

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'coterie-levels-'));
  network = new MemoryNetwork();
});
afterEach(async () => {
  await Promise.all([...running.values()].map((engine) => engine.close()));
  running.clear();
  rmSync(directory, { recursive: true });
});

/** Starts a build that knows so much, on the disk that the name had. */
async function start(name: Name, featureLevel: number): Promise<PeerEngine> {
  const engine = new PeerEngine({
    name,
    clusterId: 'levels',
    url: peers[name],
    peers,
    ports: { clock: new SystemClock(), turns: systemTurns, wall: systemWall, random: systemRandom },
    storage: diskStorage(join(directory, name), undefined),
    transport: network.transport(),
    options: completeNodeOptions({ electionTimeoutMs: 400, heartbeatMs: 40 }),
    limits: {},
    history: { revisions: 1000, ms: 1000, bytes: 1 << 20 },
    featureLevel,
    requestTimeoutMs: 20_000,
    closeTimeoutMs: 1000,
    logger: silent,
  });
  await engine.start();
  running.set(name, engine);
  return engine;
}

async function stop(name: Name): Promise<void> {
  await running.get(name)!.close();
  running.delete(name);
}

async function upgrade(name: Name, featureLevel: number): Promise<PeerEngine> {
  await stop(name);
  const engine = await start(name, featureLevel);
  await engine.ready(null, {});
  return engine;
}

const levels = (): number[] => [...running.values()].map((engine) => engine.replica?.machine.featureLevel ?? 0);
const quota = { kind: 'setQuota', prefix: 'a', bytes: 50, range: prefixRange('a') } as const;
const put = (key: string) => ({ kind: 'put', key, value: new Uint8Array(50), prev: false }) as const;

test('a rolling upgrade: the level rises with the last member, and whoever knows less stays out', async () => {
  await Promise.all((['a', 'b', 'c'] as const).map((name) => start(name, 1)));
  await Promise.all([...running.values()].map((engine) => engine.ready(null, {})));
  for (const name of ['a', 'b'] as const) {
    const engine = await upgrade(name, 2);
    // Builds of both levels work side by side, each of them may lead, and nothing of the new one is in force.
    await engine.write(put(name), {});
    await engine.transferLeadership({ to: name }, {});
    const refused = { code: 'ERR_FEATURE_LEVEL', level: 2, supported: 1, outcome: 'not-applied' };
    await expect(engine.write(quota, { timeoutMs: 1500 })).rejects.toMatchObject(refused);
    expect(levels()).toEqual([1, 1, 1]);
  }
  const last = await upgrade('c', 2);
  await vi.waitFor(() => expect(levels()).toEqual([2, 2, 2]), { timeout: 20_000 });
  await last.write(quota, {});
  await expect(last.write(put('ax'), {})).rejects.toMatchObject({ code: 'ERR_NO_SPACE' });
  // The status is looked at now and then only.
  await vi.waitFor(() => expect(last.status).toMatchObject({ featureLevel: 2 }), { timeout: 20_000 });

  // The level of this one is in its checkpoint, that of the others in their logs.
  await last.write({ kind: 'compact', revision: 3, physical: true }, {});

  await stop('b');
  const { reason, error } = await (await start('b', 1)).stopped(null, {});
  expect({ reason, code: error?.code }).toEqual({ reason: 'failed', code: 'ERR_FEATURE_LEVEL' });
  await upgrade('b', 2);

  await stop('c');
  await expect(start('c', 1)).rejects.toMatchObject({ code: 'ERR_FEATURE_LEVEL', level: 2, supported: 1 });

  rmSync(join(directory, 'c'), { recursive: true });
  const wiped = await start('c', 1);
  await expect(wiped.ready(null, { timeoutMs: 20_000 })).rejects.toMatchObject({
    code: 'ERR_FEATURE_LEVEL',
    level: 2,
    supported: 1,
  });
  expect((await upgrade('c', 2)).replica?.machine.featureLevel).toBe(2);
}, 120_000);
