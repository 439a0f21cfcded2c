import { setTimeout as sleep } from 'node:timers/promises';
import { measureDiskSync, type DiskSync } from '../disk-sync.js';
import { table, type Suite, type SuiteOptions } from '../suite.js';
import { BenchCluster, type BenchMember } from './bench-cluster.js';
import type { Mark } from './member-messages.js';

const clientCounts = [1, 64, 1000];
const keys = 100_000;
const valueBytes = 256;

interface Row {
  readonly clients: number;
  readonly leader: string;
  readonly puts: number;
  readonly putsPerSecond: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly latencyMs: Readonly<Record<'p50' | 'p99' | 'p999' | 'max', number>>;
  /** Of each process; the leader's includes the clients. */
  readonly members: readonly {
    readonly name: string;
    readonly cpuMicrosPerPut: number;
    readonly walSyncs: number;
    readonly rssMiB: number;
  }[];
  /** Write + fdatasync of this file system, right before the row. */
  readonly disk: DiskSync;
}

/**
 * Puts per second and their latency as an application sees them: three processes on one machine, every put synced by a
 * majority before it is acknowledged, the clients in the leader's own process.
 */
export const commitSuite: Suite = {
  summary: 'puts on three processes, by the number of clients',
  async run(options) {
    const cluster = await BenchCluster.start(options.folder);
    try {
      const rows: Row[] = [];
      for (const clients of clientCounts) rows.push(await measure(cluster, clients, options));
      options.print(print(rows));
      return { keys, valueBytes, rows };
    } finally {
      await cluster.close();
    }
  },
};

async function measure(cluster: BenchCluster, clients: number, { quick, folder, signal }: SuiteOptions): Promise<Row> {
  const [warmUpMs, rowMs] = quick ? [1_000, 5_000] : [3_000, 30_000];
  const leader = await cluster.leader(signal);
  const disk = measureDiskSync(folder, quick ? 500 : 2_000);
  await leader.call({ type: 'load', load: { clients, keys, valueBytes } });
  await sleep(warmUpMs, undefined, { signal });
  await marks(cluster);
  await sleep(rowMs, undefined, { signal });
  const found = await marks(cluster);
  await leader.call({ type: 'unload' });
  if ((await cluster.leader(signal)) !== leader) throw new Error('the leader changed while it was measured');
  const own = found.get(leader)!;
  return {
    clients,
    leader: leader.name,
    puts: own.puts,
    putsPerSecond: (own.puts * 1000) / own.ms,
    errors: own.errors,
    latencyMs: { p50: own.p50Ms, p99: own.p99Ms, p999: own.p999Ms, max: own.maxMs },
    members: [...found].map(([member, mark]) => ({
      name: member.name,
      cpuMicrosPerPut: mark.cpuMicros / Math.max(1, own.puts),
      walSyncs: mark.walSyncs,
      rssMiB: mark.rssBytes / 2 ** 20,
    })),
    disk,
  };
}

async function marks(cluster: BenchCluster): Promise<ReadonlyMap<BenchMember, Mark>> {
  const found = await Promise.all(
    cluster.members.map(async (member) => [member, await member.call<Mark>({ type: 'mark' })] as const),
  );
  return new Map(found);
}

function print(rows: readonly Row[]): string {
  const ms = (n: number): string => n.toFixed(n < 10 ? 2 : 1);
  const head = ['clients', 'puts/s', 'p50 ms', 'p99 ms', 'max ms', 'errors', 'puts/sync', 'disk sync p50 ms', 'p99'];
  const perMember = rows[0]?.members.map(({ name }) => name) ?? [];
  head.push(...perMember.map((name) => `CPU µs/put ${name}`), ...perMember.map((name) => `RSS MiB ${name}`));
  const lines = rows.map((row) => {
    const leader = row.members.find(({ name }) => name === row.leader)!;
    const mark = (name: string): string => (name === row.leader ? '*' : '');
    return [
      String(row.clients),
      Math.round(row.putsPerSecond).toLocaleString('en-US'),
      ms(row.latencyMs.p50),
      ms(row.latencyMs.p99),
      ms(row.latencyMs.max),
      String(Object.values(row.errors).reduce((sum, n) => sum + n, 0)),
      (row.puts / Math.max(1, leader.walSyncs)).toFixed(1),
      ms(row.disk.p50Ms),
      ms(row.disk.p99Ms),
      ...row.members.map(({ name, cpuMicrosPerPut }) => `${mark(name)}${cpuMicrosPerPut.toFixed(0)}`),
      ...row.members.map(({ rssMiB }) => rssMiB.toFixed(0)),
    ];
  });
  const errors = rows.flatMap(({ clients, errors: codes }) =>
    Object.entries(codes).map(([code, n]) => `${clients} clients: ${n} × ${code}`),
  );
  const load = `${valueBytes}-byte values, ${keys.toLocaleString('en-US')} keys`;
  const about = `${load}, every put synced by a majority; * the leader, with the clients`;
  return [table([head, ...lines]), ...errors, about].join('\n');
}
