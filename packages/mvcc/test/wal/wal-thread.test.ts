import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AppendBatch } from '@coterie/raft';
import { nodeFileSystem as fs } from '../../src/files/node-files.js';
import { ThreadWalRunner } from '../../src/wal/thread-wal-runner.js';
import { Wal, type WalOptions } from '../../src/wal/wal.js';
import { entries, entry, hardState, owner } from './log-under-test.js';

let base: string;
let dir: string;
const opened: Wal[] = [];
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'coterie-thread-'));
  dir = join(base, 'log');
});
afterEach(async () => {
  for (const wal of opened.splice(0)) await wal.close();
  rmSync(base, { recursive: true, force: true });
});

function open(options: Partial<WalOptions> = {}): Wal {
  const runner = new ThreadWalRunner();
  const wal = Wal.open({ dir, fs, runner, metadata: owner, segmentBytes: 1 << 16, ...options });
  opened.push(wal);
  return wal;
}

let seq = 0;
function append(wal: Wal, batch: Partial<AppendBatch>): Promise<void> {
  return new Promise((resolve, reject) => {
    wal.append({ seq: ++seq, entries: [], mustSync: true, ...batch }, (error) => (error ? reject(error) : resolve()));
  });
}

/** Waits for something that a thread brings about. */
async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 3000 && !what(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(what()).toBe(true);
}

describe('the thread of the log', () => {
  it('writes how far the log is committed with the next batch, and soon where none comes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      const wal = open();
      wal.load();
      const commit = { hardState: hardState(1, 1, 0), mustSync: false };
      const order: string[] = [];
      const first = append(wal, commit).then(() => order.push('commit'));
      // Entries are waited for, with a sync or without.
      await append(wal, { entries: [entry(1, 1, 50)], mustSync: false }).then(() => order.push('entry'));
      await first;
      expect(order).toEqual(['commit', 'entry']);
      // The thread has gone to sleep, most likely: then nothing but the timer wakes it.
      await sleep(50);
      const last = append(wal, commit);
      vi.advanceTimersByTime(20);
      await last;
    } finally {
      vi.useRealTimers();
    }
  });

  it('takes more of those than its memory holds, and all of them before it ends', async () => {
    const wal = open();
    wal.load();
    // 64 bytes each; the ring has 4 MiB.
    const all = Array.from({ length: 80_000 }, () => append(wal, { hardState: hardState(1, 1, 0), mustSync: false }));
    await wal.close();
    await Promise.all(all);
  });

  it('makes ten thousand appends durable in order, many to a sync', async () => {
    const wal = open();
    wal.load();
    const order: number[] = [];
    const all: Promise<void>[] = [];
    for (let i = 1; i <= 10_000; i++) {
      all.push(append(wal, { entries: [entry(i, 1, 50 + (i % 200))] }).then(() => void order.push(i)));
      // A turn of an event loop proposes a few hundred.
      if (i % 250 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(all);
    expect(order).toEqual(Array.from({ length: 10_000 }, (_, i) => i + 1));
    expect(wal.syncCount).toBeGreaterThan(0);
    expect(wal.syncCount).toBeLessThan(2000);
    expect(wal.backlogBytes).toBe(0);
    await wal.close();

    const again = open();
    const { entries: found } = again.load();
    expect(found).toHaveLength(10_000);
    for (const [i, one] of found.entries()) {
      const expected = entry(i + 1, 1, 50 + ((i + 1) % 200));
      if (one.index !== expected.index || Buffer.compare(one.data, expected.data) !== 0) expect(one).toEqual(expected);
    }
    await append(again, { entries: [entry(10_001)] });
  });

  it('takes more than its ring holds, and batches larger than the ring, without changing the order', async () => {
    const wal = open({ segmentBytes: 1 << 22 });
    wal.load();
    const order: number[] = [];
    const sizes = Array.from({ length: 60 }, (_, i) => (i % 10 === 5 ? 5_000_000 : i % 3 === 0 ? 900_000 : 100));
    await Promise.all(
      sizes.map((size, i) =>
        append(wal, { entries: [entry(i + 1, 1, new Uint8Array(size).fill(i + 1))] }).then(() => void order.push(i)),
      ),
    );
    expect(order).toEqual(sizes.map((_, i) => i));
    await wal.close();
    const { entries: found } = open().load();
    expect(found.map(({ data }) => data.length)).toEqual(sizes);
    found.forEach(({ data }, i) => expect(data[data.length - 1]).toBe(i + 1));
  });

  it('lets a moved commit index ride along without a sync', async () => {
    const wal = open();
    wal.load();
    await append(wal, { entries: entries(1, 3), hardState: hardState(1, 1, 0) });
    const syncs = wal.syncCount;
    for (let i = 1; i <= 3; i++) await append(wal, { hardState: hardState(1, 1, i), mustSync: false });
    expect(wal.syncCount).toBe(syncs);
    await wal.close();
    expect(open().load().hardState).toEqual(hardState(1, 1, 3));
  });

  it('removes released segments in the background', async () => {
    const wal = open({ segmentBytes: 8192 });
    wal.load();
    for (let i = 1; i <= 100; i++) await append(wal, { entries: [entry(i, 1, 500)], hardState: hardState(1, 1, i) });
    const before = readdirSync(dir).length;
    expect(before).toBeGreaterThan(5);
    wal.release({ index: 100, term: 1 });
    await until(() => readdirSync(dir).filter((name) => name.endsWith('.wal')).length === 1);
    await wal.close();
    expect(open().load().start).toEqual({ index: 100, term: 1 });
  });

  it('turns an I/O error into ERR_STORAGE for everything pending and later', async () => {
    const wal = open({ segmentBytes: 4096 });
    wal.load();
    await append(wal, { entries: [entry(1)] });
    // The next segment cannot be created any more.
    rmSync(dir, { recursive: true });
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) => append(wal, { entries: [entry(i + 2, 1, 500)] })),
    );
    const failed = results.findIndex(({ status }) => status === 'rejected');
    expect(failed).toBeGreaterThan(-1);
    for (const result of results.slice(failed)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_STORAGE' } });
    }
    await expect(append(wal, { entries: [entry(50)] })).rejects.toMatchObject({ code: 'ERR_STORAGE' });
    expect(wal.backlogBytes).toBe(0);
    await wal.close();
  });

  it('when it dies fails what is pending, and what was acknowledged is there', async () => {
    let thread: Worker | undefined;
    process.once('worker', (worker) => (thread = worker));
    const wal = open();
    wal.load();
    await append(wal, { entries: entries(1, 10) });
    const pending = Array.from({ length: 200 }, (_, i) => append(wal, { entries: [entry(11 + i, 1, 2000)] }));
    const settled = Promise.allSettled(pending);
    // Nothing in this process ends the thread behind the runner's back; a crash of it does.
    expect(await thread?.terminate()).toBe(1);
    const results = await settled;
    const acknowledged = results.findIndex(({ status }) => status === 'rejected');
    for (const result of results.slice(acknowledged === -1 ? 200 : acknowledged)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_STORAGE' } });
    }
    await expect(append(wal, { entries: [entry(500)] })).rejects.toMatchObject({ code: 'ERR_STORAGE' });
    await wal.close();
    const { entries: found } = open().load();
    expect(found.length).toBeGreaterThanOrEqual(10 + (acknowledged === -1 ? 200 : acknowledged));
  });

  it('that cannot start is an error and not a hang', async () => {
    const wal = open();
    wal.load();
    await wal.close();
    const runner = new ThreadWalRunner();
    const failed = await new Promise<Error>((resolve) => {
      const nowhere = join(base, 'nowhere');
      const init = { dir: nowhere, segmentBytes: 4096, sequence: 9, offset: 0, capacity: 4096, headLength: 0 };
      runner.start(
        { ...init, running: 0, lastIndex: 0, head: { metadata: owner }, full: [], released: 0 },
        { completed: () => undefined, failed: resolve },
      );
    });
    expect(failed).toMatchObject({ code: 'ERR_STORAGE', message: expect.stringContaining('ENOENT') as string });
    await runner.close();
  });

  it('abandon does not wait', async () => {
    const wal = open();
    wal.load();
    const pending = Promise.allSettled([append(wal, { entries: entries(1, 10) })]);
    wal.abandon();
    expect(await pending).toMatchObject([{ status: 'rejected', reason: { code: 'ERR_CLOSED' } }]);
    await wal.close();
  });
});

