import { nodeFileSystem, ThreadWalRunner, Wal } from '@coterie/mvcc';
import type { Entry } from '@coterie/raft';
import fs from 'node:fs';
import path from 'node:path';
import type { StoreFigure } from './store-messages.js';

const recordBytes = 300;
const segmentBytes = 64 << 20;

/**
 * Batches on their way to the log at a time, where it is fed as a leader feeds it: the next one while one is synced.
 */
const fedAhead = 4;

/**
 * The log, and beside it the same bytes by bare write and fdatasync into a preallocated file that is written over again
 * and again: batches of so many records. The log gets them one after the other, each waited for, and then some ahead;
 * it never writes to the same place twice.
 */
export async function measureLog(dir: string, batch: number, ms: number): Promise<readonly StoreFigure[]> {
  // Turn about, so that a slow moment of the disk meets both.
  const rounds = 5;
  const log = await openLog(path.join(dir, 'wal'));
  const bare = openBare(path.join(dir, 'bare'));
  const data = Buffer.alloc(recordBytes, 7);
  const made = { log: 0, fed: 0, bare: 0 };
  const syncs = { log: 0, fed: 0 };
  try {
    for (let round = 0; round < rounds; round++) {
      const waited = await synced(log, () => batchesIn(ms / rounds, 1, () => log.append(batch, data)));
      const fed = await synced(log, () => batchesIn(ms / rounds, fedAhead, () => log.append(batch, data)));
      made.log += waited.batches;
      syncs.log += waited.syncs;
      made.fed += fed.batches;
      syncs.fed += fed.syncs;
      made.bare += await batchesIn(ms / rounds, 1, () => bare.append(batch * (recordBytes + 32)));
    }
  } finally {
    await log.close();
    bare.close();
  }
  const figure = (name: string, batches: number): StoreFigure => ({
    case: `${name}, batches of ${batch}`,
    opsPerSec: (batches * batch * 1000) / ms,
    bytesPerSec: (batches * batch * recordBytes * 1000) / ms,
  });
  const share = (batches: number, syncCount: number): string =>
    `${((100 * batches) / made.bare).toFixed(0)} % of write + fdatasync; ${(batches / syncCount).toFixed(1)} batches a sync`;
  return [
    { ...figure('log', made.log), note: share(made.log, syncs.log) },
    { ...figure(`log, ${fedAhead} ahead`, made.fed), note: share(made.fed, syncs.fed) },
    figure('write + fdatasync', made.bare),
  ];
}

/** @param ahead how many are on their way at a time @returns how many were done in time */
async function batchesIn(ms: number, ahead: number, append: () => Promise<void>): Promise<number> {
  const until = performance.now() + ms;
  let batches = 0;
  const one = async (): Promise<void> => {
    for (; performance.now() < until; batches++) await append();
  };
  await Promise.all(Array.from({ length: ahead }, one));
  return batches;
}

interface Synced {
  readonly batches: number;
  readonly syncs: number;
}

async function synced(log: OpenLog, run: () => Promise<number>): Promise<Synced> {
  const before = log.syncs();
  const batches = await run();
  return { batches, syncs: log.syncs() - before };
}

interface OpenLog {
  append(count: number, data: Uint8Array): Promise<void>;
  /** Syncs so far. */
  syncs(): number;
  close(): Promise<void>;
}

async function openLog(dir: string): Promise<OpenLog> {
  const wal = Wal.open({
    dir,
    fs: nodeFileSystem,
    runner: new ThreadWalRunner(),
    metadata: new Uint8Array(0),
    segmentBytes,
  });
  wal.load();
  let index = 0;
  let seq = 0;
  await Promise.resolve();
  return {
    append: (count, data) =>
      new Promise((resolve, reject) => {
        const entries = Array.from({ length: count }, (): Entry => ({ term: 1, index: ++index, kind: 'normal', data }));
        wal.append({ seq: ++seq, entries, mustSync: true }, (error) =>
          error === undefined ? resolve() : reject(error),
        );
      }),
    syncs: () => wal.syncCount,
    close: () => wal.close(),
  };
}

function openBare(file: string): { append(bytes: number): Promise<void>; close(): void } {
  const fd = fs.openSync(file, 'w');
  fs.writeSync(fd, Buffer.alloc(segmentBytes));
  fs.fsyncSync(fd);
  let offset = 0;
  return {
    append(bytes) {
      if (offset + bytes > segmentBytes) offset = 0;
      fs.writeSync(fd, Buffer.alloc(bytes, 7), 0, bytes, offset);
      fs.fdatasyncSync(fd);
      offset += bytes;
      return Promise.resolve();
    },
    close: () => fs.closeSync(fd),
  };
}
