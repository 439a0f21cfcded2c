/** How much history a leader keeps before it asks the cluster to let go of it. */
export interface HistoryLimits {
  /** Default 100,000 revisions. */
  readonly revisions: number;
  /** Default five minutes of log time. */
  readonly ms: number;
  /** Bytes of files on the leader's disk beyond which the other two do not count; default 256 MiB. */
  readonly bytes: number;
}

/** How much is kept unless told. */
export const defaultHistoryLimits: HistoryLimits = { revisions: 100_000, ms: 300_000, bytes: 256 << 20 };

/** Samples kept of the time that is kept: one a second of five minutes, rarer ones of a longer time. */
const samples = 300;

/**
 * Chooses compact revisions: everything older than both bounds may go, and whatever is beyond the bytes must. It only
 * proposes, and from what one member's files take, because the files of no two members are cut alike; the compact
 * revision itself is replicated state that moves by a log entry.
 */
export class HistoryKeeper {
  readonly #limits: HistoryLimits;
  #samples: { readonly logTimeMs: number; readonly revision: number }[] = [];

  constructor(limits: HistoryLimits) {
    this.#limits = limits;
  }

  /**
   * @param must compaction to here is needed to stay within the bytes; 0: none is
   * @returns the revision to compact to, when it is worth an entry
   */
  sample(logTimeMs: number, revision: number, compactRevision: number, must: number): number | undefined {
    const last = this.#samples.at(-1);
    // A distance, not a number of the newest: of a longer time these would never be old enough.
    if (last === undefined || logTimeMs - last.logTimeMs >= this.#limits.ms / samples) {
      this.#samples.push({ logTimeMs, revision });
    }
    let old = 0;
    while (this.#samples.length > 1 && this.#samples[0]!.logTimeMs <= logTimeMs - this.#limits.ms) {
      old = this.#samples.shift()!.revision;
    }
    // A file at a time, so that these stay rare too.
    if (must > compactRevision) return must;
    const target = Math.min(old, revision - this.#limits.revisions);
    // In steps of a tenth, so that compactions stay rare.
    return target > compactRevision + this.#limits.revisions / 10 ? target : undefined;
  }

  reset(): void {
    this.#samples = [];
  }
}
