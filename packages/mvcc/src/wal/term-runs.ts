interface Run {
  readonly from: number;
  readonly term: number;
}

/** Which entries a log holds and of which terms, without them: one note for each change of the term. */
export class TermRuns {
  #runs: Run[] = [];
  #last = 0;

  /** The first index; undefined where there is none. */
  get first(): number | undefined {
    return this.#runs[0]?.from;
  }

  /** The last index; meaningless where there is none. */
  get last(): number {
    return this.#last;
  }

  /** Undefined where the log does not reach. */
  termAt(index: number): number | undefined {
    return index > this.#last ? undefined : this.#runs.findLast(({ from }) => from <= index)?.term;
  }

  /** Takes an entry for the one of its index and everything behind it. */
  put(index: number, term: number): void {
    while (this.#runs.length > 0 && this.#runs.at(-1)!.from >= index) this.#runs.pop();
    if (this.#runs.at(-1)?.term !== term) this.#runs.push({ from: index, term });
    this.#last = index;
  }

  clear(): void {
    this.#runs = [];
  }
}
