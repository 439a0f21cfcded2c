import fs from 'node:fs';

/** Keys of the demo begin with this. */
export const prefix = 'packages/';

/** A package of a lock file: where it is installed, and what the lock file says of it. */
export interface PackageEntry {
  readonly key: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The packages of the repository's own lock file. The root's own entry has no path there and takes its name. */
export function readLockFile(): PackageEntry[] {
  const file = new URL('../../../package-lock.json', import.meta.url);
  const { packages } = JSON.parse(fs.readFileSync(file, 'utf8')) as {
    packages: Record<string, Record<string, unknown> & { name?: string }>;
  };
  return Object.entries(packages).map(([path, fields]) => ({
    key: `${prefix}${path || (fields.name ?? '.')}`,
    fields,
  }));
}

/**
 * The value of one attempt: the package's JSON with the pass and the attempt in it. The same arguments give the same
 * text.
 */
export function valueOf({ fields }: PackageEntry, pass: number, attempt: number): string {
  return JSON.stringify({ ...fields, load: { pass, attempt } });
}

/** The attempt that a value is of; undefined when it is no value of ours. */
export function attemptOf(value: string): number | undefined {
  const { load } = JSON.parse(value) as { load?: { attempt?: unknown } };
  return typeof load?.attempt === 'number' ? load.attempt : undefined;
}
