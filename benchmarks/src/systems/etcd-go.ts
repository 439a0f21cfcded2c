import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { sumOfCodes, type Row } from '../row.js';
import { startServers, stop } from './etcd.js';
import type { SystemOptions } from './system.js';

const run = promisify(execFile);

/** etcd's own load generator, which is no package of Debian's. */
export const goBenchmark = (): string | undefined => process.env.ETCD_BENCHMARK_BIN;

/** What is asked of it. */
export interface GoRow {
  readonly clients: number;
  readonly keys: number;
  readonly valueBytes: number;
  readonly puts: number;
}

/** A row through etcd's own Go client, on the leader: etcd without the cost of a client in Node. */
export async function measureGo(
  program: string,
  { clients, keys, valueBytes, puts }: GoRow,
  options: SystemOptions,
): Promise<Row> {
  const servers = await startServers(options.folder, options.signal);
  try {
    const { stdout } = await run(
      program,
      [
        ...['--endpoints', servers.leader.client, '--target-leader', '--precise'],
        ...['--conns', String(Math.min(clients, 100)), '--clients', String(clients)],
        ...['put', '--key-size', '12', '--val-size', String(valueBytes)],
        ...['--key-space-size', String(keys), '--total', String(puts)],
      ],
      { signal: options.signal, maxBuffer: 16 << 20 },
    );
    return parseGoReport(stdout, { clients, keys, valueBytes, puts });
  } finally {
    await stop(servers.all);
  }
}

/** Under its own heading, a line for each message of an error: `[how often]`, a tab, the message. */
function parseErrors(report: string): Readonly<Record<string, number>> {
  const [, listed = ''] = report.split(/^Error distribution:$/m);
  return sumOfCodes([...listed.matchAll(/^\s*\[(\d+)\]\t(.*)$/gm)].map(([, n, what]) => ({ [what!]: Number(n) })));
}

/** @throws Error when the report has another shape, as when no put succeeded */
export function parseGoReport(report: string, { clients, keys, valueBytes }: GoRow): Row {
  const number = (pattern: RegExp, what: string): number => {
    const found = pattern.exec(report)?.[1];
    if (found === undefined) throw new Error(`no ${what} in the report of etcd's benchmark:\n${report}`);
    return Number(found);
  };
  const percentile = (p: string): number =>
    1e6 * number(new RegExp(`^\\s*${p}%\\s+in\\s+([\\d.e-]+) secs`, 'm'), `${p} % latency`);
  const codes = parseErrors(report);
  return {
    case: 'put',
    system: 'etcd-go',
    clients,
    members: 3,
    valueBytes,
    keys,
    seconds: number(/Total:\s+([\d.]+) secs/, 'total'),
    opsPerSec: number(/Requests\/sec:\s+([\d.]+)/, 'rate'),
    p50Us: percentile('50'),
    p99Us: percentile('99'),
    p999Us: percentile('99\\.9'),
    maxUs: 1e6 * number(/Slowest:\s+([\d.e-]+) secs/, 'slowest'),
    errors: Object.values(codes).reduce((sum, n) => sum + n, 0),
    ...(Object.keys(codes).length === 0 ? {} : { errorCodes: codes }),
  };
}
