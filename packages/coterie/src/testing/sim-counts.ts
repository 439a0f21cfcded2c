/**
 * How often each named thing happened. A fault that never fired has not been tested, so names are declared before they
 * are counted and a 0 shows.
 */
export class SimCounts {
  readonly #counts = new Map<string, number>();

  declare(names: readonly string[]): void {
    for (const name of names) if (!this.#counts.has(name)) this.#counts.set(name, 0);
  }

  add(name: string, times = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + times);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** In order of declaration. */
  get all(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}
