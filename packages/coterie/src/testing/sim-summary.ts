import type { SimAnswer } from './sim-worker.js';

/** A batch of so many seeds must have shown everything; fewer need not. */
const batchSeeds = 200;

/** Adds up what the seeds of a batch did. Reports themselves are not kept: a batch may be long. */
export class SimSummary {
  readonly #happened = new Map<string, number>([
    ['operations', 0],
    ['writes acknowledged', 0],
    ['writes of unknown fate', 0],
    ['linearizable reads', 0],
    ['leader changes', 0],
  ]);
  #seeds = 0;
  #simulatedMs = 0;
  /** Of seeds that were run a second time. */
  #repeatedMs = 0;
  #cpuMs = 0;
  readonly failed: number[] = [];

  add({ report, cpuMs, again }: SimAnswer, ok: boolean): void {
    this.#seeds++;
    this.#simulatedMs += report.simulatedMs;
    this.#cpuMs += cpuMs;
    if (again !== undefined) this.#repeatedMs += report.simulatedMs;
    if (!ok) this.failed.push(report.seed);
    this.#count('operations', report.operations);
    this.#count('writes acknowledged', report.acked);
    this.#count('writes of unknown fate', report.unknown);
    this.#count('linearizable reads', report.reads);
    this.#count('leader changes', report.leaderChanges);
    for (const [what, times] of Object.entries(report.counts)) this.#count(what, times);
  }

  /** A seed without a report. */
  broke(seed: number): void {
    this.#seeds++;
    this.failed.push(seed);
  }

  /** @param seconds of real time, in `jobs` processes */
  lines(seconds: number, jobs: number): string[] {
    const hours = this.#simulatedMs / 3_600_000;
    const runMs = this.#simulatedMs + this.#repeatedMs;
    const wall = (runMs / 1000 / seconds / jobs).toFixed(0);
    // What it would be on cores of its own.
    const cpu = (runMs / Math.max(1, this.#cpuMs)).toFixed(0);
    return [
      ...[...this.#happened].map(([what, times]) => `${what}: ${times}`),
      `${this.#seeds} seeds, ${hours.toFixed(2)} simulated hours in ${seconds.toFixed(1)} s on ${jobs} cores ` +
        `(${wall} simulated hours per wall hour and core, ${cpu} per hour of processor time); ${this.failed.length} failed` +
        (this.failed.length === 0 ? '' : `: ${this.failed.join(', ')}`),
    ];
  }

  /** What never happened in a batch that is long enough to show it. */
  get vacuous(): readonly string[] {
    if (this.#seeds < batchSeeds) return [];
    return [...this.#happened].filter(([, times]) => times === 0).map(([what]) => what);
  }

  #count(what: string, times: number): void {
    this.#happened.set(what, (this.#happened.get(what) ?? 0) + times);
  }
}
