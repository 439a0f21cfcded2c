import type { AppendBatch } from '@coterie/raft';
import type { SimMember } from '../sim-member.js';
import type { DiskTruth } from './disk-truth.js';

/** Where a batch of commands has its stamp, which is a little-endian f64: see `node/entry-batch.ts` of raft. */
const stampAt = 1;
/** Between drawing a stamp and the append there is no wait, and stamps are whole ms. */
const toleranceMs = 5;

/** One leader of one term: where its stamps began, by its own clock. */
interface Lead {
  readonly term: number;
  readonly sinceMs: number;
  /** Log time when it began to stamp; unknown before its first stamp. */
  baseMs: number | undefined;
  /** Its first stamp, and when that was. */
  first: { readonly stampMs: number; readonly atMs: number } | undefined;
}

/**
 * Log time never goes back along the log, goes on with the clock of whoever leads, and stands still without a leader:
 * a time to live that ends early loses data, and one that never ends keeps it.
 *
 * Stamps are read from the entries that leaders give to their logs, and held against what state machines believe.
 */
export class LogTimeChecks {
  readonly #report: (problem: string) => void;
  readonly #leads = new WeakMap<SimMember, Lead>();
  /** By index and term of its entry. */
  readonly #stamps = new Map<number, { readonly term: number; readonly stampMs: number }[]>();
  /** Log time as of entries that were applied, and the highest of them. */
  readonly #applied = new Map<number, number>();
  #last = { index: 0, logTimeMs: 0 };

  constructor(report: (problem: string) => void) {
    this.#report = report;
  }

  /** A member leads a term. */
  leads(member: SimMember, term: number): void {
    this.#leads.set(member, { term, sinceMs: member.process.now, baseMs: undefined, first: undefined });
  }

  /** A member gives entries to its log. */
  appended(member: SimMember, truth: DiskTruth, { entries }: AppendBatch): void {
    const lead = this.#leads.get(member);
    if (truth.leads === 0 || lead?.term !== truth.leads) return;
    for (const { index, term, kind, data } of entries) {
      if (kind !== 'normal' || term !== lead.term) continue;
      const stampMs = new DataView(data.buffer, data.byteOffset, data.byteLength).getFloat64(stampAt, true);
      const forms = this.#stamps.get(index);
      if (forms === undefined) this.#stamps.set(index, [{ term, stampMs }]);
      else forms.push({ term, stampMs });
      this.#check(member, lead, index, stampMs);
    }
  }

  /** A member has applied an entry. */
  applied(member: SimMember, index: number, term: number): void {
    const logTimeMs = member.engine.replica?.machine.logTimeMs() ?? 0;
    const stampMs = this.#stamps.get(index)?.find((form) => form.term === term)?.stampMs;
    const known = this.#applied.get(index) ?? stampMs;
    if (known !== undefined && known !== logTimeMs)
      this.#report(`log time: ${member.name} is at ${logTimeMs} as of entry ${index}, which is of ${known}`);
    this.#applied.set(index, logTimeMs);
    if (index < this.#last.index) return;
    if (logTimeMs < this.#last.logTimeMs)
      this.#report(`log time: it goes back from ${this.#last.logTimeMs} to ${logTimeMs} at entry ${index}`);
    this.#last = { index, logTimeMs };
  }

  #check(member: SimMember, lead: Lead, index: number, stampMs: number): void {
    const { now } = member.process;
    // It stamps when it has applied all of earlier terms, and nothing of its own is there yet.
    lead.baseMs ??= member.engine.replica?.machine.logTimeMs() ?? 0;
    lead.first ??= { stampMs, atMs: now };
    const { first, baseMs, sinceMs, term } = lead;
    const least = Math.max(baseMs, first.stampMs + (now - first.atMs) - toleranceMs);
    const most = baseMs + (now - sinceMs);
    if (stampMs >= least && stampMs <= most) return;
    this.#report(
      `log time: ${member.name}, leader of term ${term} for ${now - sinceMs} ms, stamps entry ${index} with ${stampMs}; ` +
        `by its clock it is from ${least} to ${most}`,
    );
  }
}
