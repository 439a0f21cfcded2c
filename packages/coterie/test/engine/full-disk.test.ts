import { afterEach, expect, test } from 'vitest';
import { codeOf, SmallCluster, until } from '../integrity/small-cluster.js';

let cluster: SmallCluster;

afterEach(() => cluster.close());

test('a peer without room for a checkpoint goes on, then refuses writes, says so, and heals by itself', async () => {
  const said: string[] = [];
  const tell = (_: object, message: string): void => void said.push(message);
  const logger = { debug: () => undefined, info: tell, warn: tell, error: tell };
  cluster = new SmallCluster(['a'], { logger });
  let free = 1e12;
  cluster.machines['a']!.disk.background.freeBytes = (_path, done) => setImmediate(() => done(undefined, free));
  await cluster.openAll();
  const engine = cluster.engine('a');
  await cluster.put('a', 'before', '1');
  expect(engine.status.noSpace).toBeUndefined();
  free = 0;
  let refused: string | undefined;
  for (let at = 0; refused === undefined && at < 200; at++) {
    refused = await codeOf(cluster.put('a', `key-${at}`, 'x'.repeat(400)));
    // It takes a turn or more until a checkpoint has found that there is no room.
    if (refused === 'ERR_OVERLOADED') refused = undefined;
  }
  expect(refused).toBe('ERR_NO_SPACE');
  await until('the status says so', () => engine.status.noSpace?.code === 'ERR_NO_SPACE');
  expect(engine.status.state).toBe('ready');
  expect(await cluster.get('a', 'before')).toBe('1');
  await until('it is logged', () => said.some((message) => message.startsWith('the disk is full')));
  free = 1e12;
  await until('it heals', async () => (await codeOf(cluster.put('a', 'after', '2'))) === undefined);
  await until('the status says so', () => engine.status.noSpace === undefined);
  await until('it is logged', () => said.some((message) => message.startsWith('the disk has room again')));
  expect(engine.replica!.machine.checkpointIndex).toBeGreaterThan(0);
});

test('a peer without room for the next segment of its log says so, and that there is room again', async () => {
  cluster = new SmallCluster(['a']);
  await cluster.openAll();
  const engine = cluster.engine('a');
  const { disk } = cluster.machines['a']!;
  await cluster.put('a', 'before', '1');
  disk.capacityBytes = 1;
  let refused: string | undefined;
  for (let at = 0; refused !== 'ERR_NO_SPACE' && at < 200; at++) {
    refused = await codeOf(cluster.put('a', `key-${at}`, 'x'.repeat(400)));
  }
  expect(refused).toBe('ERR_NO_SPACE');
  await until('the status says so', () => engine.status.noSpace?.message.includes('segment of the log') === true);
  expect(engine.status.state).toBe('ready');
  disk.capacityBytes = Infinity;
  await until('it heals', async () => (await codeOf(cluster.put('a', 'after', '2'))) === undefined);
  await until('the status says so', () => engine.status.noSpace === undefined);
});
