import type { Row } from '../row.js';
import { table } from '../suite.js';

/** What rows of one run say of each other. Only ratios carry over to another machine. */
export function printRatios(rows: readonly Row[]): string {
  const lines: string[][] = [];
  const find = (name: string, clients: number, system = 'coterie', keys?: number): Row | undefined =>
    rows.find(
      (row) =>
        row.case === name &&
        row.clients === clients &&
        row.system === system &&
        (keys === undefined || row.keys === keys),
    );
  const add = (what: string, a: Row | undefined, b: Row | undefined, figure: (row: Row) => number): void => {
    if (a === undefined || b === undefined) return;
    lines.push([what, (figure(a) / figure(b)).toFixed(2)]);
  };
  const rate = (row: Row): number => row.opsPerSec;
  const p50 = (row: Row): number => row.p50Us;
  const p99 = (row: Row): number => row.p99Us;
  for (const other of ['floor', 'etcd-go', 'etcd3']) {
    add(`p50 with 1 client, of ${other}`, find('put', 1), find('put', 1, other), p50);
    for (const clients of [64, 1000]) {
      add(`op/s with ${clients} clients, of ${other}`, find('put', clients), find('put', clients, other), rate);
      add(`p99 with ${clients} clients, of ${other}`, find('put', clients), find('put', clients, other), p99);
    }
  }
  for (const clients of [64, 1000])
    add(`op/s spread over three, of the leader's ${clients}`, find('put-spread', clients), find('put', clients), rate);
  const [few, many] = [1_000, 1_000_000];
  const existing = (clients: number, keys: number): Row | undefined => find('put-existing', clients, 'coterie', keys);
  add('p50 with 1 client on 1,000,000 keys, of 1,000', existing(1, many), existing(1, few), p50);
  add('op/s with 64 clients on 1,000 keys, of 1,000,000', existing(64, few), existing(64, many), rate);
  add('p99 beside pbkdf2, of alone', find('put-pool-busy', 64), find('put-pool', 64), p99);
  const open = rows.find((row) => row.case === 'put-open');
  if (open !== undefined) lines.push(['p99.9 of p50 at 70 % load', (open.p999Us / open.p50Us).toFixed(1)]);
  return lines.length === 0 ? '' : table([['coterie', 'times'], ...lines]);
}
