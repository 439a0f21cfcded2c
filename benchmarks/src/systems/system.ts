import type { Mark } from '../load/worker-messages.js';
import type { Worker } from '../load/worker.js';

/** What a system is started with. */
export interface SystemOptions {
  /** Its data, on the disk that is measured. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** A replicated store, or what stands for one, in processes of its own: three members, every put synced by two. */
export interface System {
  readonly name: string;
  readonly members: number;
  /** Why it cannot be measured here; undefined when it can. */
  unavailable(): string | undefined;
  start(options: SystemOptions): Promise<RunningSystem>;
}

/** What a system did since its last mark. */
export interface SystemMark {
  /** Of the processes that carry load, in their order. */
  readonly loaders: readonly Mark[];
  /** Of the member that leads. */
  readonly leader: Mark;
  /** CPU of all processes that serve. */
  readonly cpuMicros: number;
  readonly checkpoints?: number;
  readonly rssBytes?: number;
}

/** A system that serves. */
export interface RunningSystem {
  /** The processes that can carry load; the first one has the leader in it, or nearest. Waits for a leader. */
  loaders(): Promise<readonly Worker[]>;
  mark(): Promise<SystemMark>;
  close(): Promise<void>;
}
