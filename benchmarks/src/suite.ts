import type { Row } from './row.js';

/** What every suite is told. */
export interface SuiteOptions {
  /** Short rows: to see that it runs and roughly where it stands, not to compare. */
  readonly quick: boolean;
  /** How often a row is measured, where a suite takes medians. */
  readonly repeat: number;
  /** Names of the systems to measure; undefined: all that are there. */
  readonly systems: ReadonlySet<string> | undefined;
  /** Names of the cases to measure; undefined: all. */
  readonly cases: ReadonlySet<string> | undefined;
  /** Numbers of clients of the main rows; undefined: those of the suite. */
  readonly clients: readonly number[] | undefined;
  /** Where suites put their data: the disk that is measured. A fresh folder, removed at the end. */
  readonly folder: string;
  /** Fires on Ctrl-C. A suite then stops what it started and throws. */
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}

/** One benchmark suite. `run` prints its table and gives the same as data for `--json`. */
export interface Suite {
  readonly summary: string;
  /** What `SuiteOptions.cases` may name; empty: the suite has no parts that run alone. */
  readonly cases: readonly string[];
  /** What `SuiteOptions.systems` may name; empty: there is nothing to choose. */
  readonly systems: readonly string[];
  run(options: SuiteOptions): Promise<{ readonly rows: readonly (Row | MicroRow)[] } & object>;
}

/** A row of a suite that measures work within one process, without clients. */
export interface MicroRow {
  readonly case: string;
  readonly system: string;
  readonly opsPerSec: number;
  readonly usPerOp: number;
  /** Relative margin of error, percent. */
  readonly marginPercent?: number;
  readonly note?: string;
}

/** Lines up columns: the first to the left, all others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}
