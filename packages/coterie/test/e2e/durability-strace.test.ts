import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const program = fileURLToPath(new URL('./processes/solo-puts.mjs', import.meta.url));
const puts = 1_000;

/** Whether strace is here and may trace. */
function canTrace(): boolean {
  const { status } = spawnSync('strace', ['-o', '/dev/null', process.execPath, '--version']);
  return status === 0;
}
const traceable = canTrace();
if (!traceable) console.info('strace is not here or may not trace: that puts reach the disk is not checked');

/** System calls of {@link program} between its two marks, a line each. */
function trace(mode: 'sequential' | 'concurrent'): readonly string[] {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-e2e-'));
  try {
    const output = path.join(folder, 'trace');
    const filter = ['-f', '-y', '-e', 'trace=fdatasync,fsync,pwrite64,openat', '-o', output];
    const command = [process.execPath, program, path.join(folder, 'data'), mode, String(puts)];
    const { status, stderr } = spawnSync('strace', [...filter, ...command], { encoding: 'utf8', timeout: 60_000 });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const lines = fs.readFileSync(output, 'utf8').split('\n');
    const begin = lines.findIndex((line) => line.includes('mark-begin'));
    const end = lines.findIndex((line) => line.includes('mark-end'));
    expect(begin).toBeGreaterThan(-1);
    expect(end).toBeGreaterThan(begin);
    // Files that are written with O_DSYNC are durable without a sync of their own; they may have been opened before the
    // puts.
    const synchronous = lines
      .filter((line) => line.includes('openat(') && /O_D?SYNC/.test(line))
      .map((line) => /= \d+<([^>]+)>/.exec(line)?.[1])
      .filter((file) => file !== undefined);
    return lines.slice(begin, end).filter((line) => isSyncOfLog(line, synchronous));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * A sync of a file of the write-ahead log, or a write to one that syncs by itself. One call counts once, though strace
 * may split it.
 */
function isSyncOfLog(line: string, synchronous: readonly string[]): boolean {
  const [, call, file] = /\b(fdatasync|fsync|pwrite64)\(\d+<([^>]+)>/.exec(line) ?? [];
  if (file === undefined || !/\/wal\//.test(file)) return false;
  return call !== 'pwrite64' || synchronous.includes(file);
}

describe.skipIf(!traceable)('what the kernel sees of a solo peer', () => {
  test('every put that is awaited alone is synced', () => {
    expect(trace('sequential').length).toBeGreaterThanOrEqual(puts);
  });

  test('puts that are under way together share their syncs', () => {
    const syncs = trace('concurrent').length;
    expect(syncs).toBeGreaterThan(0);
    expect(syncs).toBeLessThan(100);
  });
});
