/** A read that the pool was given. */
export interface Given {
  /** A thread has taken it. */
  begun: boolean;
  /** It has been waited for long enough. */
  late: boolean;
}

/**
 * Tells a pool that is occupied from a disk that stands still: reads on this thread help against the first, and would
 * hold the whole application, heartbeats included, with the second.
 *
 * The pool takes its jobs in order. So when one without a disk is done, all reads that were given before it have begun,
 * and those that are late are so because of the disk.
 */
export class PoolWatch {
  readonly #probe: (done: () => void) => void;
  readonly #given = new Set<Given>();
  #probing = false;

  /** @param probe has the pool do next to nothing; `done` later, never from inside */
  constructor(probe: (done: () => void) => void) {
    this.#probe = probe;
  }

  /** Called right after the pool was given a read. */
  give(): Given {
    const read = { begun: false, late: false };
    this.#given.add(read);
    // Most reads are alone, and done before a job more would tell anything.
    if (this.#given.size > 1) this.look();
    return read;
  }

  answered(read: Given): void {
    this.#given.delete(read);
  }

  get diskStands(): boolean {
    for (const { begun, late } of this.#given) if (begun && late) return true;
    return false;
  }

  /** Finds out which reads have begun. */
  look(): void {
    const before = [...this.#given].filter(({ begun }) => !begun);
    if (this.#probing || before.length === 0) return;
    this.#probing = true;
    this.#probe(() => {
      this.#probing = false;
      for (const read of before) read.begun = true;
      this.look();
    });
  }
}
