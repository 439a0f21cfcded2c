import { storageError } from '../files/storage-error.js';
import type { FileSystem } from '../files/file-system.js';
import { flags, flagsAt, viewOf } from './format.js';
import { outOfSpaceRetryMs, SegmentWriter, type WriterInit } from './segment-writer.js';
import type { Reservation, WalRunner, WalRunnerHost } from './wal-runner.js';

/** Disk and time of a log that is written in this thread. */
export interface InlineWalRunnerOptions {
  readonly fs: FileSystem;
  /** Calls `fn` once, `latencyMs` later, never from inside the call. */
  readonly schedule: (latencyMs: number, fn: () => void) => void;
  /** How long a write, a sync and a step of maintenance take, in ms. Asked for each. Default: 0.02, 0.2, 1. */
  readonly latencyMs?: (step: WalStep) => number;
}
export type WalStep = 'write' | 'sync' | 'maintain';

const defaultLatencyMs: Readonly<Record<WalStep, number>> = { write: 0.02, sync: 0.2, maintain: 1 };

interface Published {
  readonly bytes: Uint8Array;
  readonly mustSync: boolean;
}

/**
 * Runs the segment writer in this thread at the times that a scheduler gives: the same code as on the log's own thread,
 * for simulations and for programs that may not have threads. Between the write and the sync of a group, and between
 * any two groups, virtual time passes, so that a crash can fall there.
 */
export class InlineWalRunner implements WalRunner {
  readonly #options: InlineWalRunnerOptions;
  #writer: SegmentWriter | undefined;
  #host: WalRunnerHost | undefined;
  #reserved: Reservation | undefined;
  #waiting: Published[] = [];
  /** A group is being written or synced, or a step of maintenance is scheduled to begin. */
  #busy = false;
  #maintaining = false;
  #stopped = false;

  constructor(options: InlineWalRunnerOptions) {
    this.#options = options;
  }

  get syncCount(): number {
    return this.#writer?.syncCount ?? 0;
  }

  get outOfSpace(): boolean {
    return this.#writer?.outOfSpace ?? false;
  }

  start(init: WriterInit, host: WalRunnerHost): void {
    this.#host = host;
    this.#writer = new SegmentWriter(this.#options.fs, init);
    this.#maintainLater('maintain');
  }

  reserve(bytes: number): Reservation {
    const room = new Uint8Array(bytes);
    return (this.#reserved = { bytes: room, view: viewOf(room) });
  }

  publish(): void {
    const { bytes, view } = this.#reserved as Reservation;
    this.#waiting.push({ bytes, mustSync: (flagsAt(view, 0) & flags.mustSync) !== 0 });
    if (this.#busy) return;
    this.#busy = true;
    this.#later('write', () => this.#writeGroup());
  }

  close(): Promise<void> {
    if (!this.#stopped) this.#attempt(() => this.#writer?.close());
    this.#stopped = true;
    return Promise.resolve();
  }

  /** Nothing more happens: the process is dead, or its disk is given up. */
  abandon(): void {
    this.#stopped = true;
  }

  #writeGroup(): void {
    const group = this.#waiting;
    this.#waiting = [];
    if (!this.#attempt((writer) => group.forEach(({ bytes }) => writer.write(bytes)))) return;
    if (group.some(({ mustSync }) => mustSync)) this.#later('sync', () => this.#syncGroup(group.length));
    else this.#finishGroup(group.length);
  }

  #syncGroup(batches: number): void {
    if (this.#attempt((writer) => writer.sync())) this.#finishGroup(batches);
  }

  #finishGroup(batches: number): void {
    const paced = this.#attempt((writer) => {
      while (writer.maintain(false) === 'more');
    });
    this.#busy = this.#waiting.length > 0;
    if (this.#busy && paced) this.#later('write', () => this.#writeGroup());
    else this.#maintainLater('maintain');
    this.#host?.completed(batches);
  }

  #maintainLater(step: 'maintain' | 'retry'): void {
    if (this.#maintaining) return;
    this.#maintaining = true;
    this.#later(step, () => {
      this.#maintaining = false;
      if (this.#busy) return;
      let next: string = 'done';
      this.#attempt((writer) => (next = writer.maintain(true)));
      if (next === 'more') this.#maintainLater('maintain');
      if (next === 'retry') this.#maintainLater('retry');
    });
  }

  #later(step: WalStep | 'retry', fn: () => void): void {
    const latencyMs =
      step === 'retry' ? outOfSpaceRetryMs : (this.#options.latencyMs?.(step) ?? defaultLatencyMs[step]);
    this.#options.schedule(latencyMs, () => {
      if (!this.#stopped) fn();
    });
  }

  /** @returns whether it went well; otherwise the log has failed for good */
  #attempt(act: (writer: SegmentWriter) => void): boolean {
    try {
      act(this.#writer as SegmentWriter);
      return true;
    } catch (error) {
      this.#stopped = true;
      this.#host?.failed(storageError('the log cannot be written', error));
      return false;
    }
  }
}
