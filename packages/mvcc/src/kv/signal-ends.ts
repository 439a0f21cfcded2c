import { endedATurn } from './lifecycle.js';
import { systemScheduler } from './system-time.js';

interface Ends {
  readonly all: Set<() => void>;
  readonly listener: () => void;
}

const endsOf = new WeakMap<AbortSignal, Ends>();

/**
 * Calls `end` when the signal fires, through one listener for all who wait for the same one: a signal looks at every
 * listener that it has before it takes another, so that 100,000 watches of one signal would need minutes to open.
 *
 * @returns how to take it back; the last one takes the listener with it
 */
export function onceAborted(signal: AbortSignal, end: () => void): () => void {
  const ends = endsOf.get(signal) ?? listen(signal);
  ends.all.add(end);
  return () => {
    if (!ends.all.delete(end) || ends.all.size > 0 || endsOf.get(signal) !== ends) return;
    endsOf.delete(signal);
    signal.removeEventListener('abort', ends.listener);
  };
}

function listen(signal: AbortSignal): Ends {
  const all = new Set<() => void>();
  const listener = (): void => {
    endsOf.delete(signal);
    endSome(all);
  };
  const ends = { all, listener };
  endsOf.set(signal, ends);
  signal.addEventListener('abort', listener, { once: true });
  return ends;
}

/** Very many are ended over several turns: who asks meanwhile sees by its signal that it is over. */
function endSome(all: Set<() => void>): void {
  let ended = 0;
  for (const end of all) {
    if (ended++ === endedATurn) {
      systemScheduler.defer(() => endSome(all));
      return;
    }
    all.delete(end);
    end();
  }
}
