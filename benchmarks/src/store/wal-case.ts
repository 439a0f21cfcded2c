import { nodeFileSystem, ThreadWalRunner, Wal } from '@coterie/mvcc';
import type { Entry } from '@coterie/raft';
import fs from 'node:fs';
import path from 'node:path';
import type { StoreFigure } from './store-messages.js';

const recordBytes = 300;
const segmentBytes = 64 << 20;

/**
 * The log, and beside it the same bytes by bare write and fdatasync into a preallocated file: batches of so many
 * records, one after the other, each waited for.
 */
export async function measureLog(dir: string, batch: number, ms: number): Promise<readonly StoreFigure[]> {
  // Turn about, so that a slow moment of the disk meets both.
  const rounds = 5;
  const log = await openLog(path.join(dir, 'wal'));
  const bare = openBare(path.join(dir, 'bare'));
  const data = Buffer.alloc(recordBytes, 7);
  const made = { log: 0, bare: 0 };
  try {
    for (let round = 0; round < rounds; round++) {
      made.log += await batchesIn(ms / rounds, () => log.append(batch, data));
      made.bare += await batchesIn(ms / rounds, () => bare.append(batch * (recordBytes + 32)));
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
  const share = `${((100 * made.log) / made.bare).toFixed(0)} % of write + fdatasync`;
  return [{ ...figure('log', made.log), note: share }, figure('write + fdatasync', made.bare)];
}

async function batchesIn(ms: number, append: () => Promise<void>): Promise<number> {
  const until = performance.now() + ms;
  let batches = 0;
  for (; performance.now() < until; batches++) await append();
  return batches;
}

async function openLog(
  dir: string,
): Promise<{ append(count: number, data: Uint8Array): Promise<void>; close(): Promise<void> }> {
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
