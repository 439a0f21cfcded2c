/** The parts of a run, from the point of view of the member that is killed. */
export type Phase = 'before' | 'during' | 'after';

/** One request to put one value; a put that is tried again is another attempt, with another value. */
export interface Attempt {
  readonly id: number;
  readonly key: string;
  readonly pass: number;
  /** `refused`: certainly not written. `unknown`: it may have been. */
  state: 'open' | 'acknowledged' | 'refused' | 'unknown';
  revision?: number;
}

/**
 * Everything that was tried and what became of it. Each attempt's value is unique, so a value seen in the cluster names
 * the attempt that wrote it, and one that is seen twice was applied twice.
 */
export class PutLedger {
  readonly attempts: Attempt[] = [];
  readonly acknowledged: Record<Phase, number> = { before: 0, during: 0, after: 0 };
  phase: Phase = 'before';
  refused = 0;
  unknown = 0;
  /** The longest time between two acknowledgements. */
  longestPauseMs = 0;
  #lastAckAtMs: number | undefined;

  get total(): number {
    return this.acknowledged.before + this.acknowledged.during + this.acknowledged.after;
  }

  begin(key: string, pass: number): Attempt {
    const attempt: Attempt = { id: this.attempts.length, key, pass, state: 'open' };
    this.attempts.push(attempt);
    return attempt;
  }

  acknowledge(attempt: Attempt, revision: number): void {
    attempt.state = 'acknowledged';
    attempt.revision = revision;
    this.acknowledged[this.phase]++;
    const now = performance.now();
    this.longestPauseMs = Math.max(this.longestPauseMs, now - (this.#lastAckAtMs ?? now));
    this.#lastAckAtMs = now;
  }

  fail(attempt: Attempt, applied: 'no' | 'unknown'): void {
    attempt.state = applied === 'no' ? 'refused' : 'unknown';
    if (applied === 'no') this.refused++;
    else this.unknown++;
  }
}
