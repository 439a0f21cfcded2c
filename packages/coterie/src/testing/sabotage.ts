import type { DiskOperation, DiskStrike } from '@coterie/mvcc/testing';

/**
 * A fault that waits for its moment: when the point is reached for the time after `skip` others, `strike` befalls what
 * happens there. Once.
 */
export interface Plan {
  readonly point: string;
  skip: number;
  readonly strike: DiskStrike;
  /** Called just before it strikes. */
  readonly fired: () => void;
  /** Left out: as long as it waits. */
  readonly stillDue?: () => boolean;
}

/** The faults that wait on one machine. Asking costs nothing while there are none. */
export class Sabotage {
  #plans: readonly Plan[] = [];
  readonly #changed: () => void;

  /** @param changed called when there is a first plan or none any more */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get idle(): boolean {
    return this.#plans.length === 0;
  }

  plan(plan: Plan): void {
    this.#set([...this.#plans, plan]);
  }

  /** @returns whether it still waited */
  cancel(plan: Plan): boolean {
    const waited = this.#plans.includes(plan);
    if (waited) this.#set(this.#plans.filter((other) => other !== plan));
    return waited;
  }

  /** A point is reached. */
  strike(point: string): DiskStrike | undefined {
    for (const plan of this.#plans) {
      if (plan.point !== point || plan.skip-- > 0) continue;
      this.cancel(plan);
      if (plan.stillDue?.() === false) continue;
      plan.fired();
      return plan.strike;
    }
    return undefined;
  }

  #set(plans: readonly Plan[]): void {
    const { idle } = this;
    this.#plans = plans;
    if (idle !== this.idle) this.#changed();
  }
}

/** The name of an operation on a file of a data directory: what the file is for, and what is done. */
export function diskPoint(operation: DiskOperation, path: string): string {
  return `${roomOf(path)}.${operation}`;
}

function roomOf(path: string): string {
  if (path.endsWith('.wal')) return 'wal';
  if (path.endsWith('next.tmp')) return 'segment';
  if (path.endsWith('.history')) return 'history';
  if (path.endsWith('.export')) return 'export';
  if (path.includes('/CURRENT')) return 'current';
  if (path.includes('/IDENTITY')) return 'identity';
  if (/\/wal(-\d+)?$/.test(path)) return 'wal';
  if (path.endsWith('/store')) return 'current';
  return path.includes('/store-') ? 'history' : 'identity';
}
