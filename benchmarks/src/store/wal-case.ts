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
 * The log, and beside it the same bytes by bare write and fdatasync: appended to a file that grows, and into one that
 * is written over again and again, which no log can do. Batches of so many records; the log gets them one after the
 * other, each waited for, and then some ahead.
 */
export async function measureLog(dir: string, batch: number, ms: number): Promise<readonly StoreFigure[]> {
  // Turn about, so that a slow moment of the disk meets both.
  const rounds = 5;
  const log = await openLog(path.join(dir, 'wal'));
  const grown = openBare(path.join(dir, 'grown'), 0);
  const bare = openBare(path.join(dir, 'bare'), segmentBytes);
  const data = Buffer.alloc(recordBytes, 7);
  const made = { log: 0, fed: 0, grown: 0, bare: 0 };
  const syncs = { log: 0, fed: 0 };
  try {
    for (let round = 0; round < rounds; round++) {
      const waited = await synced(log, () => batchesIn(ms / rounds, 1, () => log.append(batch, data)));
      const fed = await synced(log, () => batchesIn(ms / rounds, fedAhead, () => log.append(batch, data)));
      made.log += waited.batches;
      syncs.log += waited.syncs;
      made.fed += fed.batches;
      syncs.fed += fed.syncs;
      made.grown += await batchesIn(ms / rounds, 1, () => grown.append(batch * (recordBytes + 32)));
      made.bare += await batchesIn(ms / rounds, 1, () => bare.append(batch * (recordBytes + 32)));
    }
  } finally {
    await log.close();
    grown.close();
    bare.close();
  }
  const figure = (name: string, batches: number): StoreFigure => ({
    case: `${name}, batches of ${batch}`,
    opsPerSec: (batches * batch * 1000) / ms,
    bytesPerSec: (batches * batch * recordBytes * 1000) / ms,
  });
  const percent = (part: number, whole: number): string => ((100 * part) / whole).toFixed(0);
  const share = (batches: number, syncCount: number): string =>
    `${percent(batches, made.grown)} % of appending, ${percent(batches, made.bare)} % of overwriting, ${(batches / syncCount).toFixed(1)} batches a sync`;
  return [
    { ...figure('log', made.log), note: share(made.log, syncs.log) },
    { ...figure(`log, ${fedAhead} ahead`, made.fed), note: share(made.fed, syncs.fed) },
    figure('append + fdatasync', made.grown),
    figure('overwrite + fdatasync', made.bare),
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

/** @param prepared bytes that are there already and are written over; 0: the file grows */
function openBare(file: string, prepared: number): { append(bytes: number): Promise<void>; close(): void } {
  const fd = fs.openSync(file, 'w');
  fs.writeSync(fd, Buffer.alloc(prepared));
  fs.fsyncSync(fd);
  let offset = 0;
  return {
    append(bytes) {
      if (prepared > 0 && offset + bytes > prepared) offset = 0;
      fs.writeSync(fd, Buffer.alloc(bytes, 7), 0, bytes, offset);
      fs.fdatasyncSync(fd);
      offset += bytes;
      return Promise.resolve();
    },
    close: () => fs.closeSync(fd),
  };
}
