import type { Message } from '@coterie/raft';
import type { DiskTruth, StagedBatch } from './disk-truth.js';

/** Heartbeats of so many different moments, an election timeout apart in all: one may slip out before the next tick. */
const seenMax = 5;

/**
 * A leader whose disk stands still must not hold the cluster with its heartbeats: the others could elect one who can
 * write (etcd issue 13527).
 */
export class StallChecks {
  readonly #electionTimeoutMs: number;
  readonly #report: (problem: string) => void;
  readonly #seen = new Map<StagedBatch, { readonly sinceMs: number; lastMs: number; times: number }>();

  constructor(electionTimeoutMs: number, report: (problem: string) => void) {
    this.#electionTimeoutMs = electionTimeoutMs;
    this.#report = report;
  }

  /** @param nowMs by the clock of the member */
  send({ name, oldest }: DiskTruth, { type, term }: Message, nowMs: number): void {
    if (type !== 'heartbeat' || oldest === undefined || nowMs - oldest.atMs < 2 * this.#electionTimeoutMs) return;
    const seen = this.#seen.get(oldest) ?? { sinceMs: nowMs, lastMs: nowMs, times: 0 };
    this.#seen.set(oldest, seen);
    if (nowMs > seen.lastMs) seen.times++;
    seen.lastMs = nowMs;
    if (seen.times < seenMax || nowMs - seen.sinceMs < this.#electionTimeoutMs) return;
    this.#report(
      `stalled leader: ${name} goes on leading term ${term}; its disk stands since ${nowMs - oldest.atMs} ms`,
    );
  }
}
