/** What a member process is started with, as JSON in its first argument. */
export interface MemberOptions {
  readonly name: string;
  readonly port: number;
  readonly dataDir: string;
  readonly peers: Readonly<Record<string, string>>;
}

/** The load that a member makes on itself: `clients` closed loops, each one put after the other. */
export interface LoadOptions {
  readonly clients: number;
  readonly keys: number;
  readonly valueBytes: number;
}

export type MemberRequest =
  | { readonly type: 'status' }
  | { readonly type: 'load'; readonly load: LoadOptions }
  /** The figures since the last mark. */
  | { readonly type: 'mark' }
  | { readonly type: 'unload' }
  | { readonly type: 'close' };

/** Where a member stands. */
export interface MemberStatus {
  readonly ready: boolean;
  readonly leader?: string;
  readonly term: number;
}

/** What happened in a process since its last mark. */
export interface Mark {
  readonly ms: number;
  readonly puts: number;
  /** By error code. */
  readonly errors: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  readonly cpuMicros: number;
  readonly rssBytes: number;
  readonly revisions: number;
  readonly walSyncs: number;
}

export type MemberReply =
  { readonly id: number; readonly result: unknown } | { readonly id: number; readonly error: string };
