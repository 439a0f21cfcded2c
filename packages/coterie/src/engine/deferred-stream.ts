import type { EngineStream } from '@coterie/mvcc';

/** A stream that is opened later; closing it before gives the opening up. */
export function deferredStream<T>(open: (signal: AbortSignal) => Promise<EngineStream<T>>): EngineStream<T> {
  const abort = new AbortController();
  let stream: EngineStream<T> | undefined;
  const opening = open(abort.signal).then((opened) => {
    stream = opened;
    if (abort.signal.aborted) opened.close();
    return opened;
  });
  // Whoever reads sees the fault; a stream that nobody reads must not reject into the process.
  opening.catch(() => undefined);
  return {
    next: async () => {
      if (abort.signal.aborted) return undefined;
      try {
        return await (await opening).next();
      } catch (error) {
        if (abort.signal.aborted) return undefined;
        throw error;
      }
    },
    close: () => {
      abort.abort();
      stream?.close();
    },
  };
}
