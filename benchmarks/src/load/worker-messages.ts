/** Puts on random keys. */
export interface LoadOptions {
  /** Closed loops: each client waits for its answer before it asks again. In an open loop, how many may be open. */
  readonly clients: number;
  readonly keys: number;
  readonly valueBytes: number;
  /** An open loop: puts begin at this rate, whether others are answered or not. */
  readonly perSecond?: number;
}

/** Keys to write before a row, so that each of the first `keys` exists. */
export interface FillOptions {
  readonly keys: number;
  readonly valueBytes: number;
}

export type WorkerRequest =
  | { readonly type: 'status' }
  | { readonly type: 'fill'; readonly fill: FillOptions }
  | { readonly type: 'load'; readonly load: LoadOptions }
  /** How far it is since the last mark. */
  | { readonly type: 'progress' }
  /** The figures since the last mark. */
  | { readonly type: 'mark' }
  | { readonly type: 'unload' }
  /** Occupies the shared pool of threads: so many derivations of about 100 ms at any time, until `relax`. */
  | { readonly type: 'burn'; readonly jobs: number }
  | { readonly type: 'relax' }
  /** Begins, and with `end` ends, to tell where processor time goes. */
  | { readonly type: 'budget'; readonly end: boolean }
  | { readonly type: 'close' };

/** Where a process stands. */
export interface WorkerStatus {
  readonly ready: boolean;
  readonly leader?: string;
  readonly term: number;
}

/** How far a process is since its last mark. */
export interface Progress {
  readonly puts: number;
  readonly checkpoints: number;
  readonly cpuMicros: number;
}

/** What happened in a process since its last mark. */
export interface Mark {
  readonly ms: number;
  readonly puts: number;
  /** By error code. */
  readonly errors: Readonly<Record<string, number>>;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  readonly cpuMicros: number;
  readonly rssBytes: number;
  readonly loopStallMs: number;
  /** What the system in this process counts besides. */
  readonly counts: SystemCounts;
}

/** Running totals of a system; a mark has the differences, of the backlog what is there now. */
export interface SystemCounts {
  readonly walSyncs?: number;
  readonly checkpoints?: number;
  readonly levelOps?: number;
  readonly backlogBytes?: number;
}

export type WorkerReply =
  { readonly id: number; readonly result: unknown } | { readonly id: number; readonly error: string };
