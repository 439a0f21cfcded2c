import type { WriterInit } from './segment-writer.js';

/** What a runner tells the log that it runs. */
export interface WalRunnerHost {
  /**
   * So many more batches are done, in the order in which they were published. Never called from inside a call of the
   * log.
   */
  completed(batches: number): void;
  /** Called once: nothing published and not completed is known to be durable, and nothing more is accepted. */
  failed(error: Error): void;
}

/** Where batches are encoded: exactly as many bytes as were asked for. */
export interface Reservation {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Who calls the segment writer: a thread of its own, or virtual time. Serves one log. */
export interface WalRunner {
  start(init: WriterInit, host: WalRunnerHost): void;
  /**
   * Room for one batch, to be filled and published before the next is asked for.
   * @returns undefined while there is none
   */
  reserve(bytes: number): Reservation | undefined;
  /** Hands the reserved batch over. */
  publish(): void;
  readonly syncCount: number;
  /** The disk has no room for the next segment: proposals should be refused before the log needs it. */
  readonly outOfSpace: boolean;
  /** Called when everything published is completed. Resolves when files and thread are closed. */
  close(): Promise<void>;
  /** Stops at once, without waiting for a disk that may be stuck. */
  abandon(): void;
}
