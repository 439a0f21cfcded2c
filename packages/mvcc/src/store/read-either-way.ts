import type { Clock } from '@coterie/raft';
import type { PoolWatch } from './pool-watch.js';

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

/** The threads that a process has for reads and for whatever its application gives them, and time to wait for them. */
export interface SharedPool {
  readonly watch: PoolWatch;
  readonly clock: Clock;
}

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
  { watch, clock }: SharedPool,
): void {
  const own: (Uint8Array | undefined)[] = [];
  let open = true;
  const answer: Values = (error, values) => {
    if (!open) return;
    open = false;
    clock.clearInterval(timer);
    done(error, values);
  };
  let looked = false;
  const readOn = (): void => {
    if (!looked) {
      looked = true;
      watch.look();
      return;
    }
    given.late = true;
    if (watch.diskStands) return;
    const from = clock.now();
    try {
      while (own.length < keys.length && clock.now() - from < stretchMs) own.push(read(keys[own.length]!));
    } catch (error) {
      answer(error as Error, []);
      return;
    }
    if (own.length === keys.length) answer(undefined, own);
  };
  const timer = clock.setInterval(readOn, (poolPatienceMs + keys.length * patiencePerKeyMs) / 2);
  byPool((error, values) => {
    watch.answered(given);
    answer(error, values);
  });
  const given = watch.give();
}
