import { afterEach, expect, test } from 'vitest';
import { codeOf, SmallCluster, until } from './small-cluster.js';

let cluster: SmallCluster;

afterEach(() => cluster.close());

async function threeFilled(): Promise<SmallCluster> {
  cluster = new SmallCluster(['a', 'b', 'c']);
  await cluster.openAll();
  await cluster.fill(cluster.leader, 40);
  const last = cluster.engine(cluster.leader).replica!.node.commitIndex;
  await until('all are level', () =>
    [...cluster.engines.values()].every(({ replica }) => (replica?.node.appliedIndex ?? 0) >= last),
  );
  return cluster;
}

/** Everything that a member's log has promised: it must be the same behind a rebuild. */
function promised(name: string): { readonly term: number; readonly lastIndex: number } {
  const { term, lastIndex } = cluster.engine(name).replica!.node.status();
  return { term, lastIndex };
}

async function rebuilt(name: string): Promise<void> {
  await until(`${name} serves again`, async () => {
    const engine = cluster.engine(name);
    return engine.status.state === 'ready' && (await cluster.get(name, 'key-3').catch(() => undefined)) === 'v3';
  });
  await cluster.put(name, 'after', name);
  for (const each of cluster.engines.keys())
    await until(`${each} has it`, async () => (await cluster.get(each, 'after').catch(() => '')) === name);
  const hashes = new Map<number, Set<number>>();
  for (const { replica } of cluster.engines.values()) {
    const { index, chain, content } = replica!.machine.stateHash();
    hashes.set(index, (hashes.get(index) ?? new Set()).add(chain).add(content));
  }
  for (const values of hashes.values()) expect(values.size).toBeLessThanOrEqual(2);
}

test.each(['follower', 'leader'] as const)(
  'a damaged record on a %s is never served; the member heals',
  async (who) => {
    await threeFilled();
    const name = who === 'leader' ? cluster.leader : cluster.followers[0]!;
    const machine = cluster.machines[name]!;
    const before = promised(name);
    await cluster.damage(name, 'key-3');
    const states: string[] = [];
    const stream = cluster.engine(name).statuses(null);
    void (async () => {
      for (let next = await stream.next(); next !== undefined; next = await stream.next())
        states.push(...next.map(({ state, rebuild }) => `${state} ${rebuild?.reason.code ?? ''}`));
    })();
    expect(await codeOf(cluster.get(name, 'key-3'))).toBe('ERR_CORRUPT');
    await until('it rebuilds', () => states.includes('rebuilding ERR_CORRUPT'));
    await rebuilt(name);
    const after = promised(name);
    expect(after.term).toBeGreaterThanOrEqual(before.term);
    expect(after.lastIndex).toBeGreaterThanOrEqual(before.lastIndex);
    expect(machine.storage().condemned()).toBeUndefined();
  },
);

test('while it rebuilds every call says so, and the next ones go through', async () => {
  await threeFilled();
  const [name = ''] = cluster.followers;
  await cluster.damage(name, 'key-3');
  await codeOf(cluster.get(name, 'key-3'));
  const engine = cluster.engine(name);
  expect(engine.status.state).toBe('rebuilding');
  expect(await codeOf(cluster.put(name, 'x', 'y'))).toBe('ERR_CORRUPT');
  expect(await codeOf(cluster.get(name, 'key-4'))).toBe('ERR_CORRUPT');
  expect(await codeOf(engine.ready(null, { timeoutMs: 100 }))).toBe('ERR_CORRUPT');
  await rebuilt(name);
});

test('damaged history and a damaged checkpoint are found at a start, and are healed by it', async () => {
  await threeFilled();
  const [name = ''] = cluster.followers;
  const machine = cluster.machines[name]!;
  for (const damage of [
    () => expect(machine.ordered.flipBit(machine.kv, 'mcheckpoint', 100)).toBe(true),
    () => {
      const { files } = machine.disk;
      const file = files.open('data/store/CURRENT', 'write');
      files.write(file, Buffer.from('garbage!'), 0);
      files.close(file);
    },
    () => machine.disk.files.unlink(machine.history),
  ]) {
    await cluster.engine(name).close();
    damage();
    await cluster.open(name);
    expect(cluster.engine(name).status.state).toBe('rebuilding');
    await rebuilt(name);
  }
});

test('a process that dies in a rebuild goes on with it at the next start', async () => {
  await threeFilled();
  const [name = ''] = cluster.followers;
  const machine = cluster.machines[name]!;
  await cluster.damage(name, 'key-3');
  // Nobody can give it anything.
  for (const other of [...cluster.engines.keys()].filter((each) => each !== name)) await cluster.engine(other).close();
  await codeOf(cluster.get(name, 'key-3'));
  await until('it asks', () => (cluster.engine(name).status.rebuild?.attempts ?? 0) > 0);
  await cluster.engine(name).close();
  expect(machine.storage().condemned()?.checkpoint).toBeGreaterThan(0);
  await Promise.all(Object.keys(cluster.peers).map((each) => cluster.open(each)));
  expect(cluster.engine(name).status.state).toBe('rebuilding');
  await rebuilt(name);
});

test('a peer alone says that nobody can help, and stays as it is', async () => {
  cluster = new SmallCluster(['a']);
  await cluster.openAll();
  await cluster.fill('a', 30);
  const machine = cluster.machines['a']!;
  await cluster.damage('a', 'key-3');
  expect(await codeOf(cluster.get('a', 'key-3'))).toBe('ERR_CORRUPT');
  const { reason, error } = await cluster.engine('a').stopped(null, {});
  expect({ reason, code: error?.code }).toEqual({ reason: 'failed', code: 'ERR_CORRUPT' });
  expect(error?.message).toContain('no other member');
  expect(machine.storage().condemned()).toBeUndefined();
});

test('a damaged log is no reason to rebuild the state: the member refuses to start', async () => {
  await threeFilled();
  const [name = ''] = cluster.followers;
  const machine = cluster.machines[name]!;
  await cluster.engine(name).close();
  const log = machine.disk.paths.filter((path) => path.endsWith('.wal')).at(-1)!;
  machine.disk.flipBit(log, 8 * 700);
  expect(await codeOf(cluster.open(name))).toBe('ERR_CORRUPT');
  expect(machine.storage().condemned()).toBeUndefined();
  cluster.engines.delete(name);
});
