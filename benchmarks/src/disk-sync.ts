import fs from 'node:fs';
import path from 'node:path';

/** What one write and its sync take on a file system with nothing in between, ms. */
export interface DiskSync {
  readonly samples: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const writeBytes = 512;
/** Written and synced before: a sync into allocated space is what a log that preallocates pays. */
const fileBytes = 8 << 20;

/** Measures write + fdatasync at advancing offsets of a preallocated file, one at a time, synchronously. */
export function measureDiskSync(folder: string, forMs: number): DiskSync {
  const file = path.join(folder, 'disk-sync');
  const fd = fs.openSync(file, 'w');
  try {
    fs.writeSync(fd, Buffer.alloc(fileBytes));
    fs.fsyncSync(fd);
    const bytes = Buffer.alloc(writeBytes, 1);
    const took: number[] = [];
    const until = performance.now() + forMs;
    for (let offset = 0; performance.now() < until; offset = (offset + writeBytes) % fileBytes) {
      const begun = performance.now();
      fs.writeSync(fd, bytes, 0, writeBytes, offset);
      fs.fdatasyncSync(fd);
      took.push(performance.now() - begun);
    }
    took.sort((a, b) => a - b);
    const at = (share: number): number => took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0;
    return { samples: took.length, p50Ms: at(0.5), p99Ms: at(0.99) };
  } finally {
    fs.closeSync(fd);
    fs.rmSync(file);
  }
}
