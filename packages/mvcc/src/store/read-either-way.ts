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

/**
 * A read by the shared pool of threads, or by this thread where the pool is occupied; whoever is first answers.
 *
 * Entries wait for what they read, and with them every write behind them. The pool's four threads are the
 * application's too: a few derivations of passwords keep them for hundreds of milliseconds, while what is read here
 * mostly lies in the page cache, a few microseconds away.
 *
 * @param byPool begins the read by the pool; answers later, never from inside
 * @param read reads one key on this thread
 */
export function readEitherWay(
  byPool: (done: Values) => void,
  keys: readonly string[],
  read: (key: string) => Uint8Array | undefined,
  done: Values,
): void {
  const own: (Uint8Array | undefined)[] = [];
  let open = true;
  const answer: Values = (error, values) => {
    if (!open) return;
    open = false;
    clearTimeout(timer);
    done(error, values);
  };
  const readOn = (): void => {
    const begun = performance.now();
    try {
      while (own.length < keys.length && performance.now() - begun < stretchMs) own.push(read(keys[own.length]!));
    } catch (error) {
      answer(error as Error, []);
      return;
    }
    if (own.length === keys.length) answer(undefined, own);
    else timer.refresh();
  };
  const timer = setTimeout(readOn, poolPatienceMs + keys.length * patiencePerKeyMs);
  byPool(answer);
}
