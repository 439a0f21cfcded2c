import { randomBytes } from 'node:crypto';

/**
 * How long a read may wait for a thread of the shared pool before this one begins to read by itself: several times what
 * it takes, or a processor that is busy would do the same work twice.
 */
const poolPatienceMs = 8;
const patiencePerKeyMs = 0.1;
/** How long it reads at a stretch; one record more may be on its way. */
const stretchMs = 2;

/** The values of keys, in their order, or what went wrong. */
type Values = (error: Error | undefined, values: readonly (Uint8Array | undefined)[]) => void;

/** A read that the pool was given. */
interface Given {
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

const pool = new PoolWatch((done) => {
  randomBytes(1, done);
});

/**
 * A read by the shared pool of threads, or by this thread where the pool is occupied; whoever is first answers.
 *
 * Entries wait for what they read, and with them every write behind them. The pool's four threads are the
 * application's too: a few derivations of passwords keep them for hundreds of milliseconds, while what is read here
 * mostly lies in the page cache, a few microseconds away. Not while a read that the pool has begun is late: see
 * {@link PoolWatch}.
 *
 * @param byPool begins the read by the pool; answers later, never from inside
 * @param read reads one key on this thread
 */
export function readEitherWay(
  byPool: (done: Values) => void,
  keys: readonly string[],
  read: (key: string) => Uint8Array | undefined,
  done: Values,
  watch = pool,
): void {
  const own: (Uint8Array | undefined)[] = [];
  let open = true;
  const answer: Values = (error, values) => {
    if (!open) return;
    open = false;
    clearTimeout(timer);
    done(error, values);
  };
  let looked = false;
  const readOn = (): void => {
    if (!looked) {
      looked = true;
      watch.look();
      timer.refresh();
      return;
    }
    given.late = true;
    if (watch.diskStands) {
      timer.refresh();
      return;
    }
    const from = performance.now();
    try {
      while (own.length < keys.length && performance.now() - from < stretchMs) own.push(read(keys[own.length]!));
    } catch (error) {
      answer(error as Error, []);
      return;
    }
    if (own.length === keys.length) answer(undefined, own);
    else timer.refresh();
  };
  const timer = setTimeout(readOn, (poolPatienceMs + keys.length * patiencePerKeyMs) / 2);
  byPool((error, values) => {
    watch.answered(given);
    answer(error, values);
  });
  const given = watch.give();
}