describe('a process with a log', () => {
  const packageDir = fileURLToPath(new URL('../..', import.meta.url));

  function run(program: string): { readonly output: string; readonly code: number | null } {
    const setUp = `
      import { Wal } from './dist/wal/wal.js';
      import { ThreadWalRunner } from './dist/wal/thread-wal-runner.js';
      import { nodeFileSystem as fs } from './dist/files/node-files.js';
      const options = { dir: ${JSON.stringify(dir)}, fs, metadata: new Uint8Array(4) };
      const wal = Wal.open({ ...options, runner: new ThreadWalRunner() });
      const { entries } = wal.load();
      const append = (index, done) => wal.append(
        { seq: index, mustSync: true, entries: [{ index, term: 1, kind: 'normal', data: new Uint8Array(10) }] }, done);
      ${program}`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', setUp], {
      cwd: packageDir,
      encoding: 'utf8',
      timeout: 30_000,
    });
    return { output: child.stdout + child.stderr, code: child.status };
  }

  it('ends by itself with the log open and idle', () => {
    expect(run(`append(1, (error) => console.log('done', error));`)).toEqual({ output: 'done undefined\n', code: 0 });
  });

  it('does not end while something is on its way to the disk', () => {
    const program = `let left = 300; for (let i = 1; i <= 300; i++) append(i, () => { if (--left === 0) console.log('all'); });`;
    expect(run(program)).toEqual({ output: 'all\n', code: 0 });
    expect(run(`console.log(entries.length);`).output).toBe('300\n');
  });

  it('exits at once when it is told to, whatever the thread does', () => {
    expect(run(`append(1, () => process.exit(7));`)).toEqual({ output: '', code: 7 });
    expect(run(`append(2, () => {}); process.exit(8);`)).toEqual({ output: '', code: 8 });
  });

  it('ends after close', () => {
    expect(run(`append(1, () => {}); await wal.close(); console.log('closed');`)).toEqual({
      output: 'closed\n',
      code: 0,
    });
  });
});
