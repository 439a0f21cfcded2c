import type { AppendBatch, ConfState, Entry, HardState, LoadedLog, SnapshotMeta } from '@coterie/raft';
import type { FileSystem } from '../../src/files/file-system.js';
import { InlineWalRunner, type WalStep } from '../../src/wal/inline-wal-runner.js';
import { Wal, type WalOptions } from '../../src/wal/wal.js';
import { VirtualTime } from '../files/virtual-time.js';

export const owner = Uint8Array.of(7, 7, 7, 7);
export const noConf: ConfState = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

export function entry(index: number, term = 1, data: Uint8Array | number = 20): Entry {
  const bytes =
    typeof data === 'number' ? Uint8Array.from({ length: data }, (_, i) => ((index * 31 + i) % 250) + 1) : data;
  return { index, term, kind: 'normal', data: bytes };
}

export function entries(from: number, count: number, term = 1, bytes = 20): Entry[] {
  return Array.from({ length: count }, (_, i) => entry(from + i, term, bytes));
}

export function hardState(term: number, vote: number, commit: number): HardState {
  return { term, vote, commit };
}

export interface LogOptions extends Partial<Omit<WalOptions, 'dir' | 'fs' | 'runner'>> {
  readonly latencyMs?: (step: WalStep) => number;
}

/** A log in virtual time on any file system, and a record of what it was asked to do and what it said was done. */
export class LogUnderTest {
  readonly time = new VirtualTime();
  readonly wal: Wal;
  readonly runner: InlineWalRunner;
  readonly loaded: LoadedLog;
  /** Sequence numbers of batches, in the order in which they were done. */
  readonly done: number[] = [];
  readonly errors: Error[] = [];
  #seq = 0;

  constructor(fs: FileSystem, dir: string, { latencyMs, ...options }: LogOptions = {}) {
    this.runner = new InlineWalRunner({ fs, schedule: this.time.schedule, ...(latencyMs ? { latencyMs } : {}) });
    this.wal = Wal.open({ dir, fs, runner: this.runner, metadata: owner, segmentBytes: 4096, ...options });
    this.loaded = this.wal.load();
  }

  append(batch: {
    readonly entries?: readonly Entry[];
    readonly hardState?: HardState;
    readonly snapshot?: SnapshotMeta;
    readonly mustSync?: boolean;
  }): AppendBatch {
    const seq = ++this.#seq;
    const full: AppendBatch = { seq, entries: [], mustSync: true, ...batch };
    this.wal.append(full, (error) => {
      if (error === undefined) this.done.push(seq);
      else this.errors.push(error);
    });
    return full;
  }

  /** Appends, and lets time pass until nothing happens any more. */
  write(batch: Parameters<LogUnderTest['append']>[0]): void {
    this.append(batch);
    this.time.run();
  }

  async close(): Promise<void> {
    const closed = this.wal.close();
    this.time.run();
    await closed;
  }
}
