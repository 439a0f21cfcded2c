import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../free-ports.js';
import type { Mark } from '../load/worker-messages.js';
import { startWorkers, Worker } from '../load/worker.js';
import type { EtcdClientOptions } from './etcd-client.js';
import type { RunningSystem, System, SystemMark } from './system.js';

const clientModule = new URL('./etcd-client.js', import.meta.url);
const names = ['a', 'b', 'c'];
const readyMsMax = 20_000;
/** Linux counts the CPU time of others in hundredths of a second. */
const tickMicros = 10_000;

/** Where etcd's server is: `ETCD_BIN`, or in the path. */
const binary = (): string => process.env.ETCD_BIN ?? 'etcd';

interface Server {
  readonly name: string;
  readonly client: string;
  readonly child: ChildProcess;
}

/**
 * Three members of etcd, and clients through npm's `etcd3` in a process of their own, with retries off, on the leader's
 * endpoint.
 */
export const etcd: System = {
  name: 'etcd3',
  members: names.length,
  unavailable() {
    try {
      execFileSync(binary(), ['--version'], { stdio: 'ignore' });
      return undefined;
    } catch {
      return `there is no ${binary()}: install etcd-server, or name the program in ETCD_BIN`;
    }
  },
  async start({ folder, signal }) {
    const servers = await startServers(folder, signal);
    const endpoints = [servers.leader, ...servers.all.filter((server) => server !== servers.leader)];
    const workers = endpoints.map(({ name, client }) => {
      const options: EtcdClientOptions = { url: client };
      return new Worker(`clients of ${name}`, clientModule, options);
    });
    try {
      return new EtcdCluster(servers, await startWorkers(workers));
    } catch (error) {
      await stop(servers.all);
      throw error;
    }
  },
};

/** Members that have a leader. */
export interface EtcdServers {
  readonly all: readonly Server[];
  readonly leader: Server;
}

/** Starts three members and waits until they have a leader. */
export async function startServers(folder: string, signal: AbortSignal): Promise<EtcdServers> {
  const ports = await freePorts(2 * names.length);
  const url = (port: number): string => `http://127.0.0.1:${port}`;
  const cluster = names.map((name, i) => `${name}=${url(ports[2 * i]!)}`).join();
  const all = names.map((name, i): Server => {
    const [peer, client] = [url(ports[2 * i]!), url(ports[2 * i + 1]!)];
    const args = [
      ...['--name', name, '--data-dir', path.join(folder, `etcd-${name}`)],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--initial-cluster', cluster, '--initial-cluster-state', 'new'],
      // Its own default of 2 GiB is reached by the long rows.
      ...['--quota-backend-bytes', String(8 * 2 ** 30)],
      ...['--log-level', 'error'],
    ];
    return { name, client, child: spawn(binary(), args, { stdio: 'ignore' }) };
  });
  try {
    return { all, leader: await leaderOf(all, signal) };
  } catch (error) {
    await stop(all);
    throw error;
  }
}

/** Ends the members, and waits for that. */
export async function stop(servers: readonly Server[]): Promise<void> {
  await Promise.all(
    servers.map(async ({ child }) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }),
  );
}

async function leaderOf(servers: readonly Server[], signal: AbortSignal): Promise<Server> {
  const until = performance.now() + readyMsMax;
  for (;;) {
    for (const server of servers) {
      const metrics = await metricsOf(server).catch(() => undefined);
      if (metrics?.get('etcd_server_is_leader') === 1) return server;
    }
    if (performance.now() > until) throw new Error(`etcd has no leader within ${readyMsMax} ms`);
    await sleep(100, undefined, { signal });
  }
}

async function metricsOf({ client }: Server): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${client}/metrics`)).text();
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    const space = line.lastIndexOf(' ');
    if (!line.startsWith('#') && space > 0) found.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return found;
}

/** CPU of a process so far. Undefined where the system does not tell it. */
function cpuMicrosOf({ child }: Server): number | undefined {
  try {
    const fields =
      fs
        .readFileSync(`/proc/${child.pid ?? 0}/stat`, 'utf8')
        .split(') ')[1]
        ?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * tickMicros;
  } catch {
    return undefined;
  }
}

function rssBytesOf({ child }: Server): number {
  try {
    const found = /VmRSS:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${child.pid ?? 0}/status`, 'utf8'));
    return Number(found?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

class EtcdCluster implements RunningSystem {
  readonly #servers: EtcdServers;
  readonly #workers: readonly Worker[];
  #last = { cpuMicros: 0, leaderCpuMicros: 0, syncs: 0 };

  constructor(servers: EtcdServers, workers: readonly Worker[]) {
    this.#servers = servers;
    this.#workers = workers;
  }

  loaders(): Promise<readonly Worker[]> {
    return Promise.resolve(this.#workers);
  }

  async mark(): Promise<SystemMark> {
    const { all, leader } = this.#servers;
    const metrics = await metricsOf(leader);
    if (metrics.get('etcd_server_is_leader') !== 1) throw new Error('the leader changed while it was measured');
    const now = {
      cpuMicros: all.reduce((sum, server) => sum + (cpuMicrosOf(server) ?? 0), 0),
      leaderCpuMicros: cpuMicrosOf(leader) ?? 0,
      syncs: metrics.get('etcd_disk_wal_fsync_duration_seconds_count') ?? 0,
    };
    const last = this.#last;
    this.#last = now;
    const loaders = await Promise.all(this.#workers.map((worker) => worker.call<Mark>({ type: 'mark' })));
    const first = loaders[0]!;
    return {
      loaders,
      leader: {
        ...first,
        cpuMicros: now.leaderCpuMicros - last.leaderCpuMicros,
        counts: { walSyncs: now.syncs - last.syncs },
      },
      cpuMicros: now.cpuMicros - last.cpuMicros,
      rssBytes: Math.max(...all.map(rssBytesOf)),
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
    await stop(this.#servers.all);
  }
}
