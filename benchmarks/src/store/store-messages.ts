/** What a process of the store suite is to do, as JSON in its first argument. */
export type StoreTask =
  /** Writes so many keys, then closes. */
  | { readonly do: 'fill'; readonly dir: string; readonly keys: number }
  /** Writes so many keys and brings the store to just before its next checkpoint; then waits to be killed. */
  | { readonly do: 'fill-and-wait'; readonly dir: string; readonly keys: number }
  /** Opens, reads one key, tells what that took. */
  | { readonly do: 'open'; readonly dir: string; readonly keys: number }
  | { readonly do: 'operations'; readonly dir: string; readonly durability: 'fsync' | 'os'; readonly ms: number }
  | { readonly do: 'watch'; readonly dir: string; readonly watchers: number; readonly ms: number }
  | { readonly do: 'compaction'; readonly dir: string; readonly revisions: number }
  | { readonly do: 'checkpoint'; readonly dir: string; readonly ms: number }
  | { readonly do: 'log'; readonly dir: string; readonly batch: number; readonly ms: number }
  | { readonly do: 'put-latency'; readonly dir: string; readonly keys: number; readonly ms: number };

/** A figure that a process found, beside the name of what it measured. */
export interface StoreFigure {
  readonly case: string;
  readonly opsPerSec?: number;
  readonly ms?: number;
  readonly p50Us?: number;
  readonly p99Us?: number;
  /** The longest time for which the event loop was not free. */
  readonly loopStallMs?: number;
  readonly rssAnonMiB?: number;
  readonly bytesPerSec?: number;
  readonly note?: string;
}
