import { table } from './suite.js';

/** One measured case of one system, as `--json` writes it. Figures that a system cannot tell are left out. */
export interface Row {
  readonly case: string;
  readonly system: string;
  readonly clients: number;
  readonly members: number;
  readonly valueBytes: number;
  /** Size of the key space. */
  readonly keys: number;
  readonly seconds: number;
  readonly opsPerSec: number;
  /** The rate at which puts began, where it was not the system that set it: an open loop. */
  readonly offeredPerSec?: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  readonly errors: number;
  /** By error code. */
  readonly errorCodes?: Readonly<Record<string, number>>;
  /** Syncs of the log of the member that carries most of the load. */
  readonly syncs?: number;
  readonly opsPerSync?: number;
  /** Of all processes that serve, and of the one that leads; both with the clients where these live inside. */
  readonly cpuUsPerOp?: number;
  readonly leaderCpuUsPerOp?: number;
  /** Single-key reads and writes of the ordered store for each operation, on the leader. */
  readonly levelOpsPerOp?: number;
  /** Checkpoints of the member that made fewest. */
  readonly checkpoints?: number;
  /** How much more the leader's log has still to write at the end than at the start. */
  readonly backlogBytes?: number;
  /** The longest time for which the leader's event loop was not free. */
  readonly loopStallMs?: number;
  /** The largest of all members. */
  readonly rssMiB?: number;
  /** How many runs this is the median of, and how far apart the fastest and the slowest are, in parts of the median. */
  readonly runs?: number;
  readonly spread?: number;
  /** Something that a reader of the figures must know. */
  readonly note?: string;
}

const number = (n: number | undefined, digits = 0): string =>
  n === undefined ? '' : n.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });

const columns: readonly (readonly [string, (row: Row) => string])[] = [
  ['case', (row) => row.case],
  ['system', (row) => row.system],
  ['clients', (row) => number(row.clients)],
  ['keys', (row) => number(row.keys)],
  ['s', (row) => number(row.seconds)],
  ['op/s', (row) => number(row.opsPerSec)],
  ['±', (row) => (row.spread === undefined ? '' : `${Math.round(row.spread * 50)} %`)],
  ['p50 µs', (row) => number(row.p50Us)],
  ['p99 µs', (row) => number(row.p99Us)],
  ['p99.9 µs', (row) => number(row.p999Us)],
  ['max ms', (row) => number(row.maxUs / 1000, 1)],
  ['errors', (row) => number(row.errors)],
  ['op/sync', (row) => number(row.opsPerSync, 1)],
  ['CPU µs/op', (row) => number(row.cpuUsPerOp, 1)],
  ['leader', (row) => number(row.leaderCpuUsPerOp, 1)],
  ['level/op', (row) => number(row.levelOpsPerOp, 2)],
  ['ckpt', (row) => number(row.checkpoints)],
  ['stall ms', (row) => number(row.loopStallMs, 1)],
  ['MiB', (row) => number(row.rssMiB)],
];

/** The rows as one table, with their notes below. Columns that no row has are left out. */
export function printRows(rows: readonly Row[]): string {
  const used = columns.filter(([, show]) => rows.some((row) => show(row) !== ''));
  const lines = rows.map((row) => used.map(([, show]) => show(row)));
  const codes = (row: Row): string[] => Object.entries(row.errorCodes ?? {}).map(([code, n]) => `${n} × ${code}`);
  const notes = rows
    .map((row) => ({ row, texts: [...(row.note === undefined ? [] : [row.note]), ...codes(row)] }))
    .filter(({ texts }) => texts.length > 0)
    .map(({ row, texts }) => `${row.case}, ${row.system}, ${row.clients} clients: ${texts.join('; ')}`);
  return [table([used.map(([title]) => title), ...lines]), ...notes].join('\n');
}

/** The longest of all runs is the longest: a median would say that it did not happen. */
const longest = ['maxUs', 'loopStallMs'] as const;

/**
 * Each figure the median of the same figure of all runs, but for the longest times; what is counted or said of one run
 * is counted or said of the row.
 */
export function medianRow(rows: readonly Row[]): Row {
  const [first] = rows;
  if (first === undefined) throw new Error('a median of no rows');
  if (rows.length === 1) return first;
  const merged: Record<string, unknown> = { ...first };
  for (const name of Object.keys(first) as (keyof Row)[]) {
    const values = rows.map((row) => row[name]).filter((value) => typeof value === 'number');
    if (values.length === rows.length) merged[name] = median(values);
  }
  for (const name of longest) {
    const values = rows.flatMap((row) => row[name] ?? []);
    if (values.length > 0) merged[name] = Math.max(...values);
  }
  const codes = sumOfCodes(rows.map((row) => row.errorCodes ?? {}));
  if (Object.keys(codes).length > 0) merged.errorCodes = codes;
  const notes = new Set(rows.flatMap((row) => row.note ?? []));
  if (notes.size > 0) merged.note = [...notes].join('; ');
  const rates = rows.map((row) => row.opsPerSec);
  merged.errors = rows.reduce((sum, row) => sum + row.errors, 0);
  merged.runs = rows.length;
  merged.spread = (Math.max(...rates) - Math.min(...rates)) / median(rates);
  return merged as unknown as Row;
}

/** How often each code was counted, of several counts. */
export function sumOfCodes(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const codes of counts) for (const [code, n] of Object.entries(codes)) sum[code] = (sum[code] ?? 0) + n;
  return sum;
}

/** The one in the middle, or the mean of the two there. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1]!, sorted[sorted.length >> 1]!];
  return (low + high) / 2;
}
